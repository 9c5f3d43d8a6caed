"""The plugin's API, version 1. Every route names the permission that it needs; see `access`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, HTTPException, Query, Request, Response, status

from planexe_dag_factory.ui import answers, queries, views
from planexe_dag_factory.ui.access import MAY_ANSWER, MAY_SEE_RUNS, MAY_SEE_TICKETS, ReadableDags, may_answer
from planexe_dag_factory.ui.records import Record, find_record
from planexe_dag_factory.ui.wire import Answer, Answered, PlanCard, Progress, TicketKind, TicketPage

router = APIRouter(prefix="/api/v1")

REPORT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
"""A report is a page of its own, with styles within it; in a sandbox it has no origin and no scripts."""


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request) -> dict[str, Any]:
    """Describe this API, to those who may use it."""
    document: dict[str, Any] = request.app.openapi()
    return document


@router.get("/plans", dependencies=MAY_SEE_RUNS)
def plans(session: SessionDep, readable: ReadableDags, dag_id: str | None = None) -> list[PlanCard]:
    """List the plans, or the one that is named, each with its latest run."""
    return views.plan_cards(session, readable if dag_id is None else readable & {dag_id})


@router.get("/runs/{dag_id}/{run_id}", dependencies=MAY_SEE_RUNS)
def run(dag_id: str, run_id: str, session: SessionDep) -> Progress:
    """Say how far a run is, step by step."""
    return views.run_progress(session, _run(session, dag_id, run_id))


@router.get("/runs/{dag_id}/{run_id}/report/{milestone}", dependencies=MAY_SEE_RUNS, response_class=Response)
def report(dag_id: str, run_id: str, milestone: str, session: SessionDep) -> Response:
    """Return the report of a milestone, or the `final` one, as HTML that can do nothing."""
    html = _record(session, dag_id, run_id).report(milestone)
    if html is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"There is no report of {milestone!r} (yet).")
    return Response(html, media_type="text/html", headers={"Content-Security-Policy": REPORT_POLICY})


@router.get("/tickets", dependencies=MAY_SEE_TICKETS)
def tickets(  # noqa: PLR0917 - FastAPI reads each as one part of the request
    session: SessionDep,
    readable: ReadableDags,
    dag_id: str | None = None,
    run_id: str | None = None,
    kind: TicketKind | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 25,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> TicketPage:
    """List the open tickets, the longest waiting first."""
    return views.ticket_page(session, queries.RequestFilter(readable, dag_id, run_id, kind), limit, offset)


@router.get("/tickets/{dag_id}/{run_id}/{task_id}", dependencies=MAY_SEE_TICKETS)
def ticket(dag_id: str, run_id: str, task_id: str, session: SessionDep, user: GetUserDep) -> dict[str, Any]:
    """Return a ticket, whether it is still open, and whether this user may answer it."""
    found, request = _ticket(session, dag_id, run_id, task_id)
    return {
        **found,
        "plan": queries.find_title(session, dag_id),
        "state": "open" if request.open else "answered",
        "may_answer": request.open and may_answer(user, dag_id, request.assigned),
    }


@router.post(
    "/tickets/{dag_id}/{run_id}/{task_id}/answer",
    dependencies=MAY_ANSWER,
    responses={
        409: {"description": "Answered already, or asked anew"},
        422: {"description": "Every problem of the answer"},
    },
)
def answer(  # noqa: PLR0917 - see `tickets`
    dag_id: str, run_id: str, task_id: str, body: Answer, session: SessionDep, user: GetUserDep
) -> Answered:
    """Answer a ticket. The task resumes, and checks the answer once more."""
    found, request = _ticket(session, dag_id, run_id, task_id)
    return answers.take(found, request, body, user, session)


def _run(session: SessionDep, dag_id: str, run_id: str) -> queries.RunRow:
    found = queries.find_run(session, dag_id, run_id) if dag_id in queries.planexe_dags(session) else None
    if found is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"{dag_id!r} has no run {run_id!r} of a PlanExe plan.")
    return found


def _record(session: SessionDep, dag_id: str, run_id: str) -> Record:
    record = find_record(_run(session, dag_id, run_id))
    if record is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "The run has written no record yet. Try again in a moment.")
    return record


def _ticket(session: SessionDep, dag_id: str, run_id: str, task_id: str) -> tuple[Mapping[str, Any], queries.Request]:
    record = _record(session, dag_id, run_id)
    request = queries.find_request(session, dag_id, run_id, task_id)
    found = record.ticket(task_id) if request else None
    if found is None or request is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"{task_id!r} has asked nobody anything in this run.")
    return found, request
