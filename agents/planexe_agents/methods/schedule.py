"""Critical path, PERT and Monte Carlo over three-point estimates."""

from __future__ import annotations

import graphlib
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

EPSILON = 1e-9


@dataclass(frozen=True, slots=True)
class Activity:
    """Work of `least`, `likely` or `most` days that begins when every activity of `after` has ended."""

    id: str
    least: float
    likely: float
    most: float
    after: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """(a + 4m + b) / 6: Malcolm, Roseboom, Clark and Fazar, Operations Research 7(5), 1959."""
        return (self.least + 4 * self.likely + self.most) / 6

    @property
    def variance(self) -> float:
        """((b - a) / 6) squared; the same source."""
        return ((self.most - self.least) / 6) ** 2

    def draw(self, chance: random.Random) -> float:
        """Draw a duration from the beta distribution on [least, most] with PERT's mean (shape sum 6)."""
        spread = self.most - self.least
        if spread <= 0:
            return self.likely
        alpha = 1 + 4 * (self.likely - self.least) / spread
        return self.least + spread * chance.betavariate(alpha, 6 - alpha)


@dataclass(frozen=True, slots=True)
class Slot:
    """When an activity begins and ends at the earliest, and by how many days it may slip."""

    start: float
    end: float
    slack: float


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """Slots by activity at their mean durations, the total in days, its variance along the path, and the path."""

    slots: Mapping[str, Slot]
    days: float
    variance: float
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """Quantiles of the total in days, and how often each activity was critical, over `draws` simulations."""

    draws: int
    p50: float
    p80: float
    p90: float
    criticality: Mapping[str, float]


def in_order(activities: Sequence[Activity]) -> tuple[Activity, ...]:
    """Sort so that each comes after what it waits for; unknown ids are left out.

    Raises ValueError on a cycle, naming it, and on an id that occurs twice.
    """
    by_id = {activity.id: activity for activity in activities}
    if len(by_id) < len(activities):
        raise ValueError("two estimates have the same id")
    graph = {activity.id: [other for other in activity.after if other in by_id] for activity in activities}
    try:
        return tuple(by_id[name] for name in graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        raise ValueError(f"these wait for each other: {' -> '.join(error.args[1])}") from error


def critical_path(activities: Sequence[Activity]) -> CriticalPath:
    """Compute the critical path at mean durations (Kelley and Walker, 1959): earliest dates forward, slack backward."""
    ordered = in_order(activities)
    durations = [activity.mean for activity in ordered]
    network = _Network(ordered)
    starts, ends = network.forward(durations)
    slack = network.slack(durations, starts, ends)
    path = network.path(starts, ends)
    return CriticalPath(
        slots={a.id: Slot(starts[i], ends[i], slack[i]) for i, a in enumerate(ordered)},
        days=max(ends, default=0.0),
        variance=sum(ordered[i].variance for i in path),
        path=tuple(ordered[i].id for i in path),
    )


def simulate(activities: Sequence[Activity], seed: int, draws: int = 1000) -> Forecast:
    """Draw every duration `draws` times. The same seed gives the same forecast."""
    ordered = in_order(activities)
    network = _Network(ordered)
    chance = random.Random(seed)  # noqa: S311 - a simulation, to be repeated by its seed
    totals: list[float] = []
    critical = [0] * len(ordered)
    for _ in range(draws):
        starts, ends = network.forward([activity.draw(chance) for activity in ordered])
        totals.append(max(ends, default=0.0))
        for index in network.path(starts, ends):
            critical[index] += 1
    totals.sort()
    shares = {activity.id: critical[index] / draws for index, activity in enumerate(ordered)}
    return Forecast(draws, quantile(totals, 0.5), quantile(totals, 0.8), quantile(totals, 0.9), shares)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` of the sorted values do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class _Network:
    """The precedence graph by index, in topological order: built once, walked for every draw."""

    def __init__(self, ordered: Sequence[Activity]) -> None:
        index = {activity.id: number for number, activity in enumerate(ordered)}
        self._before = [[index[name] for name in activity.after if name in index] for activity in ordered]

    def forward(self, durations: Sequence[float]) -> tuple[list[float], list[float]]:
        starts: list[float] = []
        ends: list[float] = []
        for before, days in zip(self._before, durations, strict=True):
            start = max((ends[i] for i in before), default=0.0)
            starts.append(start)
            ends.append(start + days)
        return starts, ends

    def slack(self, durations: Sequence[float], starts: Sequence[float], ends: Sequence[float]) -> list[float]:
        latest = [max(ends, default=0.0)] * len(ends)
        for number in range(len(ends) - 1, -1, -1):
            for i in self._before[number]:
                latest[i] = min(latest[i], latest[number] - durations[number])
        return [latest[i] - durations[i] - starts[i] for i in range(len(ends))]

    def path(self, starts: Sequence[float], ends: Sequence[float]) -> list[int]:
        """One longest path, from its first activity to its last."""
        if not ends:
            return []
        current = max(range(len(ends)), key=lambda i: ends[i])
        path = [current]
        while driving := [i for i in self._before[current] if ends[i] >= starts[current] - EPSILON]:
            current = driving[0]
            path.append(current)
        return path[::-1]
