"""Critical path, PERT and Monte Carlo over three-point estimates."""

from __future__ import annotations

import graphlib
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from planexe_agents.methods.statistics import Bin, Distribution, distribution, histogram

EPSILON = 1e-9


@dataclass(frozen=True, slots=True)
class Activity:
    """Work of `least`, `likely` or `most` days that begins when every activity of `after` has ended.

    It does not begin before the day `not_before`: what is not done yet cannot be done yesterday.
    """

    id: str
    least: float
    likely: float
    most: float
    after: tuple[str, ...] = ()
    not_before: float = 0.0

    @property
    def mean(self) -> float:
        """(a + 4m + b) / 6: Malcolm, Roseboom, Clark and Fazar, Operations Research 7(5), 1959."""
        return (self.least + 4 * self.likely + self.most) / 6

    @property
    def variance(self) -> float:
        """((b - a) / 6) squared; the same source."""
        return ((self.most - self.least) / 6) ** 2

    def draw(self, chance: random.Random) -> float:
        """Draw a duration from the beta distribution on [least, most] with PERT's mean (shape sum 6).

        D. Vose, "Risk Analysis", 2000: the PERT distribution. Its variance is (mean - a)(b - mean) / 7.
        """
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
    """How the total in days is distributed, and how often each activity was critical, over `draws` simulations."""

    draws: int
    days: Distribution
    bins: tuple[Bin, ...]
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
    network = Network(activities)
    ordered = network.activities
    durations = [activity.mean for activity in ordered]
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
    network = Network(activities)
    totals: list[float] = []
    critical = [0] * len(network.activities)
    for durations in network.draws(random.Random(seed), draws):  # noqa: S311 - a simulation, to be repeated by its seed
        starts, ends = network.forward(durations)
        totals.append(max(ends, default=0.0))
        for index in network.path(starts, ends):
            critical[index] += 1
    shares = {activity.id: critical[index] / draws for index, activity in enumerate(network.activities)}
    return Forecast(draws, distribution(totals), histogram(totals), shares)


class Network:
    """The precedence graph by index, in topological order: built once, walked for every draw.

    Raises ValueError where the activities cannot be ordered; see `in_order`.
    """

    def __init__(self, activities: Sequence[Activity]) -> None:
        self.activities = in_order(activities)
        index = {activity.id: number for number, activity in enumerate(self.activities)}
        self._before = [[index[name] for name in activity.after if name in index] for activity in self.activities]

    def draws(self, chance: random.Random, count: int) -> Iterator[list[float]]:
        """Yield the durations of all activities, drawn independently of each other, `count` times."""
        for _ in range(count):
            yield [activity.draw(chance) for activity in self.activities]

    def days(self, durations: Sequence[float]) -> float:
        """Return the day on which the last activity ends."""
        return max(self.forward(durations)[1], default=0.0)

    def forward(self, durations: Sequence[float]) -> tuple[list[float], list[float]]:
        """Return when each activity starts and ends at the earliest."""
        starts: list[float] = []
        ends: list[float] = []
        for activity, before, days in zip(self.activities, self._before, durations, strict=True):
            start = max((ends[i] for i in before), default=0.0)
            start = max(start, activity.not_before)
            starts.append(start)
            ends.append(start + days)
        return starts, ends

    def slack(self, durations: Sequence[float], starts: Sequence[float], ends: Sequence[float]) -> list[float]:
        """Return by how many days each activity may slip while the last one ends on its day."""
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
