"""Computes over what a plan and its earlier results hold: schedules, costs, options, risks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, Field

from planexe_agents.agents import telling
from planexe_agents.agents.estimates import schedulable
from planexe_agents.agents.figures import HistogramBin, bins
from planexe_agents.agents.ratings import rank, rated_share
from planexe_agents.agents.step import Source, StepInput, evidence, quotes, search
from planexe_agents.context import RiskRow
from planexe_agents.methods.amounts import amounts, totals
from planexe_agents.methods.choice import compare
from planexe_agents.methods.schedule import CriticalPath, Forecast, critical_path, simulate
from planexe_agents.methods.search import Findings, find
from planexe_agents.methods.text import sentences
from planexe_agents.model.narrate import NarratedT, narrate
from planexe_agents.model.narrative import Narrated
from planexe_agents.model.prompt import Item
from planexe_agents.protocol import Evidence
from planexe_agents.service import Agent, Completed, Reject, Task

WIDE = 40
DRAWS = 1000
UNSTATED_ORDER = 0.6

agent = Agent(id="analysis", type="analysis", name="Analysis", version="1.0")


class PlannedActivity(BaseModel):
    """When an activity runs at mean durations, in days from the start, and how often it was critical (0 to 1)."""

    id: str
    title: str
    start: float
    end: float
    slack: float
    criticality: float


class ScheduleEstimate(Narrated):
    """Total duration in days: mean and standard deviation along the critical path, and simulated quantiles."""

    mean_days: float
    deviation_days: float
    p10_days: float
    p50_days: float
    p80_days: float
    p90_days: float
    critical_path: list[str]
    histogram: list[HistogramBin]
    activities: list[PlannedActivity]
    order: Literal["stated by the plan", "assumed: one after the other"]
    draws: int
    seed: str


class CostItem(BaseModel):
    """An amount and the sentence that names it; `low` and `high` are equal where it is one figure."""

    currency: str
    low: float
    high: float
    sentence: str
    source: str


class CostTotal(BaseModel):
    """The amounts of one currency: the single largest, and all of them added up."""

    currency: str
    largest: float
    sum_low: float
    sum_high: float


class CostEstimate(Narrated):
    """Amounts named for the question. Sums are upper bounds: a text may name a total and its parts."""

    items: list[CostItem]
    totals: list[CostTotal]
    gaps: list[str]


class Option(BaseModel):
    """A choice, and its score by criterion, each on a scale of the caller's own."""

    name: str
    scores: dict[str, float]


class CompareInput(StepInput):
    """Options that somebody has scored, and what the criteria count."""

    options: list[Option] = Field([], description="at least two; without them the task is rejected")
    weights: dict[str, float] = Field({}, description="how much a criterion counts; 1 where not said")
    lower_is_better: list[str] = Field([], description="criteria of which less is better")


class RankedOption(BaseModel):
    """An option and its weighted value, 0 to 1."""

    name: str
    value: float


class Comparison(Narrated):
    """Options best first; `stability` is how often the best stays so when one weight moves by a quarter."""

    ranking: list[RankedOption]
    weights: dict[str, float]
    stability: float
    missing_scores: list[str]


class ScoredRisk(BaseModel):
    """A risk with its score (likelihood times severity, 1 to 9), and whether it touches the question."""

    area: str
    description: str
    likelihood: str
    severity: str
    score: int
    touches: bool
    mitigation: str


class RiskScores(Narrated):
    """Risks, those that touch the question first, highest score first."""

    risks: list[ScoredRisk]
    unmitigated: list[str]


class Assessment(Narrated):
    """What is known on a question, its figures, the risks that touch it, and what nothing is known about."""

    known: list[Source]
    figures: list[CostItem]
    risks: list[ScoredRisk]
    gaps: list[str]
    standing: Literal["well supported", "partly supported", "thinly supported"]


@agent.action(
    examples=[
        "Estimate the project duration",
        "Develop a realistic timeline and identify the critical path",
        "Analyse schedule dependencies and float",
        "Simulate schedule risk",
        "Forecast completion dates for each phase",
        "Model the effect of delays on the schedule",
    ],
    cannot=["agree dates with suppliers or staff", "estimate work that the plan has no durations for"],
)
def estimate_schedule(inputs: StepInput, task: Task) -> Completed[ScheduleEstimate]:
    """Compute a schedule: critical path, float, PERT durations, and a Monte Carlo forecast of the completion date."""
    plan = schedulable(task.context.estimates)
    if not plan.activities:
        raise Reject("missing data: the plan has no estimates of duration")
    try:
        path = critical_path(plan.activities)
        forecast = simulate(plan.activities, task.seed, DRAWS)
    except ValueError as error:
        raise Reject(f"the plan's estimates cannot be scheduled: {error}") from error
    sharpness = forecast.days.p50 / forecast.days.p90 if forecast.days.p90 else 1.0
    ordered = plan.linked if plan.order_is_stated else UNSTATED_ORDER
    order = f"{plan.linked:.0%} of them have a place in" if plan.order_is_stated else "the plan does not state"
    why = (
        f"{plan.ranged:.0%} of {len(plan.activities)} estimates give a range; the median is {sharpness:.0%} of the "
        f"90 % quantile; {order} their order (counts {ordered:.0%})"
    )
    result = _schedule(path, forecast, task, stated=plan.order_is_stated)
    cited = [
        Evidence(source="estimates", quote=f"{row.title}: {row.end - row.start:.1f} days") for row in result.activities
    ]
    done = Completed(result, round(plan.ranged * sharpness * ordered, 3), why, tuple(cited))
    return _worded(done, inputs, task, telling.schedule)


