"""When each work item was planned: the plan's own estimates laid along the compiled order.

Earliest dates, by the forward pass of the critical path method (Kelley and Walker, "Critical-Path
Planning and Scheduling", 1959): an item begins when the last of those before it ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from graphlib import TopologicalSorter

from planexe_dag_factory.report.model import Days
from planexe_dag_factory.spec.model import DagSpec, TaskKind

ONE_DAY = 1.0
ACTING: tuple[TaskKind, ...] = ("work", "human")


def planned_days(spec: DagSpec) -> Mapping[str, Days]:
    """Return when each work item was planned to start and end, in calendar days.

    A step without an estimate counts as the mean of those that have one, or as one day where none
    has. Assessments and approvals take no days.
    """
    lasting = dict(_lasting(spec))
    acting = acting_tasks(spec)
    ends: dict[str, float] = {}
    planned: dict[str, Days] = {}
    for task, before in tasks_in_order(spec):
        item = acting.get(task)
        start = max((ends[each] for each in before), default=0.0)
        ends[task] = start + lasting.get(item or "", 0.0)
        if item:
            planned[item] = Days(start, ends[task])
    return planned


def has_estimates(spec: DagSpec) -> bool:
    """Say whether the plan estimates anything."""
    return any(item.days for item in spec.work_items.values())


def steps_in_order(spec: DagSpec) -> tuple[str, ...]:
    """List the steps in the plan's order, which is the order of the tasks."""
    return tuple(dict.fromkeys(task.step for task in spec.tasks if task.step))


def tasks_in_order(spec: DagSpec) -> Iterator[tuple[str, AbstractSet[str]]]:
    """Yield every task after those it waits for, with those.

    By the standard library: a task start imports this module, and networkx would double its cost.
    """
    before: dict[str, set[str]] = {task.id: set() for task in spec.tasks}
    for earlier, later in spec.edges:
        before[later].add(earlier)
    return ((task, before[task]) for task in TopologicalSorter(before).static_order())


def _lasting(spec: DagSpec) -> Iterator[tuple[str, float]]:
    likely = [item.days[1] for item in spec.work_items.values() if item.days]
    assumed = sum(likely) / len(likely) if likely else ONE_DAY
    for step in steps_in_order(spec):
        days = spec.work_items[step].days
        yield step, days[1] if days else assumed


def acting_tasks(spec: DagSpec) -> Mapping[str, str]:
    """Map the first task in which a work item is carried out to that item."""
    first: dict[str, str] = {}
    for kind in ACTING:
        for task in spec.tasks:
            if task.kind == kind and task.work_item:
                first.setdefault(task.work_item, task.id)
    return {task: item for item, task in first.items()}
