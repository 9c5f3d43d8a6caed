"""The plugin's API, version 1. Every route names the permission that it needs; see `access`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, Literal

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, BackgroundTasks, HTTPException, Query, Request, Response, UploadFile, status

from planexe_dag_factory.record.events import names_of
from planexe_dag_factory.ui import answers, gauges, health, views
from planexe_dag_factory.ui.access import (
    MAY_ANSWER,
    MAY_SEE_CLUSTER,
    MAY_SEE_RUNS,
    MAY_SEE_TICKETS,
    Hand,
    PeopleFile,
    Person,
    ReadableDags,
    may_answer,
)
from planexe_dag_factory.ui.away import standing_in
from planexe_dag_factory.ui.desk import actions, inbox, index, lookup
from planexe_dag_factory.ui.desk.index import Place
from planexe_dag_factory.ui.desk.manager import require_tables
from planexe_dag_factory.ui.file_names import disposition
from planexe_dag_factory.ui.ticket_view import TicketView
from planexe_dag_factory.ui.wire import (
    Answer,
    Answered,
    Delegation,
    Done,
    DoneAll,
    Installation,
    Link,
    PeopleList,
    Places,
    PlanCard,
    Progress,
    Reassignment,
    Reassignments,
    Reminded,
    TicketPage,
)

router = APIRouter(prefix="/api/v1")

REPORT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
"""A report is a page of its own, with styles within it; in a sandbox it has no origin and no scripts."""
REPORT_TYPES = {"html": "text/html", "pdf": "application/pdf", "json": "application/json"}
ACTED: dict[int | str, dict[str, Any]] = {
    403: {"description": "Not for this person to do, or not to be handed to that one"},
    409: {"description": "Answered meanwhile, or not for this person to do"},
    422: {"description": "Every problem of the request"},
}


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request) -> dict[str, Any]:
    """Describe this API, to those who may use it."""
    document: dict[str, Any] = request.app.openapi()
    return document


@router.get("/health", dependencies=[*MAY_SEE_RUNS, *MAY_SEE_CLUSTER])
def installation(session: SessionDep, readable: ReadableDags) -> Installation:
    """Say what is wrong and what to do. Agents are asked, and gauges are written, with every request."""
    found = health.look(session, readable)
    gauges.write(found, readable)
    return found


@router.get("/plans", dependencies=MAY_SEE_RUNS)
def plans(session: SessionDep, readable: ReadableDags, dag_id: str | None = None) -> list[PlanCard]:
    """List the plans, or the one that is named, each with its latest run."""
    return views.plan_cards(session, readable if dag_id is None else readable & {dag_id})


@router.get("/runs/{dag_id}/{run_id}", dependencies=MAY_SEE_RUNS)
def run(dag_id: str, run_id: str, session: SessionDep) -> Progress:
    """Say how far a run is, step by step."""
    return views.run_progress(session, lookup.find_run(session, dag_id, run_id))


@router.get("/runs/{dag_id}/{run_id}/report/{milestone}", dependencies=MAY_SEE_RUNS, response_class=Response)
def report(
    dag_id: str, run_id: str, milestone: str, session: SessionDep, form: Literal["html", "pdf", "json"] = "html"
) -> Response:
    """Return the report of a milestone, or the `final` one: as HTML that can do nothing, or as a file to keep."""
    content = lookup.find_record_of(session, dag_id, run_id).report(milestone, form)
    if content is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"There is no report of {milestone!r} (yet).")
    headers = {"Content-Security-Policy": REPORT_POLICY}
    if form != "html":
        headers["Content-Disposition"] = f'attachment; filename="report.{form}"'
    return Response(content, media_type=REPORT_TYPES[form], headers=headers)


@router.get("/runs/{dag_id}/{run_id}/planexe/{milestone}", dependencies=MAY_SEE_RUNS, response_class=Response)
def own_report(
    dag_id: str, run_id: str, milestone: str, session: SessionDep, form: Literal["page", "file"] = "page"
) -> Response:
    """Return PlanExe's own report as of a milestone: as a page that can do nothing, or as a file to keep."""
    content = lookup.find_record_of(session, dag_id, run_id).own_page(milestone, whole=form == "file")
    if content is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"PlanExe has made no report of {milestone!r} (yet).")
    headers = {"Content-Security-Policy": REPORT_POLICY}
    if form == "file":
        headers["Content-Disposition"] = 'attachment; filename="planexe-report.html"'
    return Response(content, media_type="text/html", headers=headers)


