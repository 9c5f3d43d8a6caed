"""Keeps the index of tickets in step with Airflow's requests and the run folders, a bounded piece at a time.

Airflow's tables say which requests are open; `ticket.json` and the signed events say what they are
about. What changed since it was last looked at is read anew, so that the index may be dropped, and
two API servers may fill it at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from sqlalchemy import ColumnElement, and_, bindparam, case, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from planexe_dag_factory.airflow.settings import keys
from planexe_dag_factory.delegation.approval import barred
from planexe_dag_factory.delegation.desk import COMMENTED, QUESTIONED, Deed, Desk, Named, Priority, read_desk
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.delegation.questions import open_questions
from planexe_dag_factory.errors import PlanExeDagError
from planexe_dag_factory.record.events import EventFile, list_events
from planexe_dag_factory.record.keys import KeyRing
from planexe_dag_factory.routing.model import Registry
from planexe_dag_factory.ui.desk.tables import ACTIVITY, ASKED, BARRED, NAME_CHARACTERS, PUT_OFF, QUESTION, TICKET
from planexe_dag_factory.ui.queries import ASKING, FIRST_OPTION, RUN_COLUMNS, TITLE, RunRow, is_open, run_row
from planexe_dag_factory.ui.records import Record, find_record

AT_ONCE = 250
"""How many tickets one request reads at most; those that follow read the rest."""
OVER_AT_ONCE = 50
"""How many of them may be over already: nobody waits for those, and the newest come first."""
WORDS_CHARACTERS = 4_000
PRIORITIES: tuple[Priority, ...] = ("low", "normal", "high", "urgent")
"""As they are stored: by their place."""
_PLACE = ("dag_id", "run_id", "task_id")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """The Airflow task that a ticket belongs to."""

    dag_id: str
    run_id: str
    task_id: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A request of Airflow, as far as its tables describe it; `over` is how it ended, where it has."""

    run: RunRow
    place: Place
    ti_id: UUID
    changed_at: datetime | None
    plan: str
    subject: str
    options: tuple[str, ...]
    opened_at: datetime
    over: Mapping[str, Any] | None = None


def refresh(session: Session, dag_ids: Collection[str]) -> int:
    """Bring the index up to date for these DAGs; return how many open requests it still has to read."""
    _close(session, TICKET.c.dag_id.in_(dag_ids))
    news = _unread(session, TaskInstance.dag_id.in_(dag_ids), AT_ONCE + 1)
    waiting = [one for one in news if one.over is None]
    over = [one for one in news if one.over is not None][:OVER_AT_ONCE]
    _take_in(session, [*waiting, *over][:AT_ONCE])
    session.commit()
    return _count_unread(session, dag_ids) if len(waiting) > AT_ONCE else 0


def refresh_one(session: Session, place: Place) -> None:
    """Bring the index up to date for one task."""
    task = (
        (TaskInstance.dag_id == place.dag_id)
        & (TaskInstance.run_id == place.run_id)
        & (TaskInstance.task_id == place.task_id)
    )
    _close(session, at(place))
    _take_in(session, _unread(session, task, 1))
    session.commit()


def lock(session: Session, place: Place) -> int | None:
    """Hold a ticket and Airflow's request until the end of the transaction; None where it is not open any more.

    Of two who act about it at once, one is first; an answer on Airflow's own page waits too.
    """
    session.execute(update(TICKET).where(at(place)).values(n=TICKET.c.n))
    query = (
        select(TICKET.c.id)
        .join(HITLDetail, HITLDetail.ti_id == TICKET.c.ti_id)
        .where(at(place), TICKET.c.state == "open", HITLDetail.responded_at.is_(None))
        .with_for_update(of=HITLDetail)
    )
    row_id: int | None = session.scalars(query).one_or_none()
    return row_id


def at(place: Place) -> ColumnElement[bool]:
    """Select the row of a task."""
    return (TICKET.c.dag_id == place.dag_id) & (TICKET.c.run_id == place.run_id) & (TICKET.c.task_id == place.task_id)


def project(session: Session, ticket_id: int, ticket: Mapping[str, Any], desk: Desk) -> None:
    """Write what the record says was done about a ticket into its rows."""
    fresh = {**_claim(desk), **_from_desk(ticket, desk)}
    session.execute(update(TICKET).where(TICKET.c.id == ticket_id).values(**fresh))
    _write_desks(session, {ticket_id: desk})


