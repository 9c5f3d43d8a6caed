"""What a refresh leaves in the record: signed events, with the digests of all that was kept and made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.errors import PipelineError
from planexe_dag_factory.pipeline.source import PACKED, pack_source
from planexe_dag_factory.pipeline.state import PLACE, STATE, Freshness, State
from planexe_dag_factory.record.events import RUN
from planexe_dag_factory.record.folder import now

KEPT, NOT_KEPT = "planexe-plan-kept", "planexe-plan-not-kept"
REFRESHED, FAILED = "planexe-report-refreshed", "planexe-report-failed"


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which try at a refresh this is, of how many."""

    number: int
    of: int


def keep_plan(execution: Execution, source: Path) -> str | None:
    """Keep the plan as PlanExe left it with its run; say why where PlanExe would have nothing to go on with."""
    try:
        packed = pack_source(source)
    except PipelineError as error:
        why = str(error)
        execution.record(NOT_KEPT, RUN, {f"{PLACE}/{STATE}": _state("impossible", why, Attempt(0, 0), ())}, why=why)
        return why
    execution.record(KEPT, RUN, {f"{PLACE}/{PACKED}": packed})
    return None


def record_success(execution: Execution, milestone: str, files: Mapping[str, bytes], attempt: Attempt) -> None:
    """Put what a refresh made on record."""
    state = _state("fresh", "", attempt, files)
    execution.record(REFRESHED, milestone, {**files, _place(milestone): state}, attempt=attempt.number)


def record_failure(execution: Execution, milestone: str, why: str, logs: Mapping[str, bytes], attempt: Attempt) -> None:
    """Put on record why a refresh failed, and what PlanExe said; what an earlier one made stays."""
    before = execution.run.find_json(PLACE, milestone, STATE) or {}
    kept = [name for name in before.get("files", ()) if f"{PLACE}/{milestone}/{name}" not in logs]
    state = _state("failed", why, attempt, (*(f"{PLACE}/{milestone}/{name}" for name in kept), *logs))
    execution.record(FAILED, milestone, {**logs, _place(milestone): state}, attempt=attempt.number, why=why)


def _state(state: State, why: str, attempt: Attempt, files: Mapping[str, bytes] | tuple[str, ...]) -> dict[str, object]:
    told = Freshness(state, why, attempt.number, attempt.of, now())
    return told.as_json() | {"files": sorted(path.rpartition("/")[2] for path in files)}


def _place(milestone: str) -> str:
    return f"{PLACE}/{milestone}/{STATE}"
