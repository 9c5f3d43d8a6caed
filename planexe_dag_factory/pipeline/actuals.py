"""When each task of PlanExe's tree was carried out, or will be: the dates that its Gantt is to show."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from planexe_dag_factory.report.model import RunStatus, StepStatus
from planexe_dag_factory.report.render import STATE_WORDS
from planexe_dag_factory.report.words import moment

FARTHEST_DAYS = 36_500.0
"""No calendar reaches as far as some plans' estimates: what is later is shown a hundred years from the start."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A step on the chart: from when to when, how much of it is done (0 to 1), and what is to be said of it."""

    start: datetime
    end: datetime
    share: float
    note: str

    @property
    def whole_days(self) -> int:
        """How long it takes in the days that PlanExe's estimates count: whole ones, and at least one."""
        return max(1, math.ceil((self.end - self.start) / timedelta(days=1)))


def bars_of(status: RunStatus, plan: Mapping[str, Any]) -> Mapping[str, Bar]:
    """Return the bar of every step, by the id that its task has in PlanExe's files. `plan` is that of the run."""
    steps = {step.id: step for step in status.steps}
    return {source: _bar(status, steps[step]) for step, source in _sources(plan) if step in steps}


def _sources(plan: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return ((step["id"], step["source_id"]) for step in plan.get("steps", ()) if step.get("source_id"))


def _bar(status: RunStatus, step: StepStatus) -> Bar:
    if step.state == "done" and step.actual:
        start, end, share = step.actual.start, step.actual.end, 1.0
    else:
        start, end = _expected(status, step)
        share = _share(status, step, start, end)
    return Bar(start, end, share, _note(step, start, end))


def _expected(status: RunStatus, step: StepStatus) -> tuple[datetime, datetime]:
    """Say when a step is to begin and to end: by the forecast, else by the plan, and never before today."""
    if step.forecast:
        return _on(status, step.forecast.start), _on(status, step.forecast.end)
    start = max(_on(status, step.planned.start), step.actual.start if step.actual else status.as_of)
    return start, start + timedelta(days=min(step.planned.end - step.planned.start, FARTHEST_DAYS))


def _share(status: RunStatus, step: StepStatus, start: datetime, end: datetime) -> float:
    begun = step.state in ("running", "waiting", "queued") and start < status.as_of < end
    return round((status.as_of - start) / (end - start), 2) if begun else 0.0


def _note(step: StepStatus, start: datetime, end: datetime) -> str:
    if step.state == "done":
        accepted = f", accepted by {step.accepted_by}" if step.accepted_by else ""
        return f"Actual: {moment(start)} to {moment(end)}, done by {step.who}{accepted}."
    said = f" ({step.why})" if step.why else ""
    return f"{STATE_WORDS[step.state]}{said}. Forecast: {moment(start)} to {moment(end)}."


def _on(status: RunStatus, day: float) -> datetime:
    return status.started_at + timedelta(days=min(max(day, 0.0), FARTHEST_DAYS))
