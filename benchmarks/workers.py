"""Time per agent step with 1, 2 and 4 workers, against HttpOperators on the same ones.

A worker is one of the LocalExecutor's (`[core] parallelism`): with Celery it is the same task
process, started by another parent.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.agent_run import HAND, OURS, drop, write_by_hand
from benchmarks.figures import Figure
from benchmarks.scale import Scale
from benchmarks.stack import stack

STEPS, QUICK_STEPS = 32, 4
WORKERS = (1, 2, 4)


def measure(scratch: Path, scale: Scale) -> list[Figure]:
    """Start the same stack anew for each number of workers."""
    steps = scale.of(STEPS, QUICK_STEPS)
    drop(scratch / "plans", steps)
    figures: list[Figure] = []
    for count in WORKERS[: scale.of(len(WORKERS), 2)]:
        figures.append(_with_workers(scratch, count, steps, scale.rounds))
        scale.keep(figures)
    return figures


def _with_workers(scratch: Path, workers: int, steps: int, rounds: int) -> Figure:
    root = scratch / f"stack-{workers}"
    with stack(root, scratch / "plans", root / "dags", "--parallelism", str(workers)) as bench:
        bench.run(OURS)
        write_by_hand(bench, steps)
        bench.run(HAND)
        pairs = tuple((bench.run(OURS) / steps, bench.run(HAND) / steps) for _ in range(rounds))
    return Figure(f"an agent step, {workers} workers", "an HttpOperator", pairs)
