"""The inbox, in SQL over the index: filtered, sorted, counted and searched; a handful of queries for any size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, Row, Select, and_, case, exists, false, func, or_, select, true
from sqlalchemy.orm import Session

from planexe_dag_factory.delegation.absences import Absence
from planexe_dag_factory.delegation.asked import Asked, look_up, who_is_asked
from planexe_dag_factory.delegation.desk import COMMENTED, Named, Priority
from planexe_dag_factory.record.events import Actor, names_of
from planexe_dag_factory.routing.people import People
from planexe_dag_factory.ui.desk.index import PRIORITIES
from planexe_dag_factory.ui.desk.tables import ACTIVITY, ASKED, BARRED, PUT_OFF, QUESTION, TICKET
from planexe_dag_factory.ui.wire import (
    Away,
    InboxCounts,
    OpenOfPlan,
    TicketKind,
    TicketPage,
    TicketRow,
    TicketState,
    Votes,
)

Scope = Literal["me", "mine", "groups", "all"]
Due = Literal["overdue", "today", "week", "none"]
Claimed = Literal["me", "none", "any"]
Sort = Literal["opened", "-opened", "due", "-due", "plan", "-plan", "priority", "-priority"]

_NAMED_KINDS = ("role", "senior")


class Wanted(BaseModel):
    """Which tickets to list, as the query of a request says it; None takes all."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    scope: Scope = Field("all", description="For me: mine, or my groups' (or everybody's); one of the two; or all.")
    kind: TicketKind | None = None
    dag_id: str | None = None
    run_id: str | None = None
    phase: str | None = Field(None, description="The title of a phase.")
    state: TicketState = "open"
    due: Due | None = Field(None, description="Overdue, within a day, within a week, or without a date.")
    min_age_h: float | None = Field(None, ge=0, le=1_000_000, description="Open for so many hours at least.")
    claimed: Claimed = "any"
    priority: Priority | None = None
    words: str = Field(
        "", alias="q", max_length=200, description="Words that title, plan, role or a comment must hold."
    )
    sort: Sort = "opened"
    limit: int = Field(25, ge=1, le=100)
    offset: int = Field(0, ge=0, le=1_000_000)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks: the DAGs they may see, their names and groups, and the roles that mean them or one of their groups."""

    dag_ids: frozenset[str]
    names: frozenset[str]
    groups: frozenset[str]
    own_roles: tuple[str, ...]
    group_roles: tuple[str, ...]
    away: tuple[tuple[Absence, Reader], ...] = ()
    """Those for whom the reader answers now, as they would look themselves."""


def list_tickets(
    session: Session,
    dag_ids: frozenset[str],
    wanted: Wanted,
    person: Actor,
    people: People,
    *,
    absences: tuple[Absence, ...] = (),
) -> TicketPage:
    """Return a page of the inbox with its counts; `dag_ids` are those that the person may see.

    `absences` are those whose deputy the person is. `unread` is 0: the caller knows what the index lacks.
    """
    reader = _reader(session, dag_ids, person, people)
    reader = replace(reader, away=_away(session, reader, absences, people))
    tallies = _tally(session, wanted, reader)
    rows = session.execute(_page(wanted, reader)).all()
    return TicketPage(
        tickets=_ticket_rows(session, rows, reader, people),
        total=sum(one.tickets for one in tallies if one.fits(wanted, but=())),
        counts=_counts(tallies, wanted),
        plans=_plans(tallies, wanted),
    )


@dataclass(frozen=True, slots=True)
class _Tally:
    dag_id: str
    plan: str
    kind: TicketKind
    mine: bool
    groups: bool
    tickets: int

    @classmethod
    def of(cls, row: Sequence[Any]) -> _Tally:
        dag_id, plan, kind, mine, groups, tickets = row
        return cls(dag_id, plan, kind, bool(mine), bool(groups), tickets)

    @property
    def for_me(self) -> bool:
        return self.mine or self.groups

    def fits(self, wanted: Wanted, *, but: Collection[str]) -> bool:
        """Say whether it is listed, leaving out the filters that are named."""
        scoped = {"me": self.for_me, "mine": self.mine, "groups": self.groups, "all": True}[wanted.scope]
        return (
            ("scope" in but or scoped)
            and ("kind" in but or wanted.kind in (None, self.kind))
            and ("plan" in but or wanted.dag_id in (None, self.dag_id))
        )


def _tally(session: Session, wanted: Wanted, reader: Reader) -> list[_Tally]:
    """Count once, by all that the page counts by."""
    mine, groups = _is_mine(reader), _is_of_groups(reader)
    one = (
        select(
            TICKET.c.dag_id,
            TICKET.c.plan,
            TICKET.c.kind,
            case((mine, 1), else_=0).label("mine"),
            case((groups, 1), else_=0).label("of_groups"),
        )
        .where(*_fitting(wanted, reader))
        .subquery()
    )
    query = select(*one.c, func.count()).group_by(*one.c)
    return [_Tally.of(tuple(row)) for row in session.execute(query)]


def _counts(tallies: Iterable[_Tally], wanted: Wanted) -> InboxCounts:
    kinds: dict[TicketKind, int] = defaultdict(int)
    for one in tallies:
        if one.fits(wanted, but=("kind",)):
            kinds[one.kind] += one.tickets
    scoped = [one for one in tallies if one.fits(wanted, but=("scope",))]
    return InboxCounts(
        me=sum(one.tickets for one in scoped if one.for_me),
        mine=sum(one.tickets for one in scoped if one.mine),
        groups=sum(one.tickets for one in scoped if one.groups),
        all=sum(one.tickets for one in scoped),
        by_kind=dict(kinds),
    )


def _plans(tallies: Iterable[_Tally], wanted: Wanted) -> tuple[OpenOfPlan, ...]:
    plans: dict[tuple[str, str], int] = defaultdict(int)
    for one in tallies:
        if one.fits(wanted, but=("plan",)):
            plans[one.dag_id, one.plan] += one.tickets
    found = [OpenOfPlan(dag_id=dag_id, title=title, open=count) for (dag_id, title), count in plans.items()]
    return tuple(sorted(found, key=lambda plan: (plan.title.casefold(), plan.dag_id)))


def _away(
    session: Session, reader: Reader, absences: tuple[Absence, ...], people: People
) -> tuple[tuple[Absence, Reader], ...]:
    users = [(one, Actor("person", one.user, one.user)) for one in absences]
    return tuple((one, _reader(session, reader.dag_ids, user, people)) for one, user in users)


def _reader(session: Session, dag_ids: frozenset[str], person: Actor, people: People) -> Reader:
    """Look up which of the role names in use mean this person."""
    names = names_of(person)
    groups = frozenset(group for group, users in people.groups.items() if not names.isdisjoint(users))
    query = select(ASKED.c.kind, ASKED.c.name).where(ASKED.c.kind.in_(_NAMED_KINDS)).distinct()
    own, grouped = [], []
    for kind, name in session.execute(query):
        assigned, _ = look_up(people, Named(kind, name))
        if not names.isdisjoint(assigned.users):
            own.append(f"{kind}:{name}")
        if not groups.isdisjoint(assigned.groups) or not (assigned.users or assigned.groups):
            grouped.append(f"{kind}:{name}")
    return Reader(dag_ids, names, groups, tuple(own), tuple(grouped))


def _is_mine(reader: Reader) -> ColumnElement[bool]:
    by_name = _asks(("user",), reader.names) | _asks_role(reader.own_roles)
    own = or_(TICKET.c.claimed_by.in_(reader.names), and_(TICKET.c.claimed_by.is_(None), by_name))
    own = or_(own, *(_is_mine(other) & _is_lent(absence) for absence, other in reader.away))
    return (own & ~_is_barred(reader) | _questions(("user",), reader.names)) & ~_is_put_off(reader)


def _is_of_groups(reader: Reader) -> ColumnElement[bool]:
    """A ticket that asks nobody in particular is everybody's."""
    nobody = ~exists(select(ASKED.c.id).where(ASKED.c.ticket_id == TICKET.c.id))
    by_group = _asks(("group",), reader.groups) | _asks_role(reader.group_roles) | nobody
    own = and_(or_(TICKET.c.claimed_by.is_(None), TICKET.c.claimed_by.in_(reader.names)), by_group)
    own = or_(own, *(_is_of_groups(other) & _is_lent(absence) for absence, other in reader.away))
    return (own & ~_is_barred(reader) | _questions(("group",), reader.groups)) & ~_is_put_off(reader)


