"""Finding what a request of the API is about: the run, its record, a ticket and Airflow's request; 404 otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException, status
from sqlalchemy import select
from sqlalchemy.orm import Session

from planexe_dag_factory.airflow.settings import keys
from planexe_dag_factory.delegation.desk import Desk, read_desk
from planexe_dag_factory.delegation.execution import Execution, StepRun
from planexe_dag_factory.record.events import EventFile, list_events
from planexe_dag_factory.record.keys import take_over
from planexe_dag_factory.routing.model import Registry
from planexe_dag_factory.ui import queries
from planexe_dag_factory.ui.desk.index import Place, at
from planexe_dag_factory.ui.desk.manager import are_ready
from planexe_dag_factory.ui.desk.tables import TICKET
from planexe_dag_factory.ui.records import Record, find_old_record, find_record


@dataclass(frozen=True, slots=True)
class Found:
    """A ticket, the step it is about, and Airflow's request for it."""

    place: Place
    ticket: Mapping[str, Any]
    request: queries.Request
    step: StepRun

    def events(self) -> list[EventFile]:
        """List the events about the step, unread."""
        return list_events(self.step.execution.run, self.step.id)

    def desk(self, files: Iterable[EventFile] | None = None) -> Desk:
        """Read what was done about the ticket so far; `files` are the events, where they were listed already."""
        return read_desk(self.step.execution.run, self.step.execution.ours, self.ticket, files)


def find_run(session: Session, dag_id: str, run_id: str) -> queries.RunRow:
    """Return a run of a PlanExe plan."""
    found = queries.find_run(session, dag_id, run_id) if queries.is_planexe_dag(session, dag_id) else None
    if found is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"{dag_id!r} has no run {run_id!r} of a PlanExe plan.")
    return found


def find_record_of(session: Session, dag_id: str, run_id: str) -> Record:
    """Return the record of a run."""
    record = find_record(find_run(session, dag_id, run_id))
    if record is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "The run has written no record yet. Try again in a moment.")
    return record


def find_ticket(session: Session, place: Place) -> Found:
    """Return the newest ticket of a task, open or not; one that Airflow has forgotten from the record alone."""
    request = queries.find_request(session, place.dag_id, place.run_id, place.task_id)
    if request:
        record: Record | None = find_record_of(session, place.dag_id, place.run_id)
    else:
        record, request = _forgotten(session, place)
    ticket = record.ticket(place.task_id) if record else None
    if record is None or ticket is None or request is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"{place.task_id!r} has asked nobody anything in this run.")
    ring = keys()
    execution = Execution(record.folder, Registry, take_over(record.folder, ring), ring.public)
    return Found(place, ticket, request, execution.step(ticket["work_item"]))


def _forgotten(session: Session, place: Place) -> tuple[Record | None, queries.Request | None]:
    """Return what is left of a ticket whose rows are gone from Airflow (`airflow db clean`): nobody answers it now."""
    kept = select(TICKET.c.state).where(at(place))
    state = session.scalar(kept) if are_ready(session) else None
    run = queries.find_run(session, place.dag_id, place.run_id)
    if state is None:
        find_run(session, place.dag_id, place.run_id)  # says what is not there
        return None, None
    record = find_record(run) if run else find_old_record(place.dag_id, place.run_id)
    return record, queries.Request("answered" if state == "answered" else "closed", (), {}, ())
