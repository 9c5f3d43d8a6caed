"""What the plugin's API says and takes, as pydantic models. See docs/architecture.md."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from planexe_dag_factory.report.model import State

TicketKind = Literal["work", "review", "approval", "senior_review"]


class Message(BaseModel):
    """Base of everything on the wire; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StepProgress(Message):
    """One work item. `task_id` is the task to look at, or to answer; `waits_on` names a person or role."""

    id: str
    title: str
    package: str
    executor: str
    gate: str | None
    state: State
    task_id: str
    since: datetime | None
    waits_on: str | None


class MilestoneProgress(Message):
    """The end of a phase; `report` says whether its report can be read."""

    id: str
    title: str
    state: State
    report: bool


class PhaseProgress(Message):
    """A phase; `milestone` is None only for what comes before the first one."""

    id: str
    title: str
    state: State
    milestone: MilestoneProgress | None
    steps: tuple[StepProgress, ...]


class Progress(Message):
    """How far one run is. `recorded` is false until its run folder has been opened."""

    dag_id: str
    run_id: str
    title: str
    state: str
    run_dir: str
    started_at: datetime | None
    ended_at: datetime | None
    recorded: bool
    report: bool
    counts: dict[State, int]
    phases: tuple[PhaseProgress, ...]
    open_tickets: int


class PhaseSummary(Message):
    """A phase on a plan's card; `counts` are its steps by state."""

    title: str
    state: State
    counts: dict[State, int]


class Waiting(Message):
    """How many steps wait on one person or role."""

    who: str
    steps: int


class RunSummary(Message):
    """The latest run of a plan, as its card shows it."""

    run_id: str
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    counts: dict[State, int]
    phases: tuple[PhaseSummary, ...]
    waiting: tuple[Waiting, ...]
    open_tickets: int


class PlanCard(Message):
    """A plan that has become a DAG, and its latest run. `lost`: its file is gone or cannot be read any more."""

    dag_id: str
    title: str
    paused: bool
    lost: bool
    last_run: RunSummary | None


class RunLine(Message):
    """One run in the list of a plan's runs."""

    run_id: str
    state: str
    started_at: datetime | None
    ended_at: datetime | None


class TicketRow(Message):
    """One open ticket in the inbox; `plan` is the title of its plan."""

    dag_id: str
    run_id: str
    task_id: str
    kind: TicketKind
    plan: str
    title: str
    ask: str
    assignee: str
    opened_at: datetime
    due_at: datetime | None


class TicketPage(Message):
    """A page of the inbox; `total` counts every ticket that fits the filter."""

    tickets: tuple[TicketRow, ...]
    total: int


class Answer(Message):
    """What a person decided. `n` names the ticket that was read, so that a stale page answers nothing."""

    option: str = Field(max_length=100)
    fields: dict[str, Any] = {}
    via: str = Field(default="planexe", pattern=r"^[a-z][a-z0-9-]{0,39}$")
    n: int | None = None


class Answered(Message):
    """An answer that was taken: by whom, when, and what happens now."""

    option: str
    by: str
    at: datetime
    next: str
