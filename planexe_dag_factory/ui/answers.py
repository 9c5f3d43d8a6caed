"""Taking a person's answer: checked here, then given to Airflow exactly as its own page would give it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.log import Log
from fastapi import HTTPException, status
from sqlalchemy.orm import Session

from planexe_dag_factory.delegation.answers import correction_problem
from planexe_dag_factory.delegation.tickets import check_answer
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.routing.people import People
from planexe_dag_factory.ui import queries
from planexe_dag_factory.ui.desk.index import approvals_needed, lock, refresh_one
from planexe_dag_factory.ui.desk.lookup import Found
from planexe_dag_factory.ui.desk.manager import are_ready
from planexe_dag_factory.ui.queries import Request
from planexe_dag_factory.ui.views import why_not_answer
from planexe_dag_factory.ui.wire import Answer, Answered

PARKED_AFTER_S = 3.0
CLOSED = "It is closed: its task ended in Airflow without an answer. Nothing was put on record."
_NEXT: Mapping[str, str] = {
    "Done": "The step is done, and your note is on record.",
    "Accept": "The agent's result stands, with you as the one who accepted it.",
    "Correct": "Your result takes the place of the agent's.",
    "Redo": "The agent works again, with your instructions; you are asked again about what it brings.",
    "Approve": "Your approval is signed and put on record, and the step starts.",
    "Reject": "The step does not start. What depends on it does not run; independent work goes on.",
    "Refuse": "The step ends refused. What depends on it does not run; independent work goes on.",
    "Proceed": "The plan goes on past this point.",
    "Stop": "The plan stops here. What depends on this point does not run.",
}


@dataclass(frozen=True, slots=True)
class Answering:
    """Who answers, with what the people file says about everybody."""

    session: Session
    person: Actor
    people: People


def take(found: Found, answer: Answer, user: GetUserDep, answering: Answering) -> Answered:
    """Check an answer and give it to Airflow, which resumes the task.

    Raises HTTPException: 409 where the ticket has been answered, closed or asked anew, 403 where others
    are asked or Airflow refuses the person, 422 with every problem of the answer.
    """
    ticket, session = found.ticket, answering.session
    _log(ticket, answer, user, session)
    _refuse_closed(found.request)
    if found.request.open:
        _refuse_stale(ticket, answer)
        time.sleep(_seconds_until_parked(ticket))  # no connection is held: what is logged was committed
        _hold(session, found)
        _refuse_person(found, answer, answering)
        _refuse_wrong(ticket, answer)
    payload = UpdateHITLDetailPayload(chosen_options=[answer.option], params_input=_params(found.request, answer))
    response = update_hitl_detail(
        dag_id=ticket["dag_id"],
        dag_run_id=ticket["run_id"],
        task_id=ticket["task_id"],
        update_hitl_detail_payload=payload,
        user=user,
        session=session,
    )
    session.commit()
    return Answered(
        option=answer.option,
        by=response.responded_by.name,
        at=response.responded_at,
        next=what_follows(_as_it_is(found), answer.option),
    )


def _log(ticket: Mapping[str, Any], answer: Answer, user: GetUserDep, session: Session) -> None:
    """Write what is tried into Airflow's own audit log, as its own endpoint does.

    Airflow's `action_logging` writes from the event loop: on SQLite it then waits for a lock that
    another request can only give back through the same loop.
    """
    entry = Log(
        event="update_hitl_detail",
        owner=user.get_name(),
        owner_display_name=user.get_name(),
        extra=json.dumps({"option": answer.option}),
        dag_id=ticket["dag_id"],
        run_id=ticket["run_id"],
        task_id=ticket["task_id"],
    )
    session.add(entry)
    session.commit()


def _seconds_until_parked(ticket: Mapping[str, Any]) -> float:
    """Return how long to wait before a request may be answered, at most PARKED_AFTER_S.

    Airflow fails a task that is resumed before its executor has reported the leg that parked it.
    Only a program answers so fast.
    """
    age = (datetime.now(UTC) - datetime.fromisoformat(ticket["opened_at"])).total_seconds()
    return min(PARKED_AFTER_S, max(0.0, PARKED_AFTER_S - age))


def what_follows(ticket: Mapping[str, Any], option: str) -> str:
    """Say what the answer leads to; an approval of several says how many are still needed."""
    approvals = ticket.get("approvals") or {"needed": 1, "given": ()}
    missing = approvals["needed"] - len(approvals["given"]) - 1
    if option == "Approve" and missing > 0:
        more = "One more approval is" if missing == 1 else f"{missing} more approvals are"
        return f"Your approval is signed and put on record. {more} needed; then the step starts."
    return _NEXT.get(option, "The run goes on.")


def _as_it_is(found: Found) -> Mapping[str, Any]:
    """Return the ticket with those whom somebody has added since it opened."""
    ticket = found.ticket
    if not ticket.get("approvals"):
        return ticket
    return {**ticket, "approvals": {**ticket["approvals"], "needed": approvals_needed(ticket, found.desk())}}


def _hold(session: Session, found: Found) -> None:
    """Let nobody claim the ticket, hand it on or answer it until this answer is given, or refused."""
    place = found.place
    if are_ready(session):
        refresh_one(session, place)
        lock(session, place)
    request = queries.find_request(session, place.dag_id, place.run_id, place.task_id)
    _refuse_closed(request)


def _refuse_closed(request: Request | None) -> None:
    """Airflow would take an answer here that nobody reads any more."""
    if request is None or request.state == "closed":
        raise HTTPException(status.HTTP_409_CONFLICT, CLOSED)


def _refuse_stale(ticket: Mapping[str, Any], answer: Answer) -> None:
    if answer.n is not None and answer.n != ticket["n"]:
        raise HTTPException(
            status.HTTP_409_CONFLICT, "This ticket has been opened again since you read it: reload, and look again."
        )


def _refuse_person(found: Found, answer: Answer, answering: Answering) -> None:
    person = answering.person
    reason = why_not_answer(found, found.desk(), person, answering.people, allowed=True)
    reason = reason or correction_problem(found.step, answer.option, person)
    if reason:
        raise HTTPException(status.HTTP_403_FORBIDDEN, reason)


def _refuse_wrong(ticket: Mapping[str, Any], answer: Answer) -> None:
    if problems := check_answer(ticket, answer.option, answer.fields):
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, list(problems))


def _params(request: Request, answer: Answer) -> dict[str, Any]:
    """Return a value for every input that the request declares, as Airflow's page does, and `via`."""
    declared = {name: answer.fields.get(name, _default(param)) for name, param in request.params.items()}
    return {**declared, "via": answer.via}


def _default(param: Any) -> Any:
    """Airflow stores a declared input as its value, or as an object around it."""
    return param.get("value") if isinstance(param, dict) and "value" in param else param
