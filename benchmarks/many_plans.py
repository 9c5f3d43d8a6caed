"""Child process of the benchmarks: make folders of few and of many plans, and a bundle's version of each.

    python -m benchmarks.many_plans SCRATCH COUNT ... -- PLAN ...

The real plans are written in our own format, again and again under other ids, until there are
enough. Prints a JSON list of `{"plans", "folder", "stubs", "version", "refresh_s"}`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from typing import Any

from planexe_dag_factory.airflow.bundle import PlanBundle
from planexe_dag_factory.plan.model import Plan
from planexe_dag_factory.plan.native import to_native
from planexe_dag_factory.plan.read import read_plan

PARSED = 16
"""How many plans of a folder are parsed in the benchmark: the same ones in every folder."""


def main(scratch: Path, counts: Sequence[int], sources: Sequence[Path]) -> None:
    plans = [plan for plan, _ in map(read_plan, sources) if plan]
    print(json.dumps([_folder(scratch, number, plans) for number in counts]))


def _folder(scratch: Path, number: int, plans: Sequence[Plan]) -> dict[str, Any]:
    folder = scratch / f"plans-{number}"
    folder.mkdir(parents=True)
    for plan in islice(copies(plans), number):
        (folder / f"{plan.id}.json").write_text(json.dumps(to_native(plan)), encoding="utf-8")
    bundle = PlanBundle(name=f"bundle-{number}", plans=[str(folder)])
    start = time.perf_counter()
    bundle.initialize()
    refresh = time.perf_counter() - start
    current = bundle.get_current_version()
    assert current is not None
    stubs = [f"{plan.id}.json.py" for plan in islice(copies(plans), min(PARSED, number))]
    found = {"plans": number, "folder": str(folder), "stubs": stubs}
    return found | {"version": current.version, "refresh_s": refresh}


def copies(plans: Sequence[Plan]) -> Iterator[Plan]:
    for number in count():
        for plan in plans:
            yield plan if number == 0 else replace(plan, id=f"{plan.id[:80]}-{number}")


if __name__ == "__main__":
    mark = sys.argv.index("--")
    main(Path(sys.argv[1]), [int(number) for number in sys.argv[2:mark]], [Path(plan) for plan in sys.argv[mark + 1 :]])
