"""How long work takes against what plans estimate, by the kind of work.

The median of the ratios, on a log scale and shrunk towards 1 as if PRIOR pieces of work had taken as long as planned:
exp(n / (n + PRIOR) * median(log(ratio))). To forecast from what such work took before rather than from what is
thought of this one: D. Kahneman and A. Tversky, "Intuitive prediction", 1979; B. Flyvbjerg, "From Nobel Prize to
Project Management", 2006 (reference class forecasting).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import exp, log

from planexe_dag_factory.routing.model import HUMAN, Route

PRIOR = 3.0
"""Of three pieces of work that took as long as each other, the estimate goes half of the way."""
EXTREME = 1000.0
"""An agent does in seconds what was planned in days; more than a thousandfold says nothing more."""


@dataclass(frozen=True, slots=True)
class Took:
    """A piece of work that was done: its kind, and how long it took and was planned to take, in days."""

    kind: str
    days: float
    planned: float

    @property
    def ratio(self) -> float:
        return min(EXTREME, max(1 / EXTREME, self.days / self.planned))


@dataclass(frozen=True, slots=True)
class Pace:
    """By what the plan's estimate of a kind of work is multiplied, and on how many pieces of work that rests."""

    factor: float
    n: int


def kind_of(agent_type: str, action: str | None) -> str:
    """Name a kind of work: what people do, or an action of a type of agents."""
    return f"{agent_type}.{action}" if action else HUMAN


def kind_of_route(route: Route) -> str:
    """Name the kind of work that a step is to be."""
    return kind_of(route.executor, route.candidates[0].action) if route.candidates else HUMAN


def paces(took: Iterable[Took]) -> Mapping[str, Pace]:
    """Return the pace of every kind of work that was done, in the order of their names."""
    by_kind: dict[str, list[float]] = {}
    for one in took:
        by_kind.setdefault(one.kind, []).append(log(one.ratio))
    return {kind: _pace(logs) for kind, logs in sorted(by_kind.items())}


def _pace(logs: list[float]) -> Pace:
    from statistics import median  # noqa: PLC0415 - a task start imports this module, and seldom needs this

    n = len(logs)
    return Pace(round(exp(n / (n + PRIOR) * median(logs)), 4), n)