def _from_desk(ticket: Mapping[str, Any], desk: Desk) -> dict[str, Any]:
    rank = PRIORITIES.index(priority_of(ticket, desk))
    return {"approvals_needed": approvals_needed(ticket, desk), "priority": rank}


def priority_of(ticket: Mapping[str, Any], desk: Desk) -> Priority:
    """Return what somebody said last, else what the ticket opened with."""
    return desk.priority or ("high" if ticket.get("priority") == "high" else "normal")


def approvals_needed(ticket: Mapping[str, Any], desk: Desk) -> int:
    """Say how many different people must approve: as many as the policy says, and everybody who was added."""
    needed: int = (ticket.get("approvals") or {}).get("needed", 1)
    return needed + len(desk.added)


def _write_desks(session: Session, desks: Mapping[int, Desk]) -> None:
    session.execute(delete(ASKED).where(ASKED.c.ticket_id.in_(desks)))
    asked = [_asked_row(row_id, named) for row_id, desk in desks.items() for named in desk.asked]
    if asked:
        session.execute(insert(ASKED), asked)
    session.execute(delete(PUT_OFF).where(PUT_OFF.c.ticket_id.in_(desks)))
    put_off = [
        {"ticket_id": row_id, "name": _name(name), "until": _time(until)}
        for row_id, desk in desks.items()
        for name, until in desk.put_off.items()
    ]
    if put_off:
        session.execute(insert(PUT_OFF), put_off)
    session.execute(delete(QUESTION).where(QUESTION.c.ticket_id.in_(desks)))
    questions = [
        {"ticket_id": row_id, "kind": one.to.kind, "name": _name(one.to.name)}
        for row_id, desk in desks.items()
        for one in open_questions(desk)
    ]
    if questions:
        session.execute(insert(QUESTION), questions)
    deeds = [_deed_row(row_id, deed) for row_id, desk in desks.items() for deed in desk.deeds]
    if deeds:
        session.execute(dialect(session).insert(ACTIVITY).on_conflict_do_nothing(), deeds)


def _close(session: Session, which: ColumnElement[bool]) -> None:
    """Mark the tickets whose request is not open any more; who answered, if anybody, is in it while it is kept."""
    query = (
        select(TICKET.c.id, HITLDetail.responded_by, HITLDetail.chosen_options, HITLDetail.responded_at)
        .select_from(TICKET)
        .outerjoin(TaskInstance, TaskInstance.id == TICKET.c.ti_id)
        .outerjoin(HITLDetail, HITLDetail.ti_id == TICKET.c.ti_id)
        .where(which, TICKET.c.state == "open")
        .where(
            or_(
                TaskInstance.id.is_(None),
                TaskInstance.state.is_(None),
                TaskInstance.state.not_in(ASKING),
                HITLDetail.ti_id.is_(None),
                HITLDetail.responded_at.is_not(None),
            )
        )
        .order_by(TICKET.c.id)
    )
    closed = [
        {
            "row": row_id,
            "now": "answered" if responded_at else "closed",
            **_answer(by, options, responded_at),
        }
        for row_id, by, options, responded_at in session.execute(query)
    ]
    if closed:
        gone = (
            update(TICKET)
            .where(TICKET.c.id == bindparam("row"))
            .values(state=bindparam("now"), claimed_by=None, claimed_at=None)
        )
        session.execute(gone, closed)


def _answer(by: Mapping[str, Any] | None, options: Sequence[str] | None, at: datetime | None) -> dict[str, Any]:
    return {"answered_by": (by or {}).get("name"), "answered_with": options[0] if options else None, "answered_at": at}