@router.get("/tickets", dependencies=MAY_SEE_TICKETS)
def tickets(
    session: SessionDep,
    readable: ReadableDags,
    person: Person,
    people: PeopleFile,
    wanted: Annotated[inbox.Wanted, Query()],
) -> TicketPage:
    """List tickets, the longest waiting first, with counts for each scope, kind and plan."""
    require_tables(session)
    unread = index.refresh(session, readable)
    page = inbox.list_tickets(session, readable, wanted, person, people, absences=standing_in(person, people))
    return page.model_copy(update={"unread": unread})


@router.post("/tickets/claim")
def claim(body: Places, hand: Hand, user: GetUserDep) -> DoneAll:
    """Claim tickets: nobody else answers them until they are released. Each succeeds or fails for itself."""
    return _each(body, user, lambda place: actions.claim(hand, place))


@router.post("/tickets/release")
def release(body: Places, hand: Hand, user: GetUserDep) -> DoneAll:
    """Give claimed tickets back. Each succeeds or fails for itself."""
    return _each(body, user, lambda place: actions.release(hand, place))


@router.post("/tickets/reassign")
def reassign_all(body: Reassignments, hand: Hand, user: GetUserDep) -> DoneAll:
    """Ask somebody else instead, about each of these tickets. Each succeeds or fails for itself."""
    to = Reassignment(to=body.to, reason=body.reason)
    return _each(body, user, lambda place: actions.reassign(hand, place, to))


@router.get("/people", dependencies=MAY_SEE_TICKETS)
def people_list(person: Person, people: PeopleFile) -> PeopleList:
    """List the users and groups that a ticket can be given to, as the people file names them."""
    groups = {group: tuple(users) for group, users in sorted(people.groups.items())}
    return PeopleList(you=tuple(sorted(names_of(person))), users=people.users, groups=groups)


@router.get("/tickets/{dag_id}/{run_id}/{task_id}", dependencies=MAY_SEE_TICKETS)
def ticket(  # noqa: PLR0917 - FastAPI reads each as one part of the request
    dag_id: str, run_id: str, task_id: str, session: SessionDep, user: GetUserDep, person: Person, people: PeopleFile
) -> TicketView:
    """Return a ticket, who deals with it, what was done about it, and whether this user may answer it."""
    found = lookup.find_ticket(session, Place(dag_id, run_id, task_id))
    return views.ticket_view(session, found, person, people, allowed=may_answer(user, dag_id, found.request.assigned))


@router.post(
    "/tickets/{dag_id}/{run_id}/{task_id}/answer",
    dependencies=MAY_ANSWER,
    responses={
        403: {"description": "Not among those who are asked"},
        409: {"description": "Answered already, asked anew, or claimed by somebody else"},
        422: {"description": "Every problem of the answer"},
    },
)
def answer(  # noqa: PLR0917 - see `ticket`
    dag_id: str,
    run_id: str,
    task_id: str,
    body: Answer,
    session: SessionDep,
    user: GetUserDep,
    person: Person,
    people: PeopleFile,
) -> Answered:
    """Answer a ticket. The task resumes, and checks the answer once more."""
    found = lookup.find_ticket(session, Place(dag_id, run_id, task_id))
    return answers.take(found, body, user, answers.Answering(session, person, people))


