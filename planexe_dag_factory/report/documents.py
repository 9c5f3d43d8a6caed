"""The files of a run folder that a report reads, checked at the border.

Fields that no report needs are ignored; docs/architecture.md has the whole shapes.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class RecordFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Who(RecordFile):
    """Somebody who acted: a person, an agent, or the orchestrator."""

    kind: Literal["agent", "person", "orchestrator"]
    id: str
    name: str = ""

    @property
    def label(self) -> str:
        return self.name or self.id


class RunFile(RecordFile):
    dag_id: str
    run_id: str
    plan_id: str
    started_at: AwareDatetime


class RiskEntry(RecordFile):
    area: str
    description: str
    likelihood: str = "medium"
    severity: str = "medium"
    action: str = ""


class PlanFile(RecordFile):
    start: date | None = None
    risks: tuple[RiskEntry, ...] = ()


class PaceEntry(RecordFile):
    """By what estimates of a kind of work are multiplied, and on how many pieces of work that rests."""

    factor: float = Field(gt=0, allow_inf_nan=False)
    n: int = Field(ge=0)


class EstimatesFile(RecordFile):
    """What earlier runs had taught of the plan's estimates when this one began."""

    kinds: dict[str, PaceEntry] = {}


class ManifestFile(RecordFile):
    files: dict[str, str]
    at: AwareDatetime


class AssignmentFile(RecordFile):
    agent: str
    action: str


class TriedAgent(RecordFile):
    agent: str
    action: str
    status: str
    reason: str | None = None


class UsageEntry(RecordFile):
    """What a language model took for an outcome."""

    requests: int = Field(ge=0)
    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    cost: float | None = None
    measured: bool = True


class OutcomeFile(RecordFile):
    usage: UsageEntry | None = None


class CalibratedEntry(RecordFile):
    """What a confidence counts as after reviews of such work, and how many these were."""

    counts_as: float
    reviews: int


class DecisionFile(RecordFile):
    decision: Literal["accept", "review", "ticket"]
    why: str
    at: AwareDatetime
    confidence: float | None = None
    threshold: float | None = None
    calibrated: CalibratedEntry | None = None
    agent: str | None = None
    tried: tuple[TriedAgent, ...] = ()


class ResultFile(RecordFile):
    status: Literal["done", "refused"]
    by: Who
    started_at: AwareDatetime
    ended_at: AwareDatetime
    accepted_by: Who | None = None
    agent: str | None = None
    action: str | None = None
    confidence: float | None = None
    result: dict[str, Any] = {}
    reason: str | None = None
    note: str | None = None


class ApprovalFile(RecordFile):
    decision: Literal["approved", "rejected"]
    by: Who
    at: AwareDatetime
    reason: str | None = None
    amount: float | None = None


class TicketFile(RecordFile):
    kind: Literal["work", "review", "approval", "senior_review"]
    title: str
    ask: str
    why: str
    opened_at: AwareDatetime
    assignee: str | None = None
    due_at: AwareDatetime | None = None
    unblocks: tuple[str, ...] = ()


class AnswerFile(RecordFile):
    option: str
    by: Who
    at: AwareDatetime
    accepted: bool
    fields: dict[str, Any] = {}
    via: str | None = None
