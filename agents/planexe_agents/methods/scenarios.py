"""Plays a risk register and what is left of a schedule through five scenarios, and scores how well the plan bears them.

Every scenario is played over the same draws ("common random numbers": A. M. Law, "Simulation
Modeling and Analysis"), so that two of them differ by what they suppose and not by luck. Durations
are PERT beta and, like the risks, independent of each other: correlation is ignored, which makes the
tails thinner than they are.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from planexe_agents.methods.schedule import Activity, Network, critical_path
from planexe_agents.methods.statistics import rank_correlation

# How likely a risk strikes, and what it then adds to cost and to duration, as a share of the plan.
# The scale is this agent's convention, shown in every result; plans only say low, medium or high.
LIKELIHOOD = {"low": 0.10, "medium": 0.30, "high": 0.60}
SEVERITY = {"low": 0.01, "medium": 0.03, "high": 0.10}
TOLERANCE = 0.25
NOISE = 3.0
"""A rank correlation below NOISE / sqrt(draws - 1) is taken for chance: that is its standard deviation, three times."""

Durations = Literal["drawn", "short", "long"]


@dataclass(frozen=True, slots=True)
class Hazard:
    """A risk on the scale: `probability` that it strikes, `loss` as a share of cost and of duration."""

    area: str
    probability: float
    loss: float
    mitigated: bool
    title: str = ""

    @property
    def exposure(self) -> float:
        """Expected loss."""
        return self.probability * self.loss

    def over(self, share: float) -> Hazard:
        """Return the risk over a share of the plan, if it may strike at any time alike: 1 - (1 - p) ** share."""
        return replace(self, probability=1 - (1 - self.probability) ** share)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A way things may go: factors on likelihood and loss; durations as drawn, or half the way from there to an end."""

    name: str
    kind: Literal["base", "adverse", "optimistic"]
    story: str
    likelihood: float = 1.0
    loss: float = 1.0
    only_mitigated: bool = False
    worst_area_strikes: bool = False
    durations: Durations = "drawn"


