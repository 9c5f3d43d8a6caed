"""Plays the risk register through scenarios at a milestone, and says whether the plan's existence is at stake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from planexe_agents.agents.estimates import schedulable
from planexe_agents.agents.ratings import hazard, level, rank, rated_share
from planexe_agents.context import Estimate, RiskRow
from planexe_agents.methods.scenarios import LIKELIHOOD, SCENARIOS, SEVERITY, TOLERANCE, Play, play
from planexe_agents.protocol import Evidence
from planexe_agents.service import Agent, Completed, Reject, Task

DRAWS = 1000
FEWER_DRAWS = 250
OTHER_SCALES = (0.75, 1.25)
TOP = 5
LEAST_SUCCESS = 0.5
LEAST_RESILIENCE = 0.4
MOST_FAILED = 0.2

agent = Agent(id="risk_assessment", type="risk_assessment", name="Risk assessment", version="1.0")


class Progress(BaseModel):
    """How many steps are there, and how many ended how, so far."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    steps: int = Field(default=0, ge=0)
    done: int = Field(default=0, ge=0)
    refused: int = Field(default=0, ge=0)
    failed: int = Field(default=0, ge=0)

    @property
    def failed_share(self) -> float:
        """The share of ended steps that were refused or failed, 0 to 1."""
        ended = self.done + self.refused + self.failed
        return (self.refused + self.failed) / ended if ended else 0.0


