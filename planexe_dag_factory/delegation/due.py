"""When an answer is due: as the policy says, else by the plan's estimates and how long such work took before.

A person's own work is due when its end is expected. An approval is due when the step is to start by the plan, a
review when it is to have ended; neither before a day has passed, for a run may be late already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from planexe_dag_factory.delegation.asking import Kind
from planexe_dag_factory.delegation.execution import Execution, StepRun
from planexe_dag_factory.learning.pace import kind_of_route
from planexe_dag_factory.report.model import Days
from planexe_dag_factory.report.schedule import has_estimates, planned_days
from planexe_dag_factory.routing.model import HUMAN
from planexe_dag_factory.spec.model import DagSpec

LEAST = timedelta(days=1)
"""What whoever decides has at least."""
MOST_DAYS = 36_500.0
"""No calendar reaches as far as some plans' estimates."""


def due_at(step: StepRun, kind: Kind) -> str | None:
    """Return when an answer to a ticket that opens now is due; None where neither policy nor plan says."""
    due = _due(step, kind, datetime.now(UTC))
    return due.isoformat(timespec="seconds") if due else None


def _due(step: StepRun, kind: Kind, now: datetime) -> datetime | None:
    item = step.item
    if item.route.due_days is not None:
        return now + _days(item.route.due_days)
    if kind == "work":
        return now + _days(item.days[1] * _pace(step.execution, HUMAN)) if item.days else None
    if not has_estimates(step.execution.spec):
        return None
    planned = planned_days(_as_learned(step.execution)).get(step.id, Days(0, 0))
    return max(_began(step, now) + _days(planned.start if kind == "approval" else planned.end), now + LEAST)


def _days(days: float) -> timedelta:
    return timedelta(days=min(days, MOST_DAYS))


def _pace(execution: Execution, kind: str) -> float:
    """Say how much longer than planned such work took before; what went faster makes nothing due earlier."""
    return max(1.0, execution.pace(kind))


def _as_learned(execution: Execution) -> DagSpec:
    """Return the spec with the days that its work takes by what earlier runs have taught."""
    spec = execution.spec
    kinds = {kind_of_route(item.route) for item in spec.work_items.values()}
    factors: Mapping[str, float] = {kind: _pace(execution, kind) for kind in kinds}
    longer = {
        name: replace(item, days=_times(item.days, factors[kind_of_route(item.route)])) if item.days else item
        for name, item in spec.work_items.items()
    }
    return replace(spec, work_items=longer)


def _times(days: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    least, likely, most = days
    return least * factor, likely * factor, most * factor


def _began(step: StepRun, now: datetime) -> datetime:
    about = step.execution.run.find_json("run.json") or {}
    return datetime.fromisoformat(about["started_at"]) if about.get("started_at") else now
