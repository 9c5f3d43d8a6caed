"""What a sample of numbers says: quantiles, a histogram, rank correlation. Standard library only."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bin:
    """How many values lie from `start` on and below `end` (in the last bin: up to `end`)."""

    start: float
    end: float
    count: int


@dataclass(frozen=True, slots=True)
class Distribution:
    """Mean and quantiles of a sample: `p80` is the smallest value that 80 % of the sample do not exceed."""

    mean: float
    p10: float
    p50: float
    p80: float
    p90: float


def distribution(values: Sequence[float]) -> Distribution:
    """Sum a sample up. Raises ValueError where it is empty."""
    if not values:
        raise ValueError("an empty sample has no distribution")
    ordered = sorted(values)
    p10, p50, p80, p90 = (quantile(ordered, share) for share in (0.1, 0.5, 0.8, 0.9))
    return Distribution(statistics.fmean(ordered), p10, p50, p80, p90)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` of the sorted values do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def histogram(values: Sequence[float], bins: int = 20) -> tuple[Bin, ...]:
    """Count values in bins of equal width between the smallest and the largest; one bin where all are equal."""
    low, high = min(values), max(values)
    if low == high:
        return (Bin(low, high, len(values)),)
    width = (high - low) / bins
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int((value - low) / width))] += 1
    edges = [low + number * width for number in range(bins)] + [high]
    return tuple(Bin(edges[i], edges[i + 1], count) for i, count in enumerate(counts))


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's coefficient, -1 to 1: Pearson's over ranks, ties at their mean rank; 0 where one never varies.

    C. Spearman, "The Proof and Measurement of Association between Two Things", 1904.
    """
    if len(set(first)) < 2 or len(set(second)) < 2:  # noqa: PLR2004 - one value is no variation
        return 0.0
    return statistics.correlation(ranks(first), ranks(second))


def ranks(values: Sequence[float]) -> list[float]:
    """Number the values from 1 by size; equal ones share the mean of their numbers."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranked = [0.0] * len(values)
    begin = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or values[order[end]] != values[order[begin]]:
            for index in order[begin:end]:
                ranked[index] = (begin + 1 + end) / 2
            begin = end
    return ranked
