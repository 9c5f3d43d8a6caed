"""Who does a step, why, and what must be approved first: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from planexe_dag_factory.plan.model import Impact

GateSource = Literal["policy", "plan", "words", "action", "sum"]
GateKind = Literal["budget", "regulatory", "irreversible"]
HUMAN = "human"


@dataclass(frozen=True, slots=True)
class Capability:
    """An action of an agent, as its `schema.json` publishes it. `action` is unique within the agent."""

    agent: str
    agent_type: str
    action: str
    description: str
    examples: tuple[str, ...] = ()
    cannot: tuple[str, ...] = ()
    input_schema: Mapping[str, Any] = field(default_factory=dict)
    output_schema: Mapping[str, Any] = field(default_factory=dict)
    side_effects: str = "none"


@dataclass(frozen=True, slots=True)
class Agent:
    """A registered agent. `public_key` is the raw Ed25519 key, base64; `conn_id` names an Airflow connection."""

    id: str
    type: str
    url: str
    version: str = "0"
    public_key: str | None = None
    conn_id: str | None = None
    capabilities: tuple[Capability, ...] = ()


@dataclass(frozen=True, slots=True)
class Registry:
    """All registered agents, in the order of preference."""

    agents: tuple[Agent, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One agent's action that could do a step; `score` is between 0 and 1."""

    agent: str
    action: str
    score: float


@dataclass(frozen=True, slots=True)
class Gate:
    """An approval that must be given before a step: its kind, the phrase that raised it, who approves.

    `approvals_needed` different people must approve, drawn from `deciders`. `approver_why` says
    where the approver comes from: the policy, the plan's governance, its stakeholders, its owner. `raised_by`:
    what the policy or the plan says, the step's words, the action that would do it, or a sum of small amounts.
    """

    kind: GateKind
    why: str
    approver: str
    amount: float | None = None
    currency: str | None = None
    approvals_needed: int = 1
    approvers: tuple[str, ...] = ()
    approver_why: str = ""
    raised_by: GateSource = "words"

    @property
    def deciders(self) -> tuple[str, ...]:
        """The roles, groups or users any of whom may approve; the approver where the policy names no others."""
        return self.approvers or (self.approver,)


@dataclass(frozen=True, slots=True)
class Route:
    """Who does a step. `executor` is an agent type, or `human` (then `candidates` is empty).

    `score` is the matcher's certainty that the executor is right, 0 to 1 (1 where the plan or the
    policy decides); `why` says what decided, in words.
    """

    step: str
    executor: str
    why: str
    score: float
    assignee: str
    candidates: tuple[Candidate, ...] = ()
    gate: Gate | None = None
    gate_why: str = ""
    threshold: float = 0.7
    inputs: Mapping[str, Any] = field(default_factory=dict)
    due_days: float | None = None


Routes = Mapping[str, Route]
"""Routes by step id; every step of the plan has one."""

Sequencing = Literal["phased", "waterfall", "dependencies"]


@dataclass(frozen=True, slots=True)
class Override:
    """What a policy says about the steps it selects; `None` leaves what was derived."""

    executor: str | None = None
    action: str | None = None
    agent: str | None = None
    inputs: Mapping[str, Any] | None = None
    gate: Impact | None = None
    threshold: float | None = None
    assignee: str | None = None
    approver: str | None = None
    approvers: tuple[str, ...] | None = None
    approvals_needed: int | None = None
    sequencing: Sequencing | None = None
    due_days: float | None = None


@dataclass(frozen=True, slots=True)
class Reminders:
    """When somebody who does not answer is reminded, and who is asked next.

    Hours count from when a ticket opened. After `escalate_after_hours` the ticket also goes to the
    first of `ladder` (roles, groups or users), after as many hours more to the second, and no further.
    """

    after_hours: tuple[float, ...] = ()
    escalate_after_hours: float | None = None
    ladder: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """An override and what it applies to: exactly one of the selectors is set."""

    override: Override
    step: str | None = None
    package: str | None = None
    phase: str | None = None
    pattern: str | None = None
    role: str | None = None


ANY_CURRENCY = "*"
"""Stands in a budget limit for every currency that it does not name."""

BUDGET_LIMIT: Mapping[str, float] = {ANY_CURRENCY: 1000.0}
"""What steps without a gate may name in all before somebody approves it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The overlay beside a plan (`<plan>.policy.json`); later rules win over earlier ones.

    `model_budget_tokens` is what all agents together may take of a language model in one run (None: no limit),
    `model_budget_cost` what that may cost, in the money that its endpoint counts.
    `caution` is how likely it must be, 0 to 1, that no person is needed before an agent gets a step.
    `calibrate`: an agent's confidence counts for no more than reviews of its work support. `audit_share` is the share,
    0 to 1, of outcomes beyond doubt that a person looks at, drawn by lot. `learned_estimates`: forecasts and due dates
    go by how long such work took before.
    `budget_limit` is what steps without a gate may name in all, by currency (see `routing.budget`).
    `approvals_may_be_handed_to_anyone`: whoever is asked for one may choose anybody else (None: as False, and as
    policies were before there was a choice).
    `approvers` and `approvals_needed` hold at every gate that no rule says otherwise of; without
    `reminders` nobody is reminded.
    `separate_doer`: nobody who approved a step may do it; False: anybody may; None: whoever approved it alone may not.
    """

    owner: str | None = None
    sequencing: Sequencing = "phased"
    confidence_threshold: float = 0.7
    caution: float = 0.6
    model_budget_tokens: int | None = None
    model_budget_cost: float | None = None
    calibrate: bool = True
    audit_share: float = 0.0
    learned_estimates: bool = True
    critical_phases: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    approvals_needed: int = 1
    separate_doer: bool | None = None
    approvals_may_be_handed_to_anyone: bool | None = None
    budget_limit: Mapping[str, float] = field(default_factory=lambda: BUDGET_LIMIT)
    reminders: Reminders | None = None
    rules: tuple[Rule, ...] = ()
