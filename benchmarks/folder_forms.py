"""Child process of the benchmarks: a folder of many plans, and one of as many DAG files written by hand.

    python -m benchmarks.folder_forms SCRATCH COUNT PLAN ...

The real plans are written in our own format, again and again under other ids, until there are
enough; the DAG files hold the same tasks and edges. Prints `{"plans", "by_hand"}`, the two folders, as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from benchmarks.handwritten import write_dag
from benchmarks.load_dag import build_of, load
from benchmarks.many_plans import copies
from planexe_dag_factory.airflow.bundle import PlanBundle
from planexe_dag_factory.plan.native import to_native
from planexe_dag_factory.plan.read import read_plan

HEAD = '"""An Airflow dag, written by hand."""\n'


def main(scratch: Path, count: int, sources: Sequence[Path]) -> None:
    plans = [plan for plan, _ in map(read_plan, sources) if plan][:count]
    dropped, originals, by_hand = scratch / "plans", scratch / "originals", scratch / "by-hand"
    for folder in (dropped, originals, by_hand):
        folder.mkdir(parents=True)
    for folder, number in ((dropped, count), (originals, len(plans))):
        for plan in islice(copies(plans), number):
            (folder / f"{plan.id}.json").write_text(json.dumps(to_native(plan)), encoding="utf-8")
    sources_by_id = dict(_write_by_hand(originals))
    for number, plan in enumerate(islice(copies(plans), count)):
        original = plans[number % len(plans)].id
        text = sources_by_id[original].replace(f"dag_id={original!r}", f"dag_id={plan.id!r}")
        (by_hand / f"{plan.id}.py").write_text(text, encoding="utf-8")
    print(json.dumps({"plans": str(dropped), "by_hand": str(by_hand)}))


def _write_by_hand(plans: Path) -> Iterator[tuple[str, str]]:
    bundle = PlanBundle(name="originals", plans=[str(plans)])
    bundle.initialize()
    for stub in sorted(bundle.path.glob("*.py")):
        dag = load(str(stub))
        yield dag.dag_id, HEAD + write_dag(dag, dag.dag_id, build_of(stub))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), [Path(plan) for plan in sys.argv[3:]])