class MilestoneInput(BaseModel):
    """A milestone, the risk register, progress so far, and the estimates of the work."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    milestone: str = Field(description="which milestone")
    risks: list[RiskRow] = []
    progress: Progress = Progress()
    estimates: list[Estimate] = []


class ScenarioResult(BaseModel):
    """Means of one scenario: shares over planned cost and duration, chance to stay within 25 % of both, resilience."""

    name: str
    kind: Literal["base", "adverse", "optimistic"]
    story: str
    overrun: float
    slip: float
    success: float
    resilience: float


class TopRisk(BaseModel):
    """A risk, its score (likelihood times severity, 1 to 9), its expected loss as a share of the plan."""

    area: str
    description: str
    score: int
    expected_loss: float
    mitigation: str


class Rule(BaseModel):
    """A rule for existential risk: what it says, the value it looked at, its limit, and whether it fired."""

    rule: str
    value: float
    limit: float
    fired: bool


class MilestoneAssessment(BaseModel):
    """Whether senior people must look, by which rule, and what it was computed from."""

    milestone: str
    existential: bool
    existential_why: str
    rules: list[Rule]
    resilience: float
    scenarios: list[ScenarioResult]
    top_risks: list[TopRisk]
    scale: dict[str, dict[str, float]]
    draws: int
    seed: str


@agent.action(
    examples=[
        "Assess risks at the end of the phase",
        "Run scenario analysis at the milestone",
        "Perform a stress test of the plan before the next phase",
        "Review resilience of the project at the critical milestone",
        "Evaluate existential risk before proceeding",
        "Simulate adverse and optimistic scenarios for the programme",
    ],
    cannot=[
        "decide whether to go on",
        "find risks that the register does not hold",
        "inspect or audit anything physical",
    ],
)
def assess_milestone(inputs: MilestoneInput, task: Task) -> Completed[MilestoneAssessment]:
    """Run scenario analysis over the risk register at a milestone: resilience, top risks, existential risk."""
    if not inputs.risks:
        raise Reject("missing data: the plan has no risk register")
    try:
        plays = _play_all(inputs, task.seed, 1.0, DRAWS)
        others = [_play_all(inputs, task.seed, loss, FEWER_DRAWS) for loss in OTHER_SCALES]
    except ValueError as error:
        raise Reject(f"the plan's estimates cannot be scheduled: {error}") from error
    rules = _rules(inputs, plays)
    result = MilestoneAssessment(
        milestone=inputs.milestone,
        existential=any(rule.fired for rule in rules),
        existential_why="; ".join(
            f"{rule.rule} ({rule.value:g}, limit {rule.limit:g})" for rule in rules if rule.fired
        ),
        rules=rules,
        resilience=round(plays[0].resilience, 3),
        scenarios=[_scenario(one) for one in plays],
        top_risks=_top(inputs.risks),
        scale={"likelihood": LIKELIHOOD, "loss": SEVERITY, "tolerance": {"cost and duration": TOLERANCE}},
        draws=DRAWS,
        seed=str(task.seed),
    )
    confidence, why = _confidence(inputs, _agreement([rules, *(_rules(inputs, other) for other in others)]))
    cited = tuple(Evidence(source="risk register", quote=row.description) for row in result.top_risks)
    return Completed(result, confidence, why, cited)


def _play_all(inputs: MilestoneInput, seed: int, loss: float, draws: int) -> list[Play]:
    hazards = [hazard(row) for row in inputs.risks]
    activities = schedulable(inputs.estimates).activities
    scenarios = [replace(scenario, loss=scenario.loss * loss) for scenario in SCENARIOS]
    return [play(hazards, activities, scenario, seed, draws) for scenario in scenarios]


def _agreement(verdicts: Sequence[Sequence[Rule]]) -> float:
    """The share of the trials whose verdict is that of the first: 1 where the scale of losses decides nothing."""
    existential = [any(rule.fired for rule in rules) for rules in verdicts]
    return existential.count(existential[0]) / len(existential)


def _rules(inputs: MilestoneInput, plays: Sequence[Play]) -> list[Rule]:
    """Each of these alone asks for a senior review; a limit is crossed, not touched."""
    success = plays[0].success
    worst = min(one.resilience for one in plays if one.scenario.kind == "adverse")
    failed = inputs.progress.failed_share
    open_high = sum(_is_high(row) and not row.action.strip() for row in inputs.risks)
    return [
        _below("the base scenario succeeds less often than not", success, LEAST_SUCCESS),
        _below("an adverse scenario leaves a resilience below the limit", worst, LEAST_RESILIENCE),
        _above("more of the ended steps than the limit were refused or failed", failed, MOST_FAILED),
        _above("a risk is high in likelihood and severity and has no mitigation", open_high, 0),
    ]


def _below(rule: str, value: float, limit: float) -> Rule:
    return Rule(rule=rule, value=round(value, 3), limit=limit, fired=value < limit)


def _above(rule: str, value: float, limit: float) -> Rule:
    return Rule(rule=rule, value=round(value, 3), limit=limit, fired=value > limit)


def _is_high(row: RiskRow) -> bool:
    return level(row.likelihood) == level(row.severity) == "high"


def _scenario(one: Play) -> ScenarioResult:
    return ScenarioResult(
        name=one.scenario.name,
        kind=one.scenario.kind,
        story=one.scenario.story,
        overrun=round(one.overrun, 3),
        slip=round(one.slip, 3),
        success=round(one.success, 3),
        resilience=round(one.resilience, 3),
    )


def _top(risks: Sequence[RiskRow]) -> list[TopRisk]:
    ordered = sorted(risks, key=lambda row: (-hazard(row).exposure, -rank(row), row.description))
    return [
        TopRisk(
            area=row.area,
            description=row.description,
            score=rank(row),
            expected_loss=round(hazard(row).exposure, 4),
            mitigation=row.action,
        )
        for row in ordered[:TOP]
    ]


def _confidence(inputs: MilestoneInput, agreement: float) -> tuple[float, str]:
    """Complete data, times agreement of the verdicts: what a rating costs is a convention, so it must not decide."""
    rated = rated_share(inputs.risks)
    ranged = schedulable(inputs.estimates).ranged
    known = 1.0 if inputs.progress.steps else 0.0
    why = (
        f"{rated:.0%} of {len(inputs.risks)} risks are rated (counts 50 %), {ranged:.0%} of {len(inputs.estimates)} "
        f"estimates give a range (30 %), progress is {'known' if known else 'not known'} (20 %); "
        f"{agreement:.0%} of the trials with other losses come to the same verdict"
    )
    return round((0.5 * rated + 0.3 * ranged + 0.2 * known) * agreement, 3), why
