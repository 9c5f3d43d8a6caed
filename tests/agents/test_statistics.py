"""Quantiles, histograms and rank correlation, against cases worked by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planexe_agents.methods.statistics import Bin, Distribution, distribution, histogram, rank_correlation, ranks

_values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


def test_quantiles_of_one_to_ten_are_its_values() -> None:
    assert distribution(range(10, 0, -1)) == Distribution(mean=5.5, p10=1, p50=5, p80=8, p90=9)
    with pytest.raises(ValueError, match="empty"):
        distribution([])


def test_a_histogram_counts_each_value_once() -> None:
    assert histogram([0, 1, 1, 2, 4], 4) == (Bin(0, 1, 1), Bin(1, 2, 2), Bin(2, 3, 1), Bin(3, 4, 1))
    assert histogram([3, 3]) == (Bin(3, 3, 2),)


def test_equal_values_share_their_mean_rank() -> None:
    assert ranks([30, 10, 20, 20]) == [4, 1, 2.5, 2.5]


def test_rank_correlation_is_spearmans() -> None:
    # Without ties: 1 - 6 sum(d^2) / (n (n^2 - 1)); here d = 1, 1, 0, 2, 2.
    assert rank_correlation([1, 2, 3, 4, 5], [2, 1, 3, 6, 5.5]) == pytest.approx(1 - 6 * 4 / 120)
    assert rank_correlation([1, 2, 3], [8, 27, 1000]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert rank_correlation([1, 1, 1], [3, 2, 1]) == 0


@settings(derandomize=True)
@given(_values)
def test_laws_of_samples(values: list[float]) -> None:
    found = distribution(values)
    assert min(values) <= found.p10 <= found.p50 <= found.p80 <= found.p90 <= max(values)
    bins = histogram(values)
    assert sum(one.count for one in bins) == len(values)
    assert (bins[0].start, bins[-1].end) == (min(values), max(values))
    assert sum(ranks(values)) == pytest.approx(len(values) * (len(values) + 1) / 2)