def _unread(session: Session, which: ColumnElement[bool], limit: int) -> list[Opened]:
    """Find the open requests that changed, the longest waiting first, then those that were over before we looked."""
    waits = and_(*is_open())
    query = (
        select(
            *RUN_COLUMNS,
            TaskInstance.task_id,
            TaskInstance.id,
            TaskInstance.updated_at,
            TITLE,
            HITLDetail.subject,
            HITLDetail.options,
            HITLDetail.created_at,
            waits,
            HITLDetail.responded_by,
            HITLDetail.chosen_options,
            HITLDetail.responded_at,
        )
        .select_from(HITLDetail)
        .join(TaskInstance, HITLDetail.ti_id == TaskInstance.id)
        .join(DagRun, (DagRun.dag_id == TaskInstance.dag_id) & (DagRun.run_id == TaskInstance.run_id))
        .join(DagModel, DagModel.dag_id == TaskInstance.dag_id)
        .outerjoin(TICKET, TICKET.c.ti_id == HITLDetail.ti_id)
        .where(which, TaskInstance.map_index == -1, or_(and_(waits, _is_news()), TICKET.c.id.is_(None)))
        .order_by(
            case((waits, 0), else_=1),
            TICKET.c.id.is_not(None),
            case((waits, HITLDetail.created_at)),
            HITLDetail.created_at.desc(),
            HITLDetail.ti_id,
        )
        .limit(limit)
    )
    return [_opened(tuple(row)) for row in session.execute(query)]


def _count_unread(session: Session, dag_ids: Collection[str]) -> int:
    query = (
        select(func.count())
        .select_from(HITLDetail)
        .join(TaskInstance, HITLDetail.ti_id == TaskInstance.id)
        .outerjoin(TICKET, TICKET.c.ti_id == HITLDetail.ti_id)
        .where(TaskInstance.dag_id.in_(dag_ids), TaskInstance.map_index == -1, *is_open(), _is_news())
    )
    return session.scalar(query) or 0


def _is_news() -> ColumnElement[bool]:
    """A task that has changed since may have opened its ticket again, or escalated it."""
    return or_(TICKET.c.seen_at.is_(None), TICKET.c.state != "open", TICKET.c.seen_at != TaskInstance.updated_at)


def _opened(row: Sequence[Any]) -> Opened:
    run = run_row(row[:6])
    task_id, ti_id, changed_at, plan, subject, options, opened_at, waits, *answer = row[6:]
    place = Place(run.dag_id, run.run_id, task_id)
    over = None if waits else _answer(*answer)
    return Opened(run, place, ti_id, changed_at, plan, subject, tuple(options), opened_at, over)


def _take_in(session: Session, news: Sequence[Opened]) -> None:
    """Read these tickets from their run folders and write their rows, always in the same order."""
    if not news:
        return
    ring = keys()
    books = {run: _Book.open(run, ring) for run in {opened.run for opened in news}}
    found, barred_from = {}, {}
    for opened in news:
        book = books[opened.run]
        ticket = book.ticket(opened.place.task_id)
        desk = read_desk(book.record.folder, ring.public, ticket, book.files) if book.record and ticket else Desk(())
        found[opened.place] = (_row(opened, ticket or _stand_in(opened), desk), desk)
        barred_from[opened.place] = book.barred(ticket) if ticket and opened.over is None else frozenset()
    rows = _upsert(session, [found[place][0] for place in sorted(found)])
    _write_desks(session, {rows[place]: desk for place, (_, desk) in found.items()})
    _write_barred(session, {rows[place]: names for place, names in barred_from.items()})


def _write_barred(session: Session, barred: Mapping[int, Collection[str]]) -> None:
    session.execute(delete(BARRED).where(BARRED.c.ticket_id.in_(barred)))
    names = [{"ticket_id": row_id, "name": _name(name)} for row_id, names in barred.items() for name in sorted(names)]
    if names:
        session.execute(insert(BARRED), names)


@dataclass(frozen=True, slots=True)
class _Book:
    """A run folder whose audit folder was listed once."""

    record: Record | None
    files: Sequence[EventFile]
    execution: Execution | None

    @classmethod
    def open(cls, run: RunRow, ring: KeyRing) -> _Book:
        record = find_record(run)
        execution = Execution(record.folder, Registry, ring.current, ring.public) if record else None
        return cls(record, list_events(record.folder) if record else (), execution)

    def barred(self, ticket: Mapping[str, Any]) -> frozenset[str]:
        """Return the names of those who cannot answer a ticket, though it may ask them.

        A record that cannot be read hides no ticket: whoever answers is refused then.
        """
        try:
            return barred(self.execution.step(ticket["work_item"]), ticket["kind"]) if self.execution else frozenset()
        except PlanExeDagError:
            return frozenset()

    def ticket(self, task_id: str) -> Mapping[str, Any] | None:
        return self.record.ticket(task_id) if self.record else None


