"""Runs that people end by hand in Airflow: no task comes to seal the record, and it is closed all the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.delegation.lifecycle import end_run, seal, seal_run
from planexe_dag_factory.record.events import (
    CLEARED,
    CLEARED_BY_HAND,
    MARKED,
    ORCHESTRATOR,
    RUN,
    Actor,
    actor_of,
    list_events,
)
from planexe_dag_factory.record.folder import RunFolder

State = Literal["success", "failed", "deleted"]
_BEGINS = frozenset({"run-started", CLEARED, CLEARED_BY_HAND})


def note_end(execution: Execution, by: Actor, state: State) -> None:
    """Put on record that somebody marked the whole run in Airflow, or deleted it there."""
    execution.log(MARKED, RUN, by, state=state)


def close_by_hand(execution: Execution, state: str) -> None:
    """End and seal a run of which Airflow says that it is over; one that is sealed is left alone."""
    if not is_sealed(execution.run):
        end_by_hand(execution, state)
        seal(execution, None)
        seal_run(execution)


def end_by_hand(execution: Execution, state: str) -> None:
    """Put on record that a run is over without having come to its end, and by whom, where the record knows that."""
    execution.finish_all_writes()
    mark = find_mark(execution.run)
    by = actor_of(mark["actor"]) if mark else ORCHESTRATOR
    end_run(execution, [] if state == "success" else [_how(mark)], cut_short_by=by)


def is_sealed(run: RunFolder) -> bool:
    """Say whether the record has its seal, and its run was not begun again since."""
    return _last(run, _BEGINS | {"run-ended", "run-sealed"}) == "run-sealed"


def find_mark(run: RunFolder) -> Mapping[str, Any] | None:
    """Read how somebody ended the run by hand last; None where nobody has since it began, or was begun again."""
    for file in reversed(list_events(run, RUN)):
        if file.action in _BEGINS:
            return None
        if file.action == MARKED:
            found: Mapping[str, Any] = run.read_json(*file.segments)
            return found
    return None


def was_cut_short(run: RunFolder) -> bool:
    """Say whether the end on record came before the run's own: it goes on where its tasks are cleared."""
    for file in reversed(list_events(run, RUN)):
        if file.action == CLEARED:
            return False
        if file.action == "run-ended":
            return bool(run.read_json(*file.segments)["details"].get("cut_short"))
    return False


def _last(run: RunFolder, actions: frozenset[str]) -> str | None:
    return next((file.action for file in reversed(list_events(run, RUN)) if file.action in actions), None)


def _how(mark: Mapping[str, Any] | None) -> str:
    if mark is None:
        return "Airflow ended the run before it had come to its end"
    state = mark["details"]["state"]
    done = "deleted in Airflow" if state == "deleted" else f"marked as {state} in Airflow"
    return f"the run was {done} by hand, before it had come to its end"
