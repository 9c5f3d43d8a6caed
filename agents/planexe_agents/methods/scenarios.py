"""Plays a risk register through five scenarios and scores how well the plan bears them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from planexe_agents.methods.schedule import Activity, critical_path, in_order

# How likely a risk strikes, and what it then adds to cost and to duration, as a share of the plan.
# The scale is this agent's convention, shown in every result; plans only say low, medium or high.
LIKELIHOOD = {"low": 0.10, "medium": 0.30, "high": 0.60}
SEVERITY = {"low": 0.01, "medium": 0.03, "high": 0.10}
TOLERANCE = 0.25
LEVELS = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Hazard:
    """A risk on the scale: `probability` that it strikes, `loss` as a share of cost and of duration."""

    area: str
    probability: float
    loss: float
    mitigated: bool

    @property
    def exposure(self) -> float:
        """Expected loss."""
        return self.probability * self.loss


@dataclass(frozen=True, slots=True)
class Scenario:
    """A way things may go: factors on likelihood and loss; durations are drawn, or half the way to an end."""

    name: str
    kind: Literal["base", "adverse", "optimistic"]
    story: str
    likelihood: float = 1.0
    loss: float = 1.0
    only_mitigated: bool = False
    worst_area_strikes: bool = False
    durations: Literal["drawn", "short", "long"] = "drawn"


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
class Play:
    """Means over the draws of one scenario.

    `overrun` and `slip` are shares of planned cost and duration (0.2: a fifth over), `success` the
    share of draws that stayed within a quarter of both, `resilience` is
    0.40 (1 - overrun) + 0.30 (1 - slip) + 0.30 success, with overrun and slip capped at 1
    (PlanExe's proposal 45).
    """

    scenario: Scenario
    overrun: float
    slip: float
    success: float
    resilience: float


def resilience(overrun: float, slip: float, success: float) -> float:
    """PlanExe's score, 0 to 1."""
    return 0.40 * (1 - min(1.0, max(0.0, overrun))) + 0.30 * (1 - min(1.0, max(0.0, slip))) + 0.30 * success


def play(
    hazards: Sequence[Hazard], activities: Sequence[Activity], scenario: Scenario, seed: int, draws: int = 1000
) -> Play:
    """Draw which risks strike, and durations along the critical path; the same seed gives the same play."""
    chance = random.Random(f"{seed}:{scenario.name}")  # noqa: S311 - a simulation, to be repeated by its seed
    route = _critical(activities)
    worst = _worst_area(hazards) if scenario.worst_area_strikes else None
    chances = [_probability(hazard, scenario, worst) for hazard in hazards]
    overruns, slips = [], []
    for _ in range(draws):
        struck = (h.loss for h, p in zip(hazards, chances, strict=True) if chance.random() < p)
        loss = scenario.loss * sum(struck)
        overruns.append(loss)
        slips.append((1 + loss) * _stretch(route, scenario, chance) - 1)
    success = sum(o <= TOLERANCE and s <= TOLERANCE for o, s in zip(overruns, slips, strict=True)) / draws
    overrun, slip = sum(overruns) / draws, sum(slips) / draws
    return Play(scenario, overrun, slip, success, resilience(overrun, slip, success))


def _critical(activities: Sequence[Activity]) -> list[Activity]:
    on_path = set(critical_path(activities).path)
    return [activity for activity in in_order(activities) if activity.id in on_path]


def _worst_area(hazards: Sequence[Hazard]) -> str | None:
    exposure: dict[str, float] = {}
    for hazard in hazards:
        exposure[hazard.area] = exposure.get(hazard.area, 0.0) + hazard.exposure
    return max(sorted(exposure), key=lambda area: exposure[area], default=None)


def _probability(hazard: Hazard, scenario: Scenario, worst: str | None) -> float:
    if worst is not None and hazard.area == worst:
        return 1.0
    if scenario.only_mitigated and not hazard.mitigated:
        return hazard.probability
    return min(1.0, hazard.probability * scenario.likelihood)


def _stretch(route: Sequence[Activity], scenario: Scenario, chance: random.Random) -> float:
    """Duration along the critical path over its mean: 1 is as planned."""
    planned = sum(activity.mean for activity in route)
    if planned <= 0:
        return 1.0
    if scenario.durations == "short":
        return (planned + sum(activity.least for activity in route)) / 2 / planned
    if scenario.durations == "long":
        return (planned + sum(activity.most for activity in route)) / 2 / planned
    return sum(activity.draw(chance) for activity in route) / planned
