"""Measure the routing of the labelled tasks, each plan judged by what was learned from the others.

    python -m benchmarks.routing_quality ../shared [--groups 16] [--predictions FILE]

prints the figures of `<shared>/routing/score.py`, the confusion table and the errors. `--groups 4`
holds out four plans at a time, which is quicker.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.worktype_training import Example, own_examples, routing_examples, train
from planexe_dag_factory.plan.model import Phase, Plan, WorkPackage
from planexe_dag_factory.routing.matcher import PublishedMatcher
from planexe_dag_factory.routing.model import Policy, Route
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.routing.route import route_plan
from planexe_dag_factory.routing.worktype import KINDS

GATES = ("none", "budget", "regulatory", "irreversible")


def held_out(shared: Path, groups: int) -> Iterator[tuple[Example, Route]]:
    """Yield every labelled task with the route that a model which never saw its plan gives it."""
    judged = routing_examples(shared)
    known = [*judged, *own_examples(shared)]
    plans = sorted({example.plan for example in judged})
    registry, policy = load_registry(None), Policy()
    for group in range(groups):
        held = plans[group::groups]
        matcher = PublishedMatcher(train([example for example in known if example.plan not in held]))
        for name in held:
            tasks = [example for example in judged if example.plan == name]
            routes, _ = route_plan(as_plan(name, tasks), registry, policy, matcher)
            yield from ((task, routes[task.step.id]) for task in tasks)


def as_plan(name: str, tasks: Sequence[Example]) -> Plan:
    """Make a plan of loose tasks: routing looks at one step at a time."""
    steps = tuple(task.step for task in tasks)
    return Plan(name, name, (Phase("all", "All", (WorkPackage("all-tasks", "All", "all", steps),)),))


def prediction(task: Example, route: Route) -> dict[str, str]:
    """Return a line for `score.py`."""
    gate = route.gate.kind if route.gate else "none"
    return {"plan": task.plan, "task_id": task.task_id, "executor": route.executor, "gate": gate}


def score(shared: Path, predictions: Path) -> dict[str, Any]:
    """Run the data's own scorer."""
    command = [sys.executable, str(shared / "routing/score.py"), str(predictions)]
    figures: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return figures


def measure(shared: Path, groups: int, target: Path) -> tuple[dict[str, Any], list[tuple[Example, Route]]]:
    """Write the predictions to `target`; return the figures, and every task with its route."""
    pairs = list(held_out(shared, groups))
    target.write_text("".join(f"{json.dumps(prediction(*pair))}\n" for pair in pairs))
    return score(shared, target), pairs


def confusion(pairs: Sequence[tuple[Example, Route]]) -> str:
    """Draw the table of executors: a row is the truth, a column what was said."""
    counts = Counter(
        (task.executor, route.executor if route.executor in KINDS else "analysis") for task, route in pairs
    )
    rows = [["truth \\ said", *KINDS]]
    rows += [[truth, *(str(counts[truth, said]) for said in KINDS)] for truth in KINDS]
    return "\n".join("".join(f"{cell:>16}" for cell in row) for row in rows)


def errors(pairs: Sequence[tuple[Example, Route]]) -> Iterator[str]:
    """Yield a line for each task that was routed or gated wrongly, the unsafe ones first."""
    for task, route in sorted(pairs, key=lambda pair: (not unsafe(*pair), pair[0].plan)):
        gate = route.gate.kind if route.gate else "none"
        if (task.executor, task.gate) != (route.executor, gate):
            mark = "UNSAFE" if unsafe(task, route) else ""
            yield f"{mark:7}{task.executor}/{task.gate} -> {route.executor}/{gate}: {task.step.title}: {route.why}"


def unsafe(task: Example, route: Route) -> bool:
    """Say whether an agent got, without a gate, what is a person's or needs one."""
    return route.executor != "human" and route.gate is None and (task.executor == "human" or task.gate != "none")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--groups", type=int, default=16)
    parser.add_argument("--predictions", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures, pairs = measure(asked.shared, asked.groups, asked.predictions or Path(folder) / "predictions.jsonl")
    print(json.dumps(figures), confusion(pairs), *errors(pairs), sep="\n")


if __name__ == "__main__":
    main()
