"""Figures of a simulation, as results carry them."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from planexe_agents.methods.statistics import Bin, distribution, histogram


class Finding(BaseModel):
    """Base of every part of the result: nothing but what its schema names."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Spread(Finding):
    """A distribution over the draws: its mean, and the values that 10, 50, 80 and 90 % of them do not exceed."""

    mean: float
    p10: float
    p50: float
    p80: float
    p90: float


class HistogramBin(Finding):
    """How many draws fell between `start` and `end`."""

    start: float
    end: float
    count: int


class Distributed(Spread):
    """A distribution, what the plan says instead (`planned`), and its histogram."""

    planned: float
    histogram: list[HistogramBin]


def spread(values: Sequence[float]) -> Spread:
    """Sum up the draws."""
    found = distribution(values)
    return Spread(**{name: round(getattr(found, name), 3) for name in Spread.model_fields})


def distributed(values: Sequence[float], planned: float) -> Distributed:
    """Sum up the draws beside what was planned."""
    return Distributed(**spread(values).model_dump(), planned=round(planned, 3), histogram=bins(histogram(values)))


def bins(found: Sequence[Bin]) -> list[HistogramBin]:
    """Return the bins of a histogram."""
    return [HistogramBin(start=round(one.start, 4), end=round(one.end, 4), count=one.count) for one in found]
