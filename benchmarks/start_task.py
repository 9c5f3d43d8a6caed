"""Child process of the benchmarks: do what a task start does before the task itself begins.

    python -m benchmarks.start_task BUNDLE VERSION STUB

The steps are those of `parse` in airflow/sdk/execution_time/task_runner.py. Prints one line of
JSON: `bundle_s`, `parse_s`, in seconds of the processor.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag


def main(bundle_name: str, version: str, stub: str) -> None:
    start = time.process_time()
    bundle = DagBundlesManager().get_bundle(name=bundle_name, version=version)  # type: ignore[no-untyped-call]
    bundle.initialize()
    ready = time.process_time()
    bag = BundleDagBag(
        dag_folder=os.fspath(Path(bundle.path, stub)),
        safe_mode=False,
        load_op_links=False,
        bundle_path=bundle.path,
        bundle_name=bundle_name,
    )
    end = time.process_time()
    assert len(bag.dags) == 1, bag.import_errors
    print(json.dumps({"bundle_s": ready - start, "parse_s": end - ready}))


if __name__ == "__main__":
    main(*sys.argv[1:])
