"""Ids in the DAG. Those of the plan hold no dot, so only the few listed here can clash with them."""

from __future__ import annotations

from planexe_dag_factory.errors import Problem
from planexe_dag_factory.plan.model import Phase, Plan, Step, WorkPackage
from planexe_dag_factory.spec.model import TaskKind

START = "start"
FINISH = "finish"
WHOLE_PLAN = "plan"
"""The work item that stands for the approval of a refused plan."""

_PARTED = ("gate", "work", "check", "human", "done")


def milestone_id(phase: str) -> str:
    return f"milestone-{phase}"


def risk_id(phase: str) -> str:
    """Name the work item that assesses the risks at a critical milestone."""
    return f"{milestone_id(phase)}-risk"


def task_id(work_item: str, kind: TaskKind) -> str:
    """Name a task of a work item. Raises ValueError for the kinds that belong to none."""
    if kind not in _PARTED:
        raise ValueError(f"a task of kind {kind} belongs to no work item")
    return f"{work_item}.{kind}"


def check_ids(plan: Plan) -> tuple[Problem, ...]:
    """Report ids of the plan that the DAG needs for tasks of its own."""
    taken = {START, FINISH} | {name(phase.id) for phase in plan.phases for name in (milestone_id, risk_id)}
    taken_by_steps = taken | ({WHOLE_PLAN} if plan.redline and plan.redline.refused else set())
    parts: tuple[Phase | WorkPackage | Step, ...] = (*plan.phases, *plan.packages, *plan.steps)
    return tuple(
        Problem(
            "error",
            "reserved-id",
            f"'{part.title}' has the id '{part.id}', which the DAG needs for a task of its own",
            hint=f"give it another id, such as '{part.id}-1'",
            source_id=part.source_id,
        )
        for part in parts
        if part.id in (taken_by_steps if isinstance(part, Step) else taken)
    )
