"""What the plugin's API says and takes, as pydantic models. See docs/architecture.md."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, HttpUrl, model_validator

from planexe_dag_factory.delegation.desk import Priority
from planexe_dag_factory.report.model import State

TicketKind = Literal["work", "review", "approval", "senior_review"]
TicketState = Literal["open", "answered", "closed"]
"""Closed: its task ended, or was cleared or marked by hand, and nobody had answered."""
_PLACE = {"dag_id": "harbour", "run_id": "manual__2026-03-02T09:00:00+00:00", "task_id": "order-the-dredger.gate"}


class Message(BaseModel):
    """Base of everything on the wire; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(BaseModel):
    """Why a request was refused: a sentence, or every problem of it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    detail: str | tuple[str | dict[str, Any], ...]


def _example(document: dict[str, Any]) -> ConfigDict:
    """Show a message as it looks in the description of the API."""
    return ConfigDict(json_schema_extra={"examples": [document]})


class StepProgress(Message):
    """One work item. `task_id` is the task to look at, or to answer; `waits_on` names who has its ticket now."""

    id: str
    title: str
    package: str
    executor: str
    gate: str | None
    state: State
    task_id: str
    since: datetime | None
    waits_on: str | None


class OwnReport(Message):
    """How PlanExe's own report of a milestone stands; `report` says whether there is one to read."""

    state: Literal["fresh", "failed", "impossible"]
    why: str
    attempt: int
    attempts: int
    at: datetime
    report: bool


class MilestoneProgress(Message):
    """The end of a phase; `report` says whether its report can be read.

    `assessment` is the look at its risks before it, which is no step of the plan; None where there is none.
    `own_report` is PlanExe's own; None where no PlanExe is asked for it, or it was not made yet.
    """

    id: str
    title: str
    state: State
    report: bool
    assessment: StepProgress | None = None
    own_report: OwnReport | None = None


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


class SnapshotLine(Message):
    """What a milestone sealed (`final`: the end). `conf` is what a run is triggered with to go on from it."""

    name: str
    at: datetime
    files: int
    events: int
    digest: str
    conf: dict[str, dict[str, str]]


class Snapshots(Message):
    """The snapshots of a run, in order, and whether the reader may go on from one; if not, `why_not`."""

    snapshots: tuple[SnapshotLine, ...]
    may_go_back: bool
    why_not: str | None


class Finding(Message):
    """One thing that is wrong with an installation, and what to do about it. `code` is stable."""

    severity: Literal["error", "warning"]
    code: str
    what: str
    remedy: str


class AgentHealth(Message):
    """How a registered agent is; `on_hold` says why it gets no work now."""

    id: str
    state: Literal["ok", "unreachable", "changed"]
    why: tuple[str, ...]
    on_hold: str | None


class TicketHealth(Message):
    """How many tickets of a plan wait, how long the oldest has, and how many are overdue."""

    dag_id: str
    open: int
    oldest_s: float
    overdue: int


class Installation(Message):
    """How everything is. `ok` where there is no error; `airflow` is what Airflow says of its own parts."""

    ok: bool
    at: datetime
    problems: tuple[Finding, ...]
    airflow: dict[str, str]
    agents: tuple[AgentHealth, ...]
    tickets: tuple[TicketHealth, ...]


class Votes(Message):
    """How many different people must approve, and how many have."""

    needed: int
    given: int


class Away(Message):
    """That `user` is away from `since` until `until`, and `deputy` answers for them, tickets of `kinds` or all."""

    user: str
    deputy: str
    since: datetime
    until: datetime
    kinds: tuple[TicketKind, ...] = ()


class Leave(Message):
    """That somebody is away `until`, from now or `since`; `deputy` answers for them, tickets of `kinds` or all."""

    model_config = _example({"until": "2026-03-16T08:00:00Z", "deputy": "bert", "kinds": ["work", "review"]})

    until: AwareDatetime
    deputy: str = Field(min_length=1, max_length=250)
    since: AwareDatetime | None = None
    kinds: tuple[TicketKind, ...] = Field(default=(), max_length=4)


class Mine(Message):
    """What holds for the reader: their name in the people file, their own absence, and for whom they answer."""

    user: str | None
    absence: Away | None
    answers_for: tuple[Away, ...]


class TicketRow(Message):
    """One ticket in the inbox; `plan` is the title of its plan.

    `users` and `groups` are asked, as the people file has it now; neither: everybody who may answer.
    `claimed_by` deals with it alone. `priority` is high where a critical phase waits for it. `answers_for`: the reader
    is not asked, but the deputy of somebody who is. `information_from`: these are asked for information, and have not
    replied yet. `put_off_until`: the reader has put it off, and it is not among theirs until then.
    """

    dag_id: str
    run_id: str
    task_id: str
    n: int
    kind: TicketKind
    state: TicketState
    plan: str
    phase: str
    title: str
    ask: str
    assignee: str
    users: tuple[str, ...]
    groups: tuple[str, ...]
    answers_for: Away | None = None
    information_from: tuple[str, ...] = ()
    claimed_by: str | None
    opened_at: datetime
    due_at: datetime | None
    priority: Priority
    put_off_until: datetime | None = None
    amount: float | None
    currency: str | None
    approvals: Votes
    comments: int
    answered_by: str | None
    answered_with: str | None
    answered_at: datetime | None


class InboxCounts(Message):
    """How many tickets fit the filter in each scope; `by_kind` counts those of the scope that was asked for."""

    me: int
    mine: int
    groups: int
    all: int
    by_kind: dict[TicketKind, int]


class OpenOfPlan(Message):
    """How many tickets of one plan fit the filter, whatever plan it names."""

    dag_id: str
    title: str
    open: int