SCENARIOS = (
    Scenario("as registered", "base", "every risk strikes as often as the register says"),
    Scenario("more goes wrong", "adverse", "every risk is half as likely again and costs a quarter more", 1.5, 1.25),
    Scenario(
        "the worst area fails",
        "adverse",
        "all risks of the most exposed area strike, and work goes half the way to its longest",
        worst_area_strikes=True,
        durations="long",
    ),
    Scenario("mitigation works", "optimistic", "risks with a mitigation are half as likely", 0.5, only_mitigated=True),
    Scenario(
        "a quiet run",
        "optimistic",
        "risks are half as likely and half as costly, and work goes half the way to its shortest",
        0.5,
        0.5,
        durations="short",
    ),
)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is played: risks, what is left of the schedule, its planned days, and what was overspent already.

    A plan without a schedule counts as one day of work that takes a day.
    """

    hazards: tuple[Hazard, ...]
    activities: tuple[Activity, ...]
    planned: float
    overspent: float = 0.0

    @classmethod
    def of_plan(cls, hazards: Sequence[Hazard], activities: Sequence[Activity]) -> Outlook:
        """Look at a plan of which nothing is done."""
        return cls(tuple(hazards), tuple(activities), critical_path(activities).days)


@dataclass(frozen=True, slots=True)
class Luck:
    """What was drawn: a number from 0 to 1 by hazard and draw, days by activity and draw, days of the whole by draw."""

    draws: int
    strikes: tuple[tuple[float, ...], ...]
    durations: tuple[tuple[float, ...], ...]
    work: Mapping[Durations, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Play:
    """One scenario: the day on which the plan ends and its cost (1 is as planned) by draw, and their means.

    `overrun` and `slip` are mean shares over planned cost and duration (0.2: a fifth over), `success`
    the share of draws that stayed within a quarter of both, `resilience` is
    0.40 (1 - overrun) + 0.30 (1 - slip) + 0.30 success, with overrun and slip capped at 1
    (PlanExe's proposal 45).
    """

    scenario: Scenario
    days: tuple[float, ...]
    costs: tuple[float, ...]
    planned: float
    overrun: float
    slip: float
    success: float
    resilience: float

    def ruinous(self, factor: float) -> float:
        """The share of draws in which the plan costs or takes at least `factor` times what was planned."""
        return sum(
            cost >= factor or days >= factor * self.planned for cost, days in zip(self.costs, self.days, strict=True)
        ) / len(self.days)


@dataclass(frozen=True, slots=True)
class Driver:
    """A risk or an activity, and the mean day of the end when it goes well and when it goes badly.

    A risk goes badly when it strikes, an activity when it takes longer than its median.
    `correlation` is that of ranks, with the day of the end.
    """

    kind: Literal["risk", "work"]
    title: str
    well: float
    badly: float
    correlation: float

    @property
    def swing(self) -> float:
        return self.badly - self.well


def resilience(overrun: float, slip: float, success: float) -> float:
    """PlanExe's score, 0 to 1."""
    return 0.40 * (1 - min(1.0, max(0.0, overrun))) + 0.30 * (1 - min(1.0, max(0.0, slip))) + 0.30 * success


def draw(outlook: Outlook, seed: int, draws: int = 1000) -> Luck:
    """Draw what all scenarios share. Raises ValueError where the activities cannot be ordered."""
    network = Network(outlook.activities)
    risks = random.Random(f"{seed}:risks")  # noqa: S311 - a simulation, to be repeated by its seed
    days = random.Random(f"{seed}:days")  # noqa: S311 - the same; another stream, so that a risk more moves no duration
    strikes = tuple(tuple(risks.random() for _ in range(draws)) for _ in outlook.hazards)
    if not outlook.planned:
        whole = (1.0,) * draws
        return Luck(draws, strikes, (), {"drawn": whole, "short": whole, "long": whole})
    drawn = list(network.draws(days, draws))
    least = [activity.least for activity in network.activities]
    most = [activity.most for activity in network.activities]
    return Luck(
        draws,
        strikes,
        tuple(zip(*drawn, strict=True)),
        {
            "drawn": tuple(network.days(row) for row in drawn),
            "short": tuple(network.days(_half_way(row, least)) for row in drawn),
            "long": tuple(network.days(_half_way(row, most)) for row in drawn),
        },
    )


def play(outlook: Outlook, luck: Luck, scenario: Scenario) -> Play:
    """See which risks strike in each draw, and what they add to the cost and behind the last activity."""
    planned = outlook.planned or 1.0
    lost = _losses(outlook, luck, scenario)
    days = tuple(work + planned * loss for work, loss in zip(luck.work[scenario.durations], lost, strict=True))
    costs = tuple(1 + outlook.overspent + loss for loss in lost)
    overrun, slip = sum(costs) / luck.draws - 1, sum(days) / luck.draws / planned - 1
    limit = 1 + TOLERANCE
    kept = sum(cost <= limit and day <= limit * planned for cost, day in zip(costs, days, strict=True))
    success = kept / luck.draws
    return Play(scenario, days, costs, planned, overrun, slip, success, resilience(overrun, slip, success))


def drivers(outlook: Outlook, luck: Luck, base: Play) -> list[Driver]:
    """Rank what moves the end of the plan, most days first; what cannot be told from chance is left out."""
    risks = (
        _driver("risk", hazard.title, [float(u < hazard.probability) for u in drawn], 0.0, base.days)
        for hazard, drawn in zip(outlook.hazards, luck.strikes, strict=True)
    )
    activities = Network(outlook.activities).activities if luck.durations else ()
    work = (
        _driver("work", activity.id, drawn, sorted(drawn)[len(drawn) // 2], base.days)
        for activity, drawn in zip(activities, luck.durations, strict=True)
    )
    noise = NOISE / math.sqrt(luck.draws - 1)
    found = (driver for driver in (*risks, *work) if driver is not None)
    return sorted((one for one in found if one.correlation > noise), key=lambda one: (-one.swing, one.title))


def _driver(
    kind: Literal["risk", "work"], title: str, values: Sequence[float], limit: float, days: Sequence[float]
) -> Driver | None:
    """Compare the draws with a value above the limit to the others; None where it is the same in all."""
    badly = [day for value, day in zip(values, days, strict=True) if value > limit]
    well = [day for value, day in zip(values, days, strict=True) if value <= limit]
    if not badly or not well:
        return None
    return Driver(kind, title, sum(well) / len(well), sum(badly) / len(badly), rank_correlation(values, days))


def _losses(outlook: Outlook, luck: Luck, scenario: Scenario) -> list[float]:
    worst = _worst_area(outlook.hazards) if scenario.worst_area_strikes else None
    lost = [0.0] * luck.draws
    for hazard, drawn in zip(outlook.hazards, luck.strikes, strict=True):
        chance, loss = _probability(hazard, scenario, worst), scenario.loss * hazard.loss
        for number, u in enumerate(drawn):
            if u < chance:
                lost[number] += loss
    return lost


def _worst_area(hazards: Sequence[Hazard]) -> str | None:
    exposure: dict[str, float] = {}
    for hazard in hazards:
        exposure[hazard.area] = exposure.get(hazard.area, 0.0) + hazard.exposure
    return max(sorted(exposure), key=lambda area: exposure[area], default=None)


def _probability(hazard: Hazard, scenario: Scenario, worst: str | None) -> float:
    if hazard.probability and hazard.area == worst:
        return 1.0
    if scenario.only_mitigated and not hazard.mitigated:
        return hazard.probability
    return min(1.0, hazard.probability * scenario.likelihood)


def _half_way(durations: Sequence[float], ends: Sequence[float]) -> list[float]:
    return [(days + end) / 2 for days, end in zip(durations, ends, strict=True)]
