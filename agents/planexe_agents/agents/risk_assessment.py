"""Plays the risk register through scenarios at a milestone, and says whether the plan's existence is at stake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field

from planexe_agents.agents import telling
from planexe_agents.agents.estimates import schedulable
from planexe_agents.agents.existential import RULES, Situation
from planexe_agents.agents.figures import distributed, spread
from planexe_agents.agents.milestone import (
    DriverResult,
    LateStep,
    Method,
    MilestoneAssessment,
    Rule,
    ScenarioResult,
    SoFar,
    TopRisk,
)
from planexe_agents.agents.progress import Progress, WorkSoFar
from planexe_agents.agents.ratings import hazard, rank, rated_share, unread
from planexe_agents.context import Estimate, RiskRow
from planexe_agents.methods.remaining import remaining
from planexe_agents.methods.scenarios import (
    LIKELIHOOD,
    SCENARIOS,
    SEVERITY,
    TOLERANCE,
    Driver,
    Luck,
    Outlook,
    Play,
    draw,
    drivers,
    play,
)
from planexe_agents.methods.schedule import critical_path
from planexe_agents.model.narrate import narrate
from planexe_agents.protocol import Evidence
from planexe_agents.service import Agent, Completed, Reject, Task

DRAWS = 1000
OTHER_SCALES = (0.75, 1.25)
TOP = 5
MOST_DRIVERS = 10
MOST_LATE = 10
MOST_UNREAD = 20

agent = Agent(id="risk_assessment", type="risk_assessment", name="Risk assessment", version="1.1")


class MilestoneInput(BaseModel):
    """A milestone, the risk register, progress so far, and the estimates of the work."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    milestone: str = Field(description="which milestone")
    risks: list[RiskRow] = []
    progress: Progress = Progress()
    estimates: list[Estimate] = []


METHOD = Method(
    durations="PERT beta between the shortest and the longest estimate, through the whole network of what is left",
    risks="each strikes or not; it adds its share to cost, and of planned days behind the last activity",
    correlation="none: risks and durations are drawn independently, so the tails are thinner than they are",
)


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
        outlook = _outlook(inputs)
        luck = draw(outlook, task.seed, DRAWS)
    except ValueError as error:
        raise Reject(f"the plan's estimates cannot be scheduled: {error}") from error
    plays = _plays(outlook, luck)
    rules = _rules(inputs, plays)
    base = plays[0]
    scheduled = outlook.planned > 0
    result = MilestoneAssessment(
        milestone=inputs.milestone,
        existential=any(rule.fired for rule in rules),
        existential_why="; ".join(
            f"{rule.rule} ({rule.value:g}, limit {rule.limit:g})" for rule in rules if rule.fired
        ),
        rules=rules,
        resilience=round(base.resilience, 3),
        so_far=_so_far(inputs.progress),
        schedule=distributed(base.days, outlook.planned) if scheduled else None,
        cost=distributed(base.costs, 1.0),
        scenarios=[_scenario(one, scheduled=scheduled) for one in plays],
        drivers=_drivers(inputs, outlook, luck, base) if scheduled else [],
        top_risks=_top(inputs.risks),
        unread=unread(inputs.risks)[:MOST_UNREAD],
        scale={"likelihood": LIKELIHOOD, "loss": SEVERITY, "tolerance": {"cost and duration": TOLERANCE}},
        method=METHOD,
        draws=DRAWS,
        seed=str(task.seed),
    )
    others = [_rules(inputs, _plays(outlook, luck, loss)) for loss in OTHER_SCALES]
    confidence, why = _confidence(inputs, _agreement([rules, *others]))
    cited = tuple(Evidence(source="risk register", quote=row.description) for row in result.top_risks)
    done = Completed(result, confidence, why, cited)
    return narrate(done, task, lambda: telling.milestone_brief(inputs.milestone, task, telling.milestone(result)))


def _outlook(inputs: MilestoneInput) -> Outlook:
    """Look from the milestone on: what is left of the schedule, and of the chance that a risk strikes."""
    progress = inputs.progress
    plan = schedulable(inputs.estimates).activities
    hazards = (*map(hazard, inputs.risks), *progress.hazards())
    return Outlook(
        hazards=tuple(one.over(progress.left) for one in hazards),
        activities=remaining(plan, progress.parts(), progress.day, progress.pace),
        planned=critical_path(plan).days,
        overspent=progress.overspent,
    )


def _plays(outlook: Outlook, luck: Luck, loss: float = 1.0) -> list[Play]:
    return [play(outlook, luck, replace(scenario, loss=scenario.loss * loss)) for scenario in SCENARIOS]


def _agreement(verdicts: Sequence[Sequence[Rule]]) -> float:
    """The share of the trials whose verdict is that of the first: 1 where the scale of losses decides nothing."""
    existential = [any(rule.fired for rule in rules) for rules in verdicts]
    return existential.count(existential[0]) / len(existential)


def _rules(inputs: MilestoneInput, plays: Sequence[Play]) -> list[Rule]:
    situation = Situation(inputs.risks, inputs.progress, plays)
    return [
        Rule(rule=rule.says, value=round(rule.value(situation), 3), limit=rule.limit, fired=rule.fired(situation))
        for rule in RULES
    ]


def _so_far(progress: Progress) -> SoFar:
    late = sorted((row for row in progress.work if row.late_days > 0), key=lambda row: (-row.late_days, row.step))
    return SoFar(
        day=round(progress.day, 3),
        ended=progress.done + progress.refused + progress.failed,
        refused=progress.refused + progress.failed,
        mean_confidence=progress.mean_confidence,
        pace=round(progress.pace, 3),
        left=round(progress.left, 3),
        overspent=round(progress.overspent, 3),
        late=[_late(row) for row in late[:MOST_LATE]],
        events=[f"{one.title} ({one.probability:.0%})" for one in progress.hazards()],
    )


def _late(row: WorkSoFar) -> LateStep:
    return LateStep(title=row.title or row.step, planned_days=row.planned_days, late_days=round(row.late_days, 3))


def _scenario(one: Play, *, scheduled: bool) -> ScenarioResult:
    return ScenarioResult(
        name=one.scenario.name,
        kind=one.scenario.kind,
        story=one.scenario.story,
        overrun=round(one.overrun, 3),
        slip=round(one.slip, 3),
        success=round(one.success, 3),
        resilience=round(one.resilience, 3),
        days=spread(one.days) if scheduled else None,
        cost=spread(one.costs),
    )


def _drivers(inputs: MilestoneInput, outlook: Outlook, luck: Luck, base: Play) -> list[DriverResult]:
    titles = {estimate.id: estimate.title or estimate.id for estimate in inputs.estimates}
    return [_driver(one, titles) for one in drivers(outlook, luck, base)[:MOST_DRIVERS]]


def _driver(one: Driver, titles: Mapping[str, str]) -> DriverResult:
    return DriverResult(
        kind=one.kind,
        title=titles.get(one.title, one.title) if one.kind == "work" else one.title,
        days_if_well=round(one.well, 3),
        days_if_badly=round(one.badly, 3),
        correlation=round(one.correlation, 3),
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
        f"{rated:.0%} of {len(inputs.risks)} risks have ratings that can be read (counts 50 %), "
        f"{ranged:.0%} of {len(inputs.estimates)} estimates give a range (30 %), "
        f"progress is {'known' if known else 'not known'} (20 %); "
        f"{agreement:.0%} of the trials with other losses come to the same verdict"
    )
    return round((0.5 * rated + 0.3 * ranged + 0.2 * known) * agreement, 3), why