class TicketPage(Message):
    """A page of the inbox; `total` counts every ticket that fits the filter.

    `unread`: so many open requests are not in it yet, as the index is still being filled; ask again.
    """

    tickets: tuple[TicketRow, ...]
    total: int
    counts: InboxCounts
    plans: tuple[OpenOfPlan, ...]
    unread: int = 0


class Place(Message):
    """The Airflow task that a ticket belongs to."""

    dag_id: str = Field(max_length=250)
    run_id: str = Field(max_length=250)
    task_id: str = Field(max_length=250)


class Places(Message):
    """Tickets to claim or to release."""

    model_config = _example({"tickets": [_PLACE]})

    tickets: tuple[Place, ...] = Field(min_length=1, max_length=100)


class Done(Place):
    """What became of one ticket; `problem` says why not."""

    ok: bool
    problem: str | None = None


class DoneAll(Message):
    """What became of each ticket, in the order of the request."""

    model_config = _example({"tickets": [{**_PLACE, "ok": False, "problem": "Ann has claimed it already."}]})

    tickets: tuple[Done, ...]


class PutOff(Message):
    """Until when a ticket is not among one's own; null: it is again, now."""

    model_config = _example({"until": "2026-03-04T09:00:00Z"})

    until: AwareDatetime | None


class Ranking(Message):
    """How urgent a ticket is, and why, if that needs saying."""

    model_config = _example({"priority": "urgent", "reason": "The offer ends on Friday."})

    priority: Priority
    reason: str = Field(default="", max_length=2_000)


class KeptFilter(Message):
    """A filter of the inbox that the reader keeps: its name, and the query of its address."""

    model_config = _example({"name": "Late in the harbour", "query": "scope=all&dag_id=harbour&due=overdue"})

    name: str = Field(min_length=1, max_length=60)
    query: str = Field(max_length=2_000)


class FilterQuery(Message):
    """The query of the inbox's address."""

    model_config = _example({"query": "scope=all&dag_id=harbour&due=overdue"})

    query: str = Field(max_length=2_000)


class Recipient(Message):
    """A user or a group: exactly one of them."""

    user: str | None = Field(default=None, min_length=1, max_length=250)
    group: str | None = Field(default=None, min_length=1, max_length=250)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.user is None) == (self.group is None):
            raise ValueError("name either a user or a group")
        return self


class Reassignment(Message):
    """Whom to ask instead, and why."""

    model_config = _example({"to": {"user": "anna"}, "reason": "She knows the contract."})

    to: Recipient
    reason: str = Field(min_length=1, max_length=2_000)


class Reassignments(Places):
    """Tickets, whom to ask about each of them instead, and why."""

    model_config = _example({"tickets": [_PLACE], "to": {"user": "anna"}, "reason": "She knows the contracts."})

    to: Recipient
    reason: str = Field(min_length=1, max_length=2_000)


class Delegation(Reassignment):
    """Whom to ask as well, why, and until when."""

    model_config = _example({"to": {"group": "board"}, "reason": "I am away.", "until": "2026-03-09T09:00:00Z"})

    until: AwareDatetime


class Reminded(Message):
    """Who is told now, and from when on another reminder can be sent."""

    model_config = _example({"told": "anna or the group board", "again_at": "2026-03-02T14:00:00Z"})

    told: str
    again_at: datetime


class Comment(Message):
    """What to say to everybody who deals with the ticket."""

    model_config = _example({"text": "The second offer is missing."})

    text: str = Field(min_length=1, max_length=10_000)


class Inquiry(Message):
    """Whom to ask for information before the ticket is answered, and what."""

    model_config = _example({"to": {"user": "anna"}, "question": "Does the offer include transport?"})

    to: Recipient
    question: str = Field(min_length=1, max_length=10_000)


class Approver(Reassignment):
    """Whose approval is necessary as well, and why."""

    model_config = _example({"to": {"user": "anna"}, "reason": "It touches her budget."})


class Added(Message):
    """An approver whom somebody added. `met`: they have approved; `yours`: the reader may take it back."""

    n: int
    at: datetime
    who: str
    to: str
    reason: str
    met: bool
    yours: bool


class Asked(Message):
    """A question about a ticket; `open` until somebody whom it is put `to` replies, or it is withdrawn.

    `yours`: the reader has asked; `to_you`: the reader is asked.
    """

    n: int
    at: datetime
    who: str
    to: str
    text: str
    open: bool
    yours: bool
    to_you: bool


class Link(Message):
    """Something elsewhere that belongs to the ticket; only http and https."""

    model_config = _example({"url": "https://example.org/offer", "title": "The offer"})

    url: HttpUrl = Field(max_length=2_000)
    title: str = Field(default="", max_length=250)


class Said(Message):
    """A comment, an attachment or another deed, as it stands in the record."""

    at: datetime
    who: str
    what: str
    text: str = ""


class Attachment(Message):
    """A file in the run folder, or a link. `n` counts from 1; a link has no size."""

    n: int
    at: datetime
    who: str
    title: str
    url: str | None = None
    size: int | None = None
    digest: str | None = None


class PeopleList(Message):
    """Whom a ticket can be given to, by the people file; `you` are the names that mean the reader."""

    model_config = _example({"you": ["anna"], "users": ["anna", "bert"], "groups": {"board": ["anna", "bert"]}})

    you: tuple[str, ...]
    users: tuple[str, ...]
    groups: dict[str, tuple[str, ...]]


class Answer(Message):
    """What a person decided. `n` names the ticket that was read, so that a stale page answers nothing."""

    model_config = _example({"option": "Approve", "fields": {"amount": 250000, "comment": "As budgeted."}, "n": 1})

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