def _is_barred(reader: Reader) -> ColumnElement[bool]:
    """Select the open tickets that this person cannot answer though they are asked: they have approved, say."""
    rows = select(BARRED.c.id).where(BARRED.c.ticket_id == TICKET.c.id, BARRED.c.name.in_(reader.names))
    return and_(TICKET.c.state == "open", exists(rows))


def _is_put_off(reader: Reader) -> ColumnElement[bool]:
    """Select the open tickets that this person has put off until later."""
    rows = select(PUT_OFF.c.id).where(PUT_OFF.c.ticket_id == TICKET.c.id, PUT_OFF.c.name.in_(reader.names))
    return and_(TICKET.c.state == "open", exists(rows.where(PUT_OFF.c.until > datetime.now(UTC))))


def _questions(kinds: Sequence[str], names: Collection[str]) -> ColumnElement[bool]:
    """Select the tickets about which these are asked for information."""
    if not names:
        return false()
    return TICKET.c.id.in_(select(QUESTION.c.ticket_id).where(QUESTION.c.kind.in_(kinds), QUESTION.c.name.in_(names)))


def _is_lent(absence: Absence) -> ColumnElement[bool]:
    """Select the kinds of tickets that a deputy answers."""
    return TICKET.c.kind.in_(absence.kinds) if absence.kinds else true()