def _stand_in(opened: Opened) -> Mapping[str, Any]:
    """Describe a request whose ticket is lost by the little that Airflow knows."""
    kind = next((kind for kind, option in FIRST_OPTION.items() if option in opened.options), "work")
    return {
        "kind": kind,
        "title": opened.place.task_id,
        "ask": opened.subject,
        "opened_at": opened.opened_at.isoformat(),
    }


def _row(opened: Opened, ticket: Mapping[str, Any], desk: Desk) -> dict[str, Any]:
    over = opened.over
    return {
        **asdict(opened.place),
        **_described(ticket, opened.plan),
        **_from_desk(ticket, desk),
        **_claim(desk if over is None else Desk(())),
        "ti_id": opened.ti_id,
        "seen_at": opened.changed_at if ticket.get("n") else None,  # a lost ticket is looked for again
        "state": "open" if over is None else "answered" if over["answered_at"] else "closed",
        **(over or _answer(None, None, None)),
    }


def _upsert(session: Session, rows: list[dict[str, Any]]) -> dict[Place, int]:
    """Write rows, whether they are new or not; return their ids."""
    statement = dialect(session).insert(TICKET)
    fresh = {name: statement.excluded[name] for name in rows[0] if name not in _PLACE}
    session.execute(statement.on_conflict_do_update(index_elements=list(_PLACE), set_=fresh), rows)
    ids = select(TICKET.c.id, *(TICKET.c[name] for name in _PLACE)).where(
        TICKET.c.ti_id.in_([row["ti_id"] for row in rows])
    )
    return {Place(*place): row_id for row_id, *place in session.execute(ids)}


def dialect(session: Session) -> Any:
    """Return SQLAlchemy's module of the database in use: only there can a row be written whether it is new or not."""
    return postgresql if session.get_bind().dialect.name == "postgresql" else sqlite


def _described(ticket: Mapping[str, Any], plan: str) -> dict[str, Any]:
    said = ticket.get("plan_says") or {}
    phase, assignee = str(said.get("phase") or ""), str(ticket.get("assignee") or "")
    title, ask = str(ticket["title"]), str(ticket["ask"])
    approvals = ticket.get("approvals") or {}
    return {
        "n": ticket.get("n", 0),
        "kind": ticket["kind"],
        "work_item": _name(ticket.get("work_item", "")),
        "plan": _name(plan),
        "phase": _name(phase),
        "title": _text(title),
        "ask": _text(ask),
        "assignee": _name(assignee),
        "opened_at": _time(ticket["opened_at"]),
        "due_at": _time(ticket.get("due_at")),
        "amount": ticket.get("amount"),
        "currency": _name(ticket["currency"])[:20] if ticket.get("currency") else None,
        "approvals_given": len(approvals.get("given", ())),
        "words": _text(f"{title}\n{ask}\n{plan}\n{phase}\n{assignee}".casefold()),
    }


def _claim(desk: Desk) -> dict[str, Any]:
    claim = desk.claim
    return {
        "claimed_by": _name(claim.who.name or claim.who.id) if claim else None,
        "claimed_at": _time(claim.at) if claim else None,
    }


def _asked_row(ticket_id: int, named: Named) -> dict[str, Any]:
    return {"ticket_id": ticket_id, "kind": named.kind, "name": _name(named.name), "until": _time(named.until)}


def _deed_row(ticket_id: int, deed: Deed) -> dict[str, Any]:
    words = str(deed.details.get("text", "")) if deed.action in (COMMENTED, QUESTIONED) else ""
    return {
        "ticket_id": ticket_id,
        "mark": deed.mark,
        "action": deed.action,
        "who": _name(deed.who.name or deed.who.id),
        "at": _time(deed.at),
        "words": _text(words.casefold()),
    }


def _name(text: str) -> str:
    return _text(text)[:NAME_CHARACTERS]


def _text(text: str) -> str:
    """Leave out what PostgreSQL cannot hold, and what an index need not."""
    return text.replace("\0", "")[:WORDS_CHARACTERS]


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
