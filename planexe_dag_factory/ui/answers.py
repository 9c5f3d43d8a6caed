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

from planexe_dag_factory.delegation.tickets import check_answer
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.routing.people import People
from planexe_dag_factory.ui.desk.lookup import Found
from planexe_dag_factory.ui.queries import Request
from planexe_dag_factory.ui.views import why_not_answer
from planexe_dag_factory.ui.wire import Answer, Answered

PARKED_AFTER_S = 3.0
_NEXT: Mapping[str, str] = {
    "Done": "The step is done, and your note is on record.",
    "Accept": "The agent's result stands, with you as the one who accepted it.",
    "Correct": "Your result takes the place of the agent's.",
    "Redo": "The agent works again, with your instructions; its new result comes back for review if it is in doubt.",
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

    Raises HTTPException: 409 where the ticket has been answered or asked anew, 403 where others are
    asked or Airflow refuses the person, 422 with every problem of the answer.
    """
    ticket, session = found.ticket, answering.session
    if found.request.open:
        _refuse_stale(ticket, answer)
        _refuse_person(found, answering)
        _refuse_wrong(ticket, answer)
        session.rollback()  # no connection is held while waiting
        time.sleep(_seconds_until_parked(ticket))
    _log(ticket, answer, user, session)
    payload = UpdateHITLDetailPayload(chosen_options=[answer.option], params_input=_params(found.request, answer))
    response = update_hitl_detail(
        dag_id=ticket["dag_id"],
        dag_run_id=ticket["run_id"],
        task_id=ticket["task_id"],
        update_hitl_detail_payload=payload,
        user=user,
        session=session,
    )
    return Answered(
        option=answer.option,
        by=response.responded_by.name,
        at=response.responded_at,
        next=_NEXT.get(answer.option, "The run goes on."),
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


def _refuse_stale(ticket: Mapping[str, Any], answer: Answer) -> None:
    if answer.n is not None and answer.n != ticket["n"]:
        raise HTTPException(
            status.HTTP_409_CONFLICT, "This ticket has been opened again since you read it: reload, and look again."
        )


def _refuse_person(found: Found, answering: Answering) -> None:
    reason = why_not_answer(found, found.desk(), answering.person, answering.people, allowed=True)
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