def _asks(kinds: Sequence[str], names: Collection[str]) -> ColumnElement[bool]:
    return _asked_where(ASKED.c.kind.in_(kinds) & ASKED.c.name.in_(names)) if names else false()


def _asks_role(roles: Sequence[str]) -> ColumnElement[bool]:
    return _asked_where((ASKED.c.kind + ":" + ASKED.c.name).in_(roles)) if roles else false()


def _asked_where(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    still = ASKED.c.until.is_(None) | (ASKED.c.until > datetime.now(UTC))
    return TICKET.c.id.in_(select(ASKED.c.ticket_id).where(condition, still))


def _fitting(wanted: Wanted, reader: Reader) -> list[ColumnElement[bool]]:
    """Return the conditions that hold for every count: all but scope, kind and plan."""
    conditions: list[ColumnElement[bool]] = [TICKET.c.dag_id.in_(reader.dag_ids), TICKET.c.state == wanted.state]
    if wanted.run_id is not None:
        conditions.append(TICKET.c.run_id == wanted.run_id)
    if wanted.phase is not None:
        conditions.append(TICKET.c.phase == wanted.phase)
    if wanted.due is not None:
        conditions.append(_is_due(wanted.due))
    if wanted.min_age_h is not None:
        conditions.append(TICKET.c.opened_at <= datetime.now(UTC) - timedelta(hours=wanted.min_age_h))
    if wanted.priority is not None:
        conditions.append(TICKET.c.priority == PRIORITIES.index(wanted.priority))
    if wanted.claimed == "me":
        conditions.append(TICKET.c.claimed_by.in_(reader.names))
    if wanted.claimed == "none":
        conditions.append(TICKET.c.claimed_by.is_(None))
    return [*conditions, *(_holds(word) for word in wanted.words.casefold().split())]


def _is_due(due: Due) -> ColumnElement[bool]:
    if due == "none":
        return TICKET.c.due_at.is_(None)
    now = datetime.now(UTC)
    if due == "overdue":
        return TICKET.c.due_at < now
    return TICKET.c.due_at.between(now, now + timedelta(days=1 if due == "today" else 7))


def _holds(word: str) -> ColumnElement[bool]:
    said = select(ACTIVITY.c.ticket_id).where(ACTIVITY.c.words.contains(word, autoescape=True))
    return TICKET.c.words.contains(word, autoescape=True) | TICKET.c.id.in_(said)


_ORDER: dict[str, ColumnElement[Any]] = {
    "opened": TICKET.c.opened_at,
    "plan": TICKET.c.plan,
    "priority": TICKET.c.priority,
    "due": TICKET.c.due_at,
}


def _page(wanted: Wanted, reader: Reader) -> Select[Any]:
    conditions = _fitting(wanted, reader)
    if wanted.scope in ("me", "mine", "groups"):
        asked = {"mine": [_is_mine], "groups": [_is_of_groups]}.get(wanted.scope, [_is_mine, _is_of_groups])
        conditions.append(or_(*(asks(reader) for asks in asked)))
    if wanted.kind is not None:
        conditions.append(TICKET.c.kind == wanted.kind)
    if wanted.dag_id is not None:
        conditions.append(TICKET.c.dag_id == wanted.dag_id)
    column = _ORDER[wanted.sort.removeprefix("-")]
    order = column.desc() if wanted.sort.startswith("-") else column
    return (
        select(TICKET)
        .where(*conditions)
        .order_by(order.nulls_last(), TICKET.c.opened_at, TICKET.c.id)
        .limit(wanted.limit)
        .offset(wanted.offset)
    )


def _ticket_rows(session: Session, rows: Sequence[Row[Any]], reader: Reader, people: People) -> tuple[TicketRow, ...]:
    ids = [row.id for row in rows]
    asked = {row_id: who_is_asked(named, people) for row_id, named in _asked_by(session, ids).items()}
    comments, put_off = _comments_by(session, ids), _put_off_by(session, ids, reader)
    nobody, questions = who_is_asked((), people), _questions_by(session, ids)
    return tuple(
        _ticket_row(row, asked.get(row.id, nobody), reader).model_copy(
            update={
                "comments": comments.get(row.id, 0),
                "information_from": questions.get(row.id, ()),
                "put_off_until": put_off.get(row.id),
            }
        )
        for row in rows
    )


def _questions_by(session: Session, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    asked: dict[int, tuple[str, ...]] = defaultdict(tuple)
    query = select(QUESTION).where(QUESTION.c.ticket_id.in_(ids)).order_by(QUESTION.c.id)
    for row in session.execute(query):
        asked[row.ticket_id] += (str(who_is_asked([Named(row.kind, row.name)], People())),)
    return asked


def _asked_by(session: Session, ids: Sequence[int]) -> dict[int, list[Named]]:
    asked: dict[int, list[Named]] = defaultdict(list)
    query = select(ASKED).where(ASKED.c.ticket_id.in_(ids)).order_by(ASKED.c.id)
    for row in session.execute(query):
        asked[row.ticket_id].append(Named(row.kind, row.name, row.until.isoformat() if row.until else None))
    return asked


def _put_off_by(session: Session, ids: Sequence[int], reader: Reader) -> dict[int, datetime]:
    """Return until when the reader has put which tickets off."""
    query = select(PUT_OFF.c.ticket_id, PUT_OFF.c.until).where(
        PUT_OFF.c.ticket_id.in_(ids), PUT_OFF.c.name.in_(reader.names), PUT_OFF.c.until > datetime.now(UTC)
    )
    return dict(session.execute(query).tuples().all())


def _comments_by(session: Session, ids: Sequence[int]) -> dict[int, int]:
    query = (
        select(ACTIVITY.c.ticket_id, func.count())
        .where(ACTIVITY.c.ticket_id.in_(ids), ACTIVITY.c.action == COMMENTED)
        .group_by(ACTIVITY.c.ticket_id)
    )
    return dict(session.execute(query).tuples().all())


def _ticket_row(row: Row[Any], asked: Asked, reader: Reader) -> TicketRow:
    return TicketRow(
        dag_id=row.dag_id,
        run_id=row.run_id,
        task_id=row.task_id,
        n=row.n,
        kind=row.kind,
        state=row.state,
        plan=row.plan,
        phase=row.phase,
        title=row.title,
        ask=row.ask,
        assignee=row.assignee,
        users=asked.users,
        groups=asked.groups,
        answers_for=_lent(row, asked, reader),
        claimed_by=row.claimed_by,
        opened_at=row.opened_at,
        due_at=row.due_at,
        priority=PRIORITIES[row.priority],
        amount=row.amount,
        currency=row.currency,
        approvals=Votes(needed=row.approvals_needed, given=row.approvals_given),
        comments=0,
        answered_by=row.answered_by,
        answered_with=row.answered_with,
        answered_at=row.answered_at,
    )


def _lent(row: Row[Any], asked: Asked, reader: Reader) -> Away | None:
    """Return for whom the reader would answer a ticket that does not ask them."""
    if row.state != "open" or asked.is_anybody or not reader.names.isdisjoint(asked.members):
        return None
    kept = (absence for absence, _ in reader.away if not absence.kinds or row.kind in absence.kinds)
    return next((away(absence) for absence in kept if absence.user in asked.members), None)


def away(absence: Absence) -> Away:
    """Tell of an absence."""
    return Away(**{name: value for name, value in absence.as_json().items() if name not in ("by", "at")})
