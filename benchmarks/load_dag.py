"""Child process of the benchmarks: load DAG files one after another, as Airflow does, and time each.

    python -m benchmarks.load_dag [--import MODULE ...] -- FILE ...

Modules named are imported before the clock starts. Prints a JSON list of `{"file", "seconds", "tasks"}`.
Seconds are those of the processor, so that a busy machine does not blur the comparison.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from airflow.sdk import DAG


def load(file: str) -> DAG:
    """Execute a DAG file as a module, its byte code from the cache, and return its DAG."""
    spec = spec_from_file_location("loaded", file, loader=SourceFileLoader("loaded", file))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return next(value for value in vars(module).values() if isinstance(value, DAG))


def build_of(stub: Path) -> Path:
    """Find the compiled plan that a stub points to."""
    digest = stub.read_text(encoding="utf-8").rsplit('"', 2)[1]
    return stub.parents[2] / "plans" / digest / "build"


def timed(file: str) -> dict[str, Any]:
    gc.collect()
    start = time.process_time()
    dag = load(file)
    return {"file": file, "seconds": time.process_time() - start, "tasks": len(dag.tasks)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--import", dest="modules", action="append", default=[])
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    for module in options.modules:
        importlib.import_module(module)
    print(json.dumps([timed(file) for file in options.files]))


if __name__ == "__main__":
    main()
