"""What a run has come to, as frozen values: all that a report shows, and nothing about how it looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from planexe_dag_factory.report.figures import RiskFigures

KNOWN = ("milestone", "scale", "existential", "existential_why", "top_risks")
"""What an assessment says besides its figures and the report shows elsewhere: in its rules, and in the register."""

State = Literal["pending", "queued", "running", "waiting", "done", "refused", "failed", "skipped"]
STATES: tuple[State, ...] = ("done", "running", "queued", "waiting", "refused", "failed", "pending", "skipped")
"""Every state, in the order in which a reader wants them counted."""


@dataclass(frozen=True, slots=True)
class Days:
    """A stretch of the plan, in calendar days since the plan's first day (0 is its morning)."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of real time; `end` is the time of the report where it has not ended."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Try:
    """One agent that was asked, and what it said; `reason` is the agent's own text."""

    agent: str
    action: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Money:
    """What the plan names for a step and what a person approved; `approver` is who did, or who is to."""

    planned: float | None
    approved: float | None
    currency: str
    approver: str


@dataclass(frozen=True, slots=True)
class EarnedSchedule:
    """How far the plan would be by what is done: SPI(t) (`index`) and the end if the pace stays (IEAC(t)), in days."""

    day: float
    schedule: float
    index: float
    end: float


@dataclass(frozen=True, slots=True)
class Learned:
    """By what the plan's estimates of a kind of work are multiplied, and on how many earlier steps it rests."""

    kind: str
    factor: float
    n: int


@dataclass(frozen=True, slots=True)
class RunForecast:
    """When the run will end, in days from its first: as planned, and by the critical path of what is left.

    `critical` are the titles of the open steps of which any delay delays the end; `blocked` are those that were
    refused, without which the end is not reached; `learned` is what earlier runs made of the estimates of the kinds
    of work in this plan.
    """

    planned_end: float
    end: float
    critical: tuple[str, ...]
    earned: EarnedSchedule | None
    learned: tuple[Learned, ...] = ()
    blocked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sealed:
    """The manifest that a report follows: its digest, how many files it lists, and how many of them are events."""

    manifest: str
    files: int
    events: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What language models took: tokens in and out, and what that cost by the endpoint's own word (None: unsaid)."""

    requests: int
    tokens: int
    cost: float | None
    measured: bool

    def __add__(self, other: Spent) -> Spent:
        costs = [one for one in (self.cost, other.cost) if one is not None]
        return Spent(
            self.requests + other.requests,
            self.tokens + other.tokens,
            sum(costs) if costs else None,
            self.measured and other.measured,
        )


@dataclass(frozen=True, slots=True)
class StepStatus:
    """One step, planned against actual.

    `who` carried it out or is to; `accepted_by` is the person who accepted an agent's work. `said`
    is the result and `tried` the agents asked, both in the words of whoever worked; `waits` are the
    stretches in which a person was waited for. `forecast` counts from the first day of the run;
    `slack` is by how many days what is open may slip before the end does. `counts_as` is what the
    confidence came to after so many `reviews` of such work (None: there were none). `note` is what the
    person who did it reported, `approval_days` is how long its approval was waited for, and `spent` what
    language models took.
    """

    id: str
    title: str
    package: str
    executor: str
    state: State
    who: str
    planned: Days
    why: str = ""
    accepted_by: str | None = None
    agent: str | None = None
    confidence: float | None = None
    counts_as: float | None = None
    reviews: int = 0
    threshold: float | None = None
    gate: str | None = None
    actual: Span | None = None
    waits: tuple[Span, ...] = ()
    tried: tuple[Try, ...] = ()
    said: Mapping[str, Any] | None = None
    money: Money | None = None
    forecast: Days | None = None
    slack: float | None = None
    note: str = ""
    approval_days: float = 0.0
    spent: Spent | None = None


@dataclass(frozen=True, slots=True)
class PhaseStatus:
    """A phase and its milestone (an id); `reached_at` is None until the milestone is reached."""

    id: str
    title: str
    milestone: str
    number: int
    critical: bool
    steps: tuple[StepStatus, ...]
    planned: Days
    actual: Span | None
    reached_at: datetime | None

    @property
    def done(self) -> int:
        return sum(step.state == "done" for step in self.steps)


@dataclass(frozen=True, slots=True)
class Wait:
    """An open ticket: what is asked of whom, since when, and what waits behind it."""

    about: str
    kind: str
    ask: str
    why: str
    assignee: str
    since: datetime
    due_at: datetime | None
    overdue: bool
    unblocks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided; `why` is in that person's words."""

    at: datetime
    who: str
    about: str
    kind: str
    what: str
    why: str
    amount: float | None = None
    via: str | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Reroute:
    """A step that its first agent did not complete: who was asked, and who has it now."""

    step: str
    tried: tuple[Try, ...]
    now: str


@dataclass(frozen=True, slots=True)
class RiskRow:
    """One row of the plan's risk register; `level` is likelihood times severity, 1 to 9."""

    area: str
    description: str
    likelihood: str
    severity: str
    action: str
    level: int


@dataclass(frozen=True, slots=True)
class Assessment:
    """The risk assessment at a critical milestone, in the agent's words but for `existential`.

    `at` is when it was brought, `accepted_by` the person who let the plan go on. `figures` are what of it can be
    drawn; None where the agent brought none.
    """

    milestone: str
    agent: str
    existential: bool
    confidence: float | None
    said: Mapping[str, Any]
    at: datetime
    figures: RiskFigures | None = None
    accepted_by: str | None = None

    @property
    def fired(self) -> tuple[str, ...]:
        """The rules by which the plan as a whole is at stake."""
        return tuple(rule.rule for rule in self.figures.rules if rule.fired) if self.figures else ()

    @property
    def beside(self) -> Mapping[str, Any]:
        """What was said and is not among the figures."""
        drawn = {*RiskFigures.model_fields, *KNOWN} if self.figures else set()
        return {name: part for name, part in self.said.items() if name not in drawn}


@dataclass(frozen=True, slots=True)
class NextStep:
    """A step that nothing but its turn holds back."""

    title: str
    phase: str
    who: str
    gate: str | None


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run as of one moment of its record.

    `upto` is the milestone that the report follows (None: all of the record); `over` says that the
    run has ended; `estimated` that the plan holds estimates (else a step counts as one day). There is
    a `forecast` where the plan has estimates and the run goes on.
    """

    title: str
    owner: str
    summary: str
    plan_id: str
    dag_id: str
    run_id: str
    record: str
    upto: str | None
    over: bool
    started_at: datetime
    as_of: datetime
    plan_start: date | None
    estimated: bool
    phases: tuple[PhaseStatus, ...]
    waiting: tuple[Wait, ...]
    next: tuple[NextStep, ...]
    decisions: tuple[Decision, ...]
    rerouted: tuple[Reroute, ...]
    risks: tuple[RiskRow, ...]
    assessments: tuple[Assessment, ...]
    counts: Mapping[str, int]
    forecast: RunForecast | None = None
    sealed: Sealed | None = None

    @property
    def steps(self) -> tuple[StepStatus, ...]:
        """Every step, in the plan's order."""
        return tuple(step for phase in self.phases for step in phase.steps)
