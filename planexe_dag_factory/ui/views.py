"""Joins what Airflow knows about runs with what their folders hold, into what the API says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError
from sqlalchemy.orm import Session

from planexe_dag_factory.delegation.added import who_cannot_add
from planexe_dag_factory.delegation.answers import person_problem
from planexe_dag_factory.delegation.asked import asked_of
from planexe_dag_factory.delegation.deputies import deputies_of, find_stand_in
from planexe_dag_factory.delegation.desk import Desk
from planexe_dag_factory.delegation.handing import is_above
from planexe_dag_factory.delegation.told import who_is_told
from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.events import Actor, names_of
from planexe_dag_factory.routing.people import People
from planexe_dag_factory.ui import queries
from planexe_dag_factory.ui.desk import history
from planexe_dag_factory.ui.desk.holders import find_holders
from planexe_dag_factory.ui.desk.inbox import away
from planexe_dag_factory.ui.desk.index import approvals_needed, priority_of
from planexe_dag_factory.ui.desk.lookup import Found
from planexe_dag_factory.ui.progress import RunFacts, TaskRow, count_states, open_work, phases_of
from planexe_dag_factory.ui.queries import PlanRow, RunRow
from planexe_dag_factory.ui.records import FINAL, Record, find_record, folder_of
from planexe_dag_factory.ui.ticket_view import TicketView
from planexe_dag_factory.ui.wire import (
    PhaseProgress,
    PhaseSummary,
    PlanCard,
    Progress,
    RunSummary,
    Waiting,
)


def plan_cards(session: Session, dag_ids: frozenset[str]) -> list[PlanCard]:
    """Return every plan among these DAGs, with its latest run; one that is lost only while it runs."""
    runs = queries.latest_runs(session, dag_ids)
    under_way = {dag_id for dag_id, run in runs.items() if run.ended_at is None}
    plans = [plan for plan in queries.find_plans(session, dag_ids) if not plan.lost or plan.dag_id in under_way]
    tasks = queries.task_rows(session, runs.values())
    tickets, holders = queries.count_requests(session, runs.values()), find_holders(session, runs.values())
    return [_card(plan, runs.get(plan.dag_id), Rows(tasks, tickets, holders)) for plan in plans]


@dataclass(frozen=True, slots=True)
class Rows:
    """What the database says of some runs, by DAG and run: their tasks, open tickets, and who has which of these."""

    tasks: Mapping[tuple[str, str], Mapping[str, TaskRow]]
    tickets: Mapping[tuple[str, str], int]
    holders: Mapping[tuple[str, str], Mapping[str, str]]


def run_progress(session: Session, run: RunRow) -> Progress:
    """Return how far a run is, step by step."""
    key = (run.dag_id, run.run_id)
    record = find_record(run)
    phases = _phases(record, queries.task_rows(session, [run]).get(key, {}), find_holders(session, [run]).get(key, {}))
    return Progress(
        dag_id=run.dag_id,
        run_id=run.run_id,
        title=queries.find_title(session, run.dag_id),
        state=run.state,
        run_dir=folder_of(run).root,
        started_at=run.started_at,
        ended_at=run.ended_at,
        recorded=record is not None,
        report=record is not None and record.has_report(FINAL),
        counts=count_states(phases),
        phases=phases,
        open_tickets=queries.count_requests(session, [run]).get(key, 0),
    )


def ticket_view(session: Session, found: Found, person: Actor, people: People, *, allowed: bool) -> TicketView:
    """Return a ticket with everything around it; `allowed` says whether Airflow would take this person's answer."""
    events = found.events()
    desk = found.desk(events)
    asked = asked_of(desk, people)
    why_not = why_not_answer(found, desk, person, people, allowed=allowed)
    place, state = found.place, found.request.state
    stand_in = find_stand_in(found.step, found.ticket, desk, person, people)
    seen = {
        **found.ticket,
        "plan": queries.find_title(session, place.dag_id),
        "state": state,
        "may_answer": why_not is None,
        "may_ask": allowed and found.request.open and may_ask(found, desk, person, people),
        "may_act": allowed and found.request.open,
        "may_remind": allowed and found.request.open and _is_others(found, desk, person, people),
        "why_not": why_not,
        "claimed_by": (desk.claim.who.name or desk.claim.who.id) if desk.claim and found.request.open else None,
        "assigned": {
            "role": found.ticket.get("assignee", ""),
            "users": asked.users,
            "groups": asked.groups,
            "mapped": asked.mapped,
        },
        "away": [away(one) for one in deputies_of(found.step, found.ticket, asked.members, people)],
        "answers_for": away(stand_in.absence) if stand_in and not stand_in.problem else None,
        "history": history.history_of(found.step.execution.run, events),
        "comments": history.comments_of(desk),
        "questions": history.questions_asked(desk, person, people),
        "added": history.added_approvers(found.step, desk, person, people),
        "may_add": allowed and found.request.open and _may_add(found, desk, person, people),
        "priority": priority_of(found.ticket, desk),
        "put_off_until": _put_off(desk, person),
        "attachments": history.attachments_of(desk),
        "votes": _votes(found, desk),
        "links": {"task": f"/dags/{_word(place.dag_id)}/runs/{_word(place.run_id)}/tasks/{_word(place.task_id)}"},
    }
    try:
        return TicketView.model_validate(seen)
    except ValidationError as error:
        raise RecordError(f"the ticket of {place.task_id!r} is not as any version wrote it: {error}") from error