@agent.action(
    examples=[
        "Estimate material and equipment costs",
        "Analyse the cost breakdown of the construction phase",
        "Develop a budget estimate",
        "Calculate operating costs",
        "Estimate revenue from ticket sales",
        "Perform a cost-benefit analysis",
        "Model the financial impact of currency changes",
    ],
    cannot=["obtain quotations", "approve, allocate or spend a budget", "estimate what no source gives a figure for"],
)
def estimate_costs(inputs: StepInput, task: Task) -> Completed[CostEstimate]:
    """Estimate costs, budgets and other amounts of money from the figures that documents and earlier results name."""
    found = search(inputs, task, WIDE).where(lambda hit: bool(amounts(hit.passage.text)))
    items = _cost_items(found)
    if not items:
        raise Reject("missing data: nothing found on this names an amount of money")
    why = f"{len(items)} amounts; whether they overlap was not checked; {found.confidence_why}"
    result = CostEstimate(items=items, totals=_cost_totals(found), gaps=list(found.gaps))
    done = Completed(result, found.confidence, why, evidence(quotes(found)))
    return _worded(done, inputs, task, telling.costs)


@agent.action(
    examples=[
        "Compare technology options against weighted criteria",
        "Evaluate and rank candidate sites",
        "Select the preferred supplier from scored offers",
        "Prioritise features by value and effort",
        "Evaluate alternative materials",
        "Score shortlisted funding models",
    ],
    cannot=["score options that nobody has scored", "make a choice that commits money", "negotiate with vendors"],
)
def compare_options(inputs: CompareInput, task: Task) -> Completed[Comparison]:
    """Compare, evaluate and rank options that have scores, by weighted criteria, and test how stable the winner is."""
    if len(inputs.options) < 2:  # noqa: PLR2004 - one option is no choice
        raise Reject("missing data: comparing needs inputs.options, at least two, each with scores by criterion")
    criteria = sorted({name for option in inputs.options for name in option.scores})
    weights = {name: inputs.weights.get(name, 1.0) for name in criteria}
    scores = {option.name: option.scores for option in inputs.options}
    if len(scores) < len(inputs.options):
        raise Reject("two options have the same name")
    try:
        ranking = compare(scores, weights, inputs.lower_is_better)
    except ValueError as error:
        raise Reject(str(error)) from error
    result = Comparison(
        ranking=[RankedOption(name=name, value=round(value, 4)) for name, value in ranking.values],
        weights=weights,
        stability=round(ranking.stability, 3),
        missing_scores=[
            f"{name}: {criterion}" for name in scores for criterion in criteria if criterion not in scores[name]
        ],
    )
    why = (
        f"{ranking.completeness:.0%} of the scores are given; the winner stays in {ranking.stability:.0%} of the trials"
    )
    done = Completed(result, round(ranking.completeness * ranking.stability, 3), why)
    return _worded(done, inputs, task, telling.comparison)


@agent.action(
    examples=[
        "Identify and score project risks",
        "Assess technical risks and prioritise them",
        "Evaluate supply chain vulnerabilities",
        "Analyse regulatory risks by likelihood and impact",
        "Prioritise hazards for mitigation",
        "Assess financial risk exposure",
    ],
    cannot=["inspect a site", "accept a risk on anybody's behalf", "find risks that the register does not hold"],
)
def score_risks(inputs: StepInput, task: Task) -> Completed[RiskScores]:
    """Identify, score and prioritise risks: likelihood times severity over the plan's risk register."""
    if not task.context.risks:
        raise Reject("missing data: the plan has no risk register")
    found = _touching(inputs.question(task), task.context.risks)
    rows = _scored(task.context.risks, found)
    rated = rated_share(task.context.risks)
    confidence = rated * (0.5 + 0.5 * found.coverage)
    why = f"{rated:.0%} of {len(rows)} risks are rated; those that touch it cover {found.coverage:.0%} of the question"
    unmitigated = [row.description for row in rows if not row.mitigation]
    cited = tuple(Evidence(source="risk register", quote=row.description) for row in rows if row.touches)
    done = Completed(RiskScores(risks=rows, unmitigated=unmitigated), round(confidence, 3), why, cited)
    return _worded(done, inputs, task, telling.scored)


