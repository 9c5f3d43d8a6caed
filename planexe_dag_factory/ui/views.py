"""Joins what Airflow knows about runs with what their folders hold, into what the API says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from planexe_dag_factory.ui import queries
from planexe_dag_factory.ui.progress import RunFacts, TaskRow, count_states, phases_of
from planexe_dag_factory.ui.queries import PlanRow, RequestFilter, RequestRow, RunRow
from planexe_dag_factory.ui.records import FINAL, Record, find_record, folder_of
from planexe_dag_factory.ui.wire import (
    PhaseProgress,
    PhaseSummary,
    PlanCard,
    Progress,
    RunSummary,
    TicketKind,
    TicketPage,
    TicketRow,
    Waiting,
)


def plan_cards(session: Session, dag_ids: frozenset[str]) -> list[PlanCard]:
    """Return every plan among these DAGs, with its latest run; one that is lost only while it runs."""
    runs = queries.latest_runs(session, dag_ids)
    under_way = {dag_id for dag_id, run in runs.items() if run.ended_at is None}
    plans = [plan for plan in queries.find_plans(session, dag_ids) if not plan.lost or plan.dag_id in under_way]
    tasks = queries.task_rows(session, runs.values())
    tickets = queries.count_requests(session, runs.values())
    return [_card(plan, runs.get(plan.dag_id), tasks, tickets) for plan in plans]


def run_progress(session: Session, run: RunRow) -> Progress:
    """Return how far a run is, step by step."""
    key = (run.dag_id, run.run_id)
    record = find_record(run)
    phases = _phases(record, queries.task_rows(session, [run]).get(key, {}))
    return Progress(
        dag_id=run.dag_id,
        run_id=run.run_id,
        title=queries.find_title(session, run.dag_id),
        state=run.state,
        run_dir=str(folder_of(run).root),
        started_at=run.started_at,
        ended_at=run.ended_at,
        recorded=record is not None,
        report=record is not None and record.has_report(FINAL),
        counts=count_states(phases),
        phases=phases,
        open_tickets=queries.count_requests(session, [run]).get(key, 0),
    )


def ticket_page(session: Session, wanted: RequestFilter, limit: int, offset: int) -> TicketPage:
    """Return a page of the inbox, the longest waiting first."""
    requests, total = queries.find_requests(session, wanted, limit, offset)
    records = {run: find_record(run) for run in {request.run for request in requests}}
    return TicketPage(tickets=tuple(_row(request, records[request.run]) for request in requests), total=total)


def _card(
    plan: PlanRow,
    run: RunRow | None,
    tasks: Mapping[tuple[str, str], Mapping[str, TaskRow]],
    tickets: Mapping[tuple[str, str], int],
) -> PlanCard:
    return PlanCard(
        dag_id=plan.dag_id,
        title=plan.title,
        paused=plan.paused,
        lost=plan.lost,
        last_run=_summary(run, tasks.get((run.dag_id, run.run_id), {}), tickets) if run else None,
    )


def _summary(run: RunRow, tasks: Mapping[str, TaskRow], tickets: Mapping[tuple[str, str], int]) -> RunSummary:
    phases = _phases(find_record(run), tasks)
    asked = Counter(step.waits_on for phase in phases for step in phase.steps if step.waits_on)
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
        open_tickets=tickets.get((run.dag_id, run.run_id), 0),
    )


def _phases(record: Record | None, tasks: Mapping[str, TaskRow]) -> tuple[PhaseProgress, ...]:
    if record is None:
        return ()
    return phases_of(record.spec, RunFacts(tasks, record.is_refused, record.has_report))


def _row(request: RequestRow, record: Record | None) -> TicketRow:
    """Describe a request by its ticket, or by the little that Airflow knows where the ticket is lost."""
    ticket: Mapping[str, Any] = (record.ticket(request.task_id) if record else None) or {}
    due = ticket.get("due_at")
    return TicketRow(
        dag_id=request.run.dag_id,
        run_id=request.run.run_id,
        task_id=request.task_id,
        kind=ticket.get("kind") or _kind_of(request),
        plan=request.plan,
        title=ticket.get("title", request.task_id),
        ask=ticket.get("ask", request.subject),
        assignee=ticket.get("assignee", ""),
        opened_at=request.opened_at,
        due_at=datetime.fromisoformat(due) if due else None,
    )


def _kind_of(request: RequestRow) -> TicketKind:
    return next((kind for kind, option in queries.FIRST_OPTION.items() if option in request.options), "work")
