"""What the plugin asks of Airflow's metadata database: a few aggregated queries, none per task or per ticket."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from airflow.models.dag import DagModel, DagTag
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.utils.state import TaskInstanceState
from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.orm import Session

from planexe_dag_factory.airflow.settings import TAG
from planexe_dag_factory.ui.progress import TaskRow
from planexe_dag_factory.ui.wire import TicketKind, TicketState

ASKING = (
    TaskInstanceState.AWAITING_INPUT,
    TaskInstanceState.DEFERRED,
    TaskInstanceState.SCHEDULED,
    TaskInstanceState.QUEUED,
    TaskInstanceState.RUNNING,
    TaskInstanceState.UP_FOR_RETRY,
)
"""The states in which an unanswered request waits: a task that sends a reminder, or whose worker died, is not parked
for a while, and takes an answer that comes meanwhile as soon as it goes on."""

TITLE = cast("ColumnElement[str]", DagModel.dag_display_name)
_PAUSED = cast("ColumnElement[bool]", DagModel.is_paused)

FIRST_OPTION: Mapping[TicketKind, str] = {
    "work": "Done",
    "review": "Accept",
    "approval": "Approve",
    "senior_review": "Proceed",
}
"""The option that only requests of one kind have: it tells kinds apart without opening a ticket."""


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A DAG made from a plan; `lost` where its file is gone or cannot be read any more."""

    dag_id: str
    title: str
    paused: bool
    lost: bool


@dataclass(frozen=True, slots=True)
class RunRow:
    """A DAG run; `run_after` is the time that names its run folder."""

    dag_id: str
    run_id: str
    state: str
    run_after: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Request:
    """A task's request: `params` are the declared inputs, `assigned` the ids of those who alone may answer."""

    state: TicketState
    options: tuple[str, ...]
    params: Mapping[str, Any]
    assigned: tuple[str, ...]

    @property
    def open(self) -> bool:
        return self.state == "open"


def planexe_dags(session: Session) -> set[str]:
    """Return the id of every DAG made from a plan, whoever may read it."""
    return set(session.scalars(select(DagTag.dag_id).where(DagTag.name == TAG)))


def is_planexe_dag(session: Session, dag_id: str) -> bool:
    """Say whether a DAG was made from a plan."""
    return session.scalar(select(DagTag.dag_id).where(DagTag.name == TAG, DagTag.dag_id == dag_id)) is not None


def find_plans(session: Session, dag_ids: Collection[str]) -> list[PlanRow]:
    """Return the plans among these DAGs, by title."""
    query = select(DagModel.dag_id, TITLE, _PAUSED, DagModel.is_stale).where(DagModel.dag_id.in_(dag_ids))
    rows = [PlanRow(*row) for row in session.execute(query).tuples()]
    return sorted(rows, key=lambda row: (row.title.casefold(), row.dag_id))


def find_title(session: Session, dag_id: str) -> str:
    """Return the plan's title, which is the display name of its DAG."""
    return session.scalar(select(TITLE).where(DagModel.dag_id == dag_id)) or dag_id


def latest_runs(session: Session, dag_ids: Collection[str]) -> dict[str, RunRow]:
    """Return the run that was made last for each of these DAGs that has one."""
    latest = select(func.max(DagRun.id)).where(DagRun.dag_id.in_(dag_ids)).group_by(DagRun.dag_id)
    query = _runs().where(DagRun.id.in_(latest))
    return {row[0]: run_row(row) for row in session.execute(query)}


def recent_runs(session: Session, dag_id: str, limit: int) -> list[RunRow]:
    """Return the runs of a DAG, the newest first."""
    query = _runs().where(DagRun.dag_id == dag_id).order_by(DagRun.id.desc()).limit(limit)
    return [run_row(row) for row in session.execute(query)]


def find_run(session: Session, dag_id: str, run_id: str) -> RunRow | None:
    """Return one run, if there is one."""
    row = session.execute(_runs().where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)).one_or_none()
    return run_row(row) if row else None


def task_rows(session: Session, runs: Collection[RunRow]) -> dict[tuple[str, str], dict[str, TaskRow]]:
    """Return what every task of these runs is doing, by (dag id, run id) and task id: one query."""
    keys = [(run.dag_id, run.run_id) for run in runs]
    query = select(
        TaskInstance.dag_id,
        TaskInstance.run_id,
        TaskInstance.task_id,
        TaskInstance.state,
        func.coalesce(TaskInstance.end_date, TaskInstance.start_date, TaskInstance.queued_dttm),
    ).where(tuple_(TaskInstance.dag_id, TaskInstance.run_id).in_(keys), TaskInstance.state.is_not(None))
    found: dict[tuple[str, str], dict[str, TaskRow]] = defaultdict(dict)
    for dag_id, run_id, task_id, state, since in session.execute(query):
        found[dag_id, run_id][task_id] = TaskRow(state, since)
    return found


def count_requests(session: Session, runs: Collection[RunRow]) -> dict[tuple[str, str], int]:
    """Count the open requests of each of these runs."""
    keys = [(run.dag_id, run.run_id) for run in runs]
    query = (
        select(TaskInstance.dag_id, TaskInstance.run_id, func.count())
        .join(HITLDetail, HITLDetail.ti_id == TaskInstance.id)
        .where(tuple_(TaskInstance.dag_id, TaskInstance.run_id).in_(keys), *is_open())
        .group_by(TaskInstance.dag_id, TaskInstance.run_id)
    )
    return {(dag_id, run_id): count for dag_id, run_id, count in session.execute(query)}


def find_request(session: Session, dag_id: str, run_id: str, task_id: str) -> Request | None:
    """Return a task's request, open or not, if it has one."""
    row = session.execute(
        select(TaskInstance.state, HITLDetail.responded_at, HITLDetail.options, HITLDetail.params, HITLDetail.assignees)
        .join(HITLDetail, HITLDetail.ti_id == TaskInstance.id)
        .where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id, TaskInstance.task_id == task_id)
        .where(TaskInstance.map_index == -1)
    ).one_or_none()
    if row is None:
        return None
    state, responded_at, options, params, assignees = row
    return Request(
        state=_state(state, responded_at),
        options=tuple(options),
        params=params or {},
        assigned=tuple(user["id"] for user in assignees or ()),
    )


def _state(task: str | None, responded_at: datetime | None) -> TicketState:
    if responded_at is not None:
        return "answered"
    return "open" if task in ASKING else "closed"


RUN_COLUMNS: tuple[Any, ...] = (
    DagRun.dag_id,
    DagRun.run_id,
    DagRun.state,
    DagRun.run_after,
    DagRun.start_date,
    DagRun.end_date,
)


def _runs() -> Select[Any]:
    return select(*RUN_COLUMNS)


def run_row(values: Sequence[Any]) -> RunRow:
    """Read what `RUN_COLUMNS` select."""
    return RunRow(*values)


def is_open() -> tuple[ColumnElement[bool], ...]:
    """Select the requests that wait for an answer."""
    return TaskInstance.state.in_(ASKING), HITLDetail.responded_at.is_(None)