@agent.action(
    examples=[
        "Analyse user needs from collected feedback",
        "Assess the feasibility of the proposed approach",
        "Define success criteria and key performance indicators",
        "Evaluate the environmental impact of the design",
        "Analyse collected data and identify gaps",
        "Determine capacity requirements",
        "Evaluate the effectiveness of current measures",
        "Analyse market demand and competition",
        "Define project scope and objectives",
    ],
    cannot=[
        "run physical tests or experiments",
        "decide in place of the people responsible",
        "assess what no document or result says anything about",
    ],
)
def assess(inputs: StepInput, task: Task) -> Completed[Assessment]:
    """Assess, analyse and evaluate a question over the information at hand.

    Says what is known, in which figures, at what risk, and with which gaps.
    """
    found = search(inputs, task)
    figures = _cost_items(found)
    risks = [
        row for row in _scored(task.context.risks, _touching(inputs.question(task), task.context.risks)) if row.touches
    ]
    breadth = (bool(found.hits) + bool(figures) + bool(risks)) / 3
    confidence = found.confidence * (0.7 + 0.3 * breadth)
    standing = _standing(confidence)
    result = Assessment(known=quotes(found), figures=figures, risks=risks, gaps=list(found.gaps), standing=standing)
    why = f"{found.confidence_why}; {breadth:.0%} of passages, figures and risks are at hand"
    done = Completed(result, round(confidence, 3), why, evidence(result.known))
    return _worded(done, inputs, task, telling.assessment)


def _worded(
    done: Completed[NarratedT], inputs: StepInput, task: Task, items: Callable[[NarratedT], list[Item]]
) -> Completed[NarratedT]:
    """Have findings put into words around the figures, which stay as computed."""
    job = "Say what the analysis of the step found, and what that means for it."
    return narrate(done, task, lambda: telling.brief(inputs, task, job, telling.SUMMARY, items(done.result)))


def _schedule(path: CriticalPath, forecast: Forecast, task: Task, *, stated: bool) -> ScheduleEstimate:
    titles = {estimate.id: estimate.title or estimate.id for estimate in task.context.estimates}
    rows = [
        PlannedActivity(
            id=name,
            title=titles[name],
            start=round(slot.start, 3),
            end=round(slot.end, 3),
            slack=round(slot.slack, 3),
            criticality=forecast.criticality[name],
        )
        for name, slot in path.slots.items()
    ]
    return ScheduleEstimate(
        mean_days=round(path.days, 3),
        deviation_days=round(math.sqrt(path.variance), 3),
        p10_days=round(forecast.days.p10, 3),
        p50_days=round(forecast.days.p50, 3),
        p80_days=round(forecast.days.p80, 3),
        p90_days=round(forecast.days.p90, 3),
        critical_path=list(path.path),
        histogram=bins(forecast.bins),
        activities=rows,
        order="stated by the plan" if stated else "assumed: one after the other",
        draws=forecast.draws,
        seed=str(task.seed),
    )


def _cost_items(found: Findings) -> list[CostItem]:
    return [
        CostItem(currency=a.currency, low=a.low, high=a.high, sentence=sentence, source=hit.passage.source)
        for hit in found.hits
        for sentence in sentences(hit.passage.text)
        for a in amounts(sentence)
    ]


def _cost_totals(found: Findings) -> list[CostTotal]:
    named = [amount for hit in found.hits for amount in amounts(hit.passage.text)]
    largest = {amount.currency: amount.high for amount in sorted(named, key=lambda amount: amount.high)}
    sums = totals(named)
    return [CostTotal(currency=c, largest=largest[c], sum_low=low, sum_high=high) for c, (low, high) in sums.items()]


def _touching(question: str, risks: tuple[RiskRow, ...]) -> Findings:
    texts = [(str(number), f"{row.area} {row.description} {row.impact}") for number, row in enumerate(risks)]
    return find(question, texts, limit=max(8, len(risks)))


def _scored(risks: tuple[RiskRow, ...], found: Findings) -> list[ScoredRisk]:
    touching = {int(source) for source in found.sources}
    order = sorted(range(len(risks)), key=lambda number: (number not in touching, -rank(risks[number]), number))
    return [_scored_risk(risks[number], touches=number in touching) for number in order]


def _scored_risk(row: RiskRow, *, touches: bool) -> ScoredRisk:
    return ScoredRisk(
        area=row.area,
        description=row.description,
        likelihood=row.likelihood or "not rated",
        severity=row.severity or "not rated",
        score=rank(row),
        touches=touches,
        mitigation=row.action,
    )


def _standing(confidence: float) -> Literal["well supported", "partly supported", "thinly supported"]:
    if confidence >= 0.7:  # noqa: PLR2004 - the default threshold of a review
        return "well supported"
    return "partly supported" if confidence >= 0.4 else "thinly supported"  # noqa: PLR2004 - midway below it
