"""What the assessment of a milestone brings: every part of its result, typed and published as its schema."""

from __future__ import annotations

from typing import Literal

from planexe_agents.agents.figures import Distributed, Finding, Spread
from planexe_agents.model.narrative import Narrated


class ScenarioResult(Finding):
    """Means of one scenario: shares over planned cost and duration, chance to stay within 25 % of both, resilience.

    `days` is the day of the end, counted from the first day of the run (null: no estimates), `cost` a
    factor on the planned cost.
    """

    name: str
    kind: Literal["base", "adverse", "optimistic"]
    story: str
    overrun: float
    slip: float
    success: float
    resilience: float
    days: Spread | None
    cost: Spread


class TopRisk(Finding):
    """A risk, its score (likelihood times severity, 1 to 9), its expected loss as a share of the plan."""

    area: str
    description: str
    score: int
    expected_loss: float
    mitigation: str


class DriverResult(Finding):
    """What moves the end of the plan: the mean day of the end when it goes well and badly, and the rank correlation.

    A risk goes badly when it strikes, work when it takes longer than its median.
    """

    kind: Literal["risk", "work"]
    title: str
    days_if_well: float
    days_if_badly: float
    correlation: float


class LateStep(Finding):
    """A step that took longer than planned."""

    title: str
    planned_days: float
    late_days: float


class SoFar(Finding):
    """What happened so far, and what the simulation made of it.

    Work that is left takes `pace` times its estimate; `left` is the share of planned days that is not
    done; `overspent` the share approved beyond plan. `events` are the risks that came of it.
    """

    day: float
    ended: int
    refused: int
    mean_confidence: float | None
    pace: float
    left: float
    overspent: float
    late: list[LateStep]
    events: list[str]


class Rule(Finding):
    """A rule for existential risk: what it says, the value it looked at, its limit, and whether it fired."""

    rule: str
    value: float
    limit: float
    fired: bool


class Method(Finding):
    """How the figures came about."""

    durations: str
    risks: str
    correlation: str


class MilestoneAssessment(Narrated, Finding):
    """Whether senior people must look, by which rule, and what it was computed from.

    `unread` names the risks whose ratings could not be read: they count as medium in the simulation, and as severe
    for the rules where their words speak of harm to people or of the end of the project.
    """

    milestone: str
    existential: bool
    existential_why: str
    rules: list[Rule]
    resilience: float
    so_far: SoFar
    schedule: Distributed | None
    cost: Distributed
    scenarios: list[ScenarioResult]
    drivers: list[DriverResult]
    top_risks: list[TopRisk]
    unread: list[str]
    scale: dict[str, dict[str, float]]
    method: Method
    draws: int
    seed: str
