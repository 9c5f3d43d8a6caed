"""What the API says of one ticket: its `ticket.json`, who deals with it, and what the reader may do about it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from planexe_dag_factory.delegation.desk import NameKind, Priority
from planexe_dag_factory.ui.wire import (
    Added,
    Asked,
    Attachment,
    Away,
    Message,
    Said,
    TicketKind,
    TicketState,
)


class Part(BaseModel):
    """A part of `ticket.json`, which may hold more than is named here: it was written by another version, say."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Fact(Part):
    """What PlanExe put together from the plan and the record."""

    label: str
    value: str


class PlanSays(Part):
    """The plan's own words about the step."""

    description: str = ""
    resources: tuple[str, ...] = ()
    phase: str = ""
    package: str = ""
    risks: tuple[dict[str, Any], ...] = ()


class AgentSays(Part):
    """What the last agent said: not checked, and text alone."""

    agent: str
    action: str
    status: str
    reason: str | None = None
    confidence: float | None = None
    confidence_why: str | None = None
    result: dict[str, Any] = {}
    evidence: tuple[dict[str, Any], ...] = ()


class Choice(Part):
    """A way to answer; `requires` names the fields that it cannot do without."""

    id: str
    label: str
    intent: Literal["primary", "neutral", "danger"]
    requires: tuple[str, ...] = ()


class Name(Part):
    """One who is asked when the ticket opens."""

    kind: NameKind
    name: str


class Assigned(Message):
    """Who is asked now; `mapped` is false where the people file names nobody for the role."""

    role: str
    users: tuple[str, ...]
    groups: tuple[str, ...]
    mapped: bool


class Given(Part):
    """How many different people must approve, and who has."""

    needed: int
    given: tuple[dict[str, Any], ...] = ()


class TicketView(Part):
    """One ticket, as its reader sees it.

    `may_act`: claim, hand on, comment; `may_ask`: ask for information, put off, set the priority; `may_add`: make
    another approval necessary. `previous` says why it has opened again. `form` and `result_schema` are JSON Schemas.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: TicketKind
    n: int
    dag_id: str
    run_id: str
    task_id: str
    work_item: str
    title: str
    ask: str
    why: str
    plan: str
    state: TicketState
    facts: tuple[Fact, ...] = ()
    plan_says: PlanSays | None = None
    agent_says: AgentSays | None = None
    assignee: str = ""
    asked: tuple[Name, ...] = ()
    assigned: Assigned
    away: tuple[Away, ...]
    answers_for: Away | None
    claimed_by: str | None
    priority: Priority
    opened_at: datetime
    due_at: datetime | None = None
    put_off_until: datetime | None
    unblocks: tuple[str, ...] = ()
    options: tuple[Choice, ...]
    form: dict[str, Any]
    amount: float | None = None
    currency: str | None = None
    result_schema: dict[str, Any] | None = None
    previous: str | None = None
    may_answer: bool
    why_not: str | None
    may_act: bool
    may_add: bool
    may_ask: bool
    may_remind: bool
    votes: Given
    added: tuple[Added, ...]
    questions: tuple[Asked, ...]
    comments: tuple[Said, ...]
    attachments: tuple[Attachment, ...]
    history: tuple[Said, ...]
    links: dict[str, str]
