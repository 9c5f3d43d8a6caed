"""What is wrong with an installation, and what to do about it: everything at once, looked up anew at every request.

Plans that the reader may not read are left out. Nothing here repairs anything.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from airflow.api.common.airflow_health import get_airflow_health
from airflow.models.dagrun import DagRun
from airflow.models.errors import ParseImportError
from airflow.models.pool import Pool
from airflow.models.taskinstance import TaskInstance
from airflow.utils.state import DagRunState, TaskInstanceState
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from planexe_dag_factory.airflow.reaching import check_registered
from planexe_dag_factory.airflow.settings import (
    keys,
    keys_folder,
    open_history,
    pools,
    registry,
    registry_path,
    run_root,
)
from planexe_dag_factory.delegation.cards import Health
from planexe_dag_factory.delegation.standing import find_hold
from planexe_dag_factory.errors import RecordError, RegistryError
from planexe_dag_factory.routing.model import Agent
from planexe_dag_factory.ui import queries
from planexe_dag_factory.ui.desk import index
from planexe_dag_factory.ui.desk.manager import MIGRATE, MISSING, has_tables
from planexe_dag_factory.ui.desk.tables import TICKET
from planexe_dag_factory.ui.wire import AgentHealth, Finding, Installation, TicketHealth

LONG = timedelta(minutes=10)
"""A task that waits so long for a worker is held up by something."""
SHOWN = 20
"""So many of one kind are named; the rest are counted."""
PARTS = {
    "metadatabase": ("the metadata database", "Start it, and see that Airflow reaches it: `airflow db check`."),
    "scheduler": ("the scheduler", "Start it: `airflow scheduler`. Until then no step begins or ends."),
    "triggerer": (
        "the triggerer",
        "Start it: `airflow triggerer`. Until then steps whose agents take their time stand still.",
    ),
    "dag_processor": (
        "the DAG processor",
        "Start it: `airflow dag-processor`. Until then plans that are dropped or edited are not read.",
    ),
}


def look(session: Session, readable: Collection[str]) -> Installation:
    """Look at everything."""
    parts = get_airflow_health()
    agents, of_agents = _agents()
    tickets, of_tickets = _tickets(session, readable)
    problems = (*_parts(parts), *_keys(session, readable), *_run_root(), *of_agents, *of_tickets)
    problems += (*_pools(session, readable), *_broken_plans(session), *_standing_runs(session, readable))
    return Installation(
        ok=not any(problem.severity == "error" for problem in problems),
        at=datetime.now(UTC),
        problems=problems,
        airflow={name: part["status"] or "none" for name, part in parts.items()},
        agents=agents,
        tickets=tickets,
    )


def _finding(severity: Literal["error", "warning"], code: str, what: str, remedy: str) -> Finding:
    return Finding(severity=severity, code=code, what=what, remedy=remedy)


def _parts(parts: dict[str, Any]) -> Iterator[Finding]:
    for name, part in parts.items():
        if part["status"] != "healthy":
            what, remedy = PARTS[name]
            since = part.get(f"latest_{name}_heartbeat")
            told = f"{what} has not been heard of since {since}" if since else f"{what} does not run"
            yield _finding("error", f"{name.replace('_', '-')}-down", _sentence(told), remedy)


def _keys(session: Session, readable: Collection[str]) -> Iterator[Finding]:
    try:
        keys()
    except RecordError as error:
        if queries.latest_runs(session, readable):  # the first run makes the key
            remedy = f"Restore {keys_folder()} from its backup: runs under way cannot go on with another key."
            yield _finding("error", "keys-missing", _sentence(str(error)), remedy)


def _run_root() -> Iterator[Finding]:
    root, probe = run_root(), f"health-{secrets.token_hex(8)}"
    try:
        root.write_bytes(b"", probe)
        root.remove(probe)
    except RecordError as error:
        what = f"The run root {root.root} cannot be written ({error}): no step can be put on record."
        yield _finding("error", "run-root-unwritable", what, "See that it is there, not full, and Airflow's to write.")


def _agents() -> tuple[tuple[AgentHealth, ...], tuple[Finding, ...]]:
    try:
        agents = registry().agents if registry_path() else ()
    except RegistryError as error:
        remedy = "Restore the registry from its backup, and find out who changed it. People go on meanwhile."
        return (), (_finding("error", "registry-unusable", str(error), remedy),)
    if not agents:
        return (), (_finding("warning", "no-agents", "No agent is registered: every step goes to people.", ADD),)
    found = tuple(map(_agent, agents, check_registered(agents)))
    return found, tuple(finding for one in found for finding in _of_agent(one))


ADD = "Register one: `planexe-dag agents add URL`."


def _agent(agent: Agent, health: Health) -> AgentHealth:
    hold = find_hold(open_history().read(agent.id), datetime.now(UTC))
    return AgentHealth(id=agent.id, state=health.state, why=health.drift, on_hold=hold.why if hold else None)


def _of_agent(agent: AgentHealth) -> Iterator[Finding]:
    said = "; ".join(agent.why)
    if agent.state == "unreachable":
        remedy = "Start it, or see why it cannot be reached from here: its steps go to other agents, then to people."
        yield _finding("error", "agent-unreachable", f"The agent {agent.id} does not answer: {said}", remedy)
    if agent.state == "changed":
        remedy = f"Where its owner meant that: `planexe-dag agents add`; else `planexe-dag agents remove {agent.id}`."
        yield _finding("error", "agent-changed", f"The agent {agent.id} is not as it was registered: {said}", remedy)
    if agent.on_hold:
        remedy = "It is asked again by itself. Its own log says what went wrong."
        yield _finding("warning", "agent-on-hold", f"The agent {agent.id} gets no work now: {agent.on_hold}", remedy)


def _tickets(session: Session, readable: Collection[str]) -> tuple[tuple[TicketHealth, ...], tuple[Finding, ...]]:
    if not has_tables(session):
        return (), (_finding("error", "tables-missing", MISSING, MIGRATE),)
    with suppress(RecordError):  # without the key, which is told of elsewhere, what is known of them has to do
        index.refresh(session, readable)
    now = datetime.now(UTC)
    late = func.sum((TICKET.c.due_at < now).cast(TICKET.c.n.type))
    query = (
        select(TICKET.c.dag_id, func.count(), func.min(TICKET.c.opened_at), late)
        .where(TICKET.c.state == "open", TICKET.c.dag_id.in_(readable))
        .group_by(TICKET.c.dag_id)
        .order_by(TICKET.c.dag_id)
    )
    found = tuple(
        TicketHealth(dag_id=dag_id, open=count, oldest_s=(now - oldest).total_seconds(), overdue=overdue or 0)
        for dag_id, count, oldest, overdue in session.execute(query)
    )
    return found, tuple(map(_overdue, (one for one in found if one.overdue)))


def _overdue(tickets: TicketHealth) -> Finding:
    number = "1 ticket is" if tickets.overdue == 1 else f"{tickets.overdue} tickets are"
    remedy = "Answer them, or hand them on: Inbox, due: overdue; or `planexe-dag tickets list --due overdue`."
    return _finding("warning", "tickets-overdue", f"In {tickets.dag_id} {number} overdue.", remedy)


def _pools(session: Session, readable: Collection[str]) -> Iterator[Finding]:
    """Look at the pools of the settings, and at those that steps wait for: other machines may be set otherwise."""
    waiting = select(TaskInstance.pool).where(
        TaskInstance.dag_id.in_(readable), TaskInstance.state == TaskInstanceState.SCHEDULED
    )
    there = {pool.pool: pool for pool in session.scalars(select(Pool))}
    for name in sorted({*pools(), *session.scalars(waiting.distinct())}):
        slots = there[name].slots if name in there else 8
        remedy = f'`airflow pools set {name} {slots} "steps at agents" --include-deferred`.'
        if name not in there:
            what = f"The pool {name} does not exist: no step that is to be in it starts."
            yield _finding("error", "pool-missing", what, f"Make it: {remedy}")
        elif name in pools() and not there[name].include_deferred:
            what = f"The pool {name} does not count deferred tasks: it bounds no step whose agent takes its time."
            yield _finding("warning", "pool-ignores-deferred", what, f"Let it: {remedy}")


def _broken_plans(session: Session) -> Iterator[Finding]:
    ours = ParseImportError.stacktrace.contains("StoredPlanError")
    files = sorted({str(name) for name in session.scalars(select(ParseImportError.filename).where(ours))})
    for name in files[:SHOWN]:
        what = f"The plan {name.removesuffix('.py')!r} is broken: it is no DAG, or is kept as it was before."
        yield _finding("error", "plan-broken", what, "`planexe-dag validate PLAN` says what is wrong, and where.")
    if files[SHOWN:]:
        yield _finding("error", "plan-broken", f"{len(files) - SHOWN} more plans are broken.", "See Import Errors.")


def _standing_runs(session: Session, readable: Collection[str]) -> Iterator[Finding]:
    yield from _named("run-paused", _of_paused(session, readable), "Unpause the plan in Airflow, and it goes on.")
    remedy = "See that workers run, that their slots are not all taken, and that the pool of the task exists."
    yield from _named("task-not-started", _not_started(session, readable), remedy)


def _of_paused(session: Session, readable: Collection[str]) -> Iterable[str]:
    paused = [plan.dag_id for plan in queries.find_plans(session, readable) if plan.paused]
    under_way = select(DagRun.dag_id, DagRun.run_id).where(
        DagRun.dag_id.in_(paused), DagRun.state.in_((DagRunState.RUNNING, DagRunState.QUEUED))
    )
    for dag_id, run_id in session.execute(under_way.order_by(DagRun.id)):
        yield f"The run {run_id} of {dag_id} stands still: its plan is paused."


def _not_started(session: Session, readable: Collection[str]) -> Iterable[str]:
    waiting = (TaskInstanceState.QUEUED, TaskInstanceState.SCHEDULED)
    query = select(TaskInstance.dag_id, TaskInstance.run_id, func.count(), func.min(TaskInstance.task_id)).where(
        TaskInstance.dag_id.in_(readable),
        TaskInstance.state.in_(waiting),
        TaskInstance.updated_at < datetime.now(UTC) - LONG,
    )
    for dag_id, run_id, count, task_id in session.execute(query.group_by(TaskInstance.dag_id, TaskInstance.run_id)):
        more = f" and {count - 1} more" if count > 1 else ""
        yield f"The run {run_id} of {dag_id} stands still: no worker took {task_id}{more} for 10 minutes."


def _named(code: str, found: Iterable[str], remedy: str) -> Iterator[Finding]:
    told = list(found)
    for what in told[:SHOWN]:
        yield _finding("error", code, what, remedy)
    if told[SHOWN:]:
        yield _finding("error", code, f"{len(told) - SHOWN} more runs stand still in the same way.", remedy)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