@router.post("/tickets/{dag_id}/{run_id}/{task_id}/reassign", dependencies=MAY_ANSWER, status_code=204, responses=ACTED)
def reassign(dag_id: str, run_id: str, task_id: str, body: Reassignment, hand: Hand) -> None:
    """Ask somebody else instead."""
    actions.reassign(hand, Place(dag_id, run_id, task_id), body)


@router.post("/tickets/{dag_id}/{run_id}/{task_id}/delegate", dependencies=MAY_ANSWER, status_code=204, responses=ACTED)
def delegate(dag_id: str, run_id: str, task_id: str, body: Delegation, hand: Hand) -> None:
    """Ask somebody as well, until a time."""
    actions.delegate(hand, Place(dag_id, run_id, task_id), body)


@router.post(
    "/tickets/{dag_id}/{run_id}/{task_id}/remind",
    dependencies=MAY_ANSWER,
    responses={
        409: {"description": "Answered meanwhile, or nobody can be told"},
        429: {"description": "A reminder was sent less than 4 hours ago: `Retry-After` says when the next can be"},
    },
)
def remind(dag_id: str, run_id: str, task_id: str, hand: Hand, later: BackgroundTasks) -> Reminded:
    """Remind those who have still to answer, now. They are told after this request; how that went is on record."""
    reminder = actions.remind(hand, Place(dag_id, run_id, task_id))
    later.add_task(reminder.send)
    return Reminded(told=reminder.notice.asked, again_at=reminder.again_at)


@router.post("/tickets/{dag_id}/{run_id}/{task_id}/links", dependencies=MAY_ANSWER, status_code=204, responses=ACTED)
def attach_link(dag_id: str, run_id: str, task_id: str, body: Link, hand: Hand) -> None:
    """Attach a link, which is shown as text."""
    actions.attach_link(hand, Place(dag_id, run_id, task_id), body)


@router.post(
    "/tickets/{dag_id}/{run_id}/{task_id}/attachments",
    dependencies=MAY_ANSWER,
    status_code=204,
    responses={**ACTED, 413: {"description": "The file is larger than 10 MB"}},
)
def attach_file(dag_id: str, run_id: str, task_id: str, file: UploadFile, hand: Hand) -> None:
    """Attach a file of at most 10 MB. It is kept in the run folder."""
    content = file.file.read(actions.LARGEST_FILE + 1)
    if len(content) > actions.LARGEST_FILE:
        raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, "A file may have 10 MB at most.")
    actions.attach_file(hand, Place(dag_id, run_id, task_id), file.filename or "", content)


@router.get(
    "/tickets/{dag_id}/{run_id}/{task_id}/attachments/{number}",
    dependencies=MAY_SEE_TICKETS,
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
def attachment(dag_id: str, run_id: str, task_id: str, number: int, session: SessionDep) -> Response:
    """Download an attached file. A browser saves it and never shows it."""
    attached = actions.read_attachment(lookup.find_ticket(session, Place(dag_id, run_id, task_id)), number)
    if attached is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"The ticket has no file number {number}.")
    name, content = attached
    headers = {"Content-Disposition": disposition(name)}
    return Response(content, media_type="application/octet-stream", headers=headers)


def _each(body: Places, user: BaseUser, act: Callable[[Place], None]) -> DoneAll:
    """Do something about every ticket for itself."""
    done = []
    for one in dict.fromkeys(body.tickets):
        place = Place(one.dag_id, one.run_id, one.task_id)
        problem = _problem(place, act) if may_answer(user, place.dag_id, ()) else "You may answer no such ticket."
        done.append(Done(**asdict(place), ok=problem is None, problem=problem))
    return DoneAll(tickets=tuple(done))


def _problem(place: Place, act: Callable[[Place], None]) -> str | None:
    try:
        act(place)
    except HTTPException as error:
        if error.status_code >= status.HTTP_500_INTERNAL_SERVER_ERROR:
            raise
        return str(error.detail)
    return None
