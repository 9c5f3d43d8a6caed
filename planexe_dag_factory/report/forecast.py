"""When the rest of a run will end, and whether it keeps up: what is done stays where it was, the rest takes as planned.

The critical path method (Kelley and Walker, 1959) with a data date: earliest dates forward, slack
backward. Earned schedule: W. Lipke, "Schedule is Different", The Measurable News, 2003. All days count
from the first day of the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from planexe_dag_factory.report.model import Days, EarnedSchedule
from planexe_dag_factory.report.schedule import acting_tasks, tasks_in_order
from planexe_dag_factory.spec.model import DagSpec

EPSILON = 1e-6
LEAST_DAYS = 1.0
"""Earned schedule divides by the days that have passed: before the first is over it says nothing."""
HALVINGS = 60


@dataclass(frozen=True, slots=True)
class SoFar:
    """When a work item began, and when it was done (None: it is not)."""

    began: float
    done: float | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """When each work item was or will be carried out, by how much what is open may slip, and when all ends."""

    days: Mapping[str, Days]
    slack: Mapping[str, float]
    end: float

    @property
    def critical(self) -> tuple[str, ...]:
        """The open items without slack, in the order of their days: a delay of one delays the end."""
        tight = [item for item, slack in self.slack.items() if slack < EPSILON]
        return tuple(sorted(tight, key=lambda item: (self.days[item].start, item)))


def look_ahead(spec: DagSpec, planned: Mapping[str, Days], so_far: Mapping[str, SoFar], day: float) -> Outlook:
    """Lay out what is left from `day` on. What was refused counts as still to be done, from today."""
    item_of = acting_tasks(spec)
    order = list(tasks_in_order(spec))
    ends: dict[str, float] = {}
    days: dict[str, Days] = {}
    for task, before in order:
        start = max((ends[each] for each in before), default=0.0)
        item = item_of.get(task)
        if item:
            days[item] = _laid(planned[item], so_far.get(item), max(start, day))
        ends[task] = days[item].end if item else start
    end = max(ends.values(), default=0.0)
    latest = dict.fromkeys(ends, end)
    for task, before in reversed(order):
        item = item_of.get(task)
        begins = latest[task] - (days[item].end - days[item].start if item else 0.0)
        for each in before:
            latest[each] = min(latest[each], begins)
    task_of = {item: task for task, item in item_of.items()}
    still_open = [item for item in days if (known := so_far.get(item)) is None or known.done is None]
    return Outlook(days, {item: max(0.0, latest[task_of[item]] - days[item].end) for item in still_open}, end)


def earned(planned: Mapping[str, Days], done: frozenset[str], day: float) -> EarnedSchedule | None:
    """Say how far the plan would be by what is done; None where it is too early to say.

    ES is the planned day by which as much was to be done, SPI(t) = ES / days passed, and
    IEAC(t) = planned days / SPI(t), the end if the pace stays.
    """
    value = sum(days.end - days.start for item, days in planned.items() if item in done)
    whole = max((days.end for days in planned.values()), default=0.0)
    if day < LEAST_DAYS or value <= 0:
        return None
    low, high = 0.0, whole
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _planned_value(planned, middle) < value - EPSILON else (low, middle)
    index = high / day
    return EarnedSchedule(day=day, schedule=high, index=index, end=whole / index)


def _laid(planned: Days, known: SoFar | None, from_day: float) -> Days:
    if known is None:
        return Days(from_day, from_day + planned.end - planned.start)
    if known.done is not None:
        return Days(known.began, known.done)
    left = max(0.0, planned.end - planned.start - (from_day - known.began))
    return Days(known.began, from_day + left)


def _planned_value(planned: Mapping[str, Days], day: float) -> float:
    """How many days of work were to be done by a day, each step evenly over its own."""
    return sum(min(max(day - days.start, 0.0), days.end - days.start) for days in planned.values())