def _may_add(found: Found, desk: Desk, person: Actor, people: People) -> bool:
    return found.ticket["kind"] == "approval" and who_cannot_add(found.step, desk, person, people) is None


def _votes(found: Found, desk: Desk) -> Mapping[str, Any]:
    """Return how many have approved of how many; who was added since the ticket opened counts."""
    given = (found.ticket.get("approvals") or {}).get("given", [])
    return {"needed": approvals_needed(found.ticket, desk), "given": given}


def _put_off(desk: Desk, person: Actor) -> str | None:
    """Return until when the reader has put the ticket off, where that is still to come."""
    until = next((until for name, until in desk.put_off.items() if name in names_of(person)), None)
    return until if until and datetime.fromisoformat(until) > datetime.now(UTC) else None


def _is_others(found: Found, desk: Desk, person: Actor, people: People) -> bool:
    """Say whether others, who can be named, have still to answer."""
    told = who_is_told(found.step, found.ticket, desk, people)
    return not told.holds(person)


def may_ask(found: Found, desk: Desk, person: Actor, people: People) -> bool:
    """Say whether a person is asked, answers for somebody who is, or stands above: they may ask for information."""
    if asked_of(desk, people).holds(person) or is_above(person, people):
        return True
    return find_stand_in(found.step, found.ticket, desk, person, people) is not None


def why_not_answer(found: Found, desk: Desk, person: Actor, people: People, *, allowed: bool) -> str | None:
    """Say why a person cannot answer a ticket; None where they can."""
    if not found.request.open:
        return "It has been answered." if found.request.state == "answered" else "It is closed: nobody answered it."
    if not allowed:
        return "Airflow does not let you answer requests of this plan."
    reason = person_problem(found.step, found.ticket, desk, person, people)
    return f"{reason[:1].upper()}{reason[1:]}." if reason else None


def _word(text: str) -> str:
    return quote(text, safe="")


def _card(plan: PlanRow, run: RunRow | None, rows: Rows) -> PlanCard:
    return PlanCard(
        dag_id=plan.dag_id,
        title=plan.title,
        paused=plan.paused,
        lost=plan.lost,
        last_run=_summary(run, rows) if run else None,
    )


def _summary(run: RunRow, rows: Rows) -> RunSummary:
    key = (run.dag_id, run.run_id)
    phases = _phases(find_record(run), rows.tasks.get(key, {}), rows.holders.get(key, {}))
    asked = Counter(step.waits_on for step in open_work(phases) if step.waits_on)
    return RunSummary(
        run_id=run.run_id,
        state=run.state,
        started_at=run.started_at,
        ended_at=run.ended_at,
        counts=count_states(phases),
        phases=tuple(
            PhaseSummary(title=phase.title, state=phase.state, counts=count_states([phase])) for phase in phases
        ),
        waiting=tuple(Waiting(who=who, steps=steps) for who, steps in asked.most_common()),
        open_tickets=rows.tickets.get(key, 0),
    )


def _phases(
    record: Record | None, tasks: Mapping[str, TaskRow], holders: Mapping[str, str]
) -> tuple[PhaseProgress, ...]:
    if record is None:
        return ()
    return phases_of(record.spec, RunFacts(tasks, record.is_refused, record.has_report, record.own_report, holders))
