"""The schedule an agent computes, against closed forms, a textbook, and networkx."""

from __future__ import annotations

import math
import random
import statistics

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planexe_agents.methods.remaining import Part, pace_of, remaining
from planexe_agents.methods.schedule import Activity, Network, Slot, critical_path, in_order, simulate

# The Reliable Construction Company: F. S. Hillier and G. J. Lieberman, "Introduction to Operations
# Research", the chapter on PERT/CPM. Weeks: optimistic, most likely, pessimistic; what each waits for.
RELIABLE = tuple(
    Activity(name, least, likely, most, tuple(after))
    for name, (least, likely, most), after in (
        ("A", (1, 2, 3), ""),  # excavate
        ("B", (2, 3.5, 8), "A"),  # lay the foundation
        ("C", (6, 9, 18), "B"),  # put up the rough wall
        ("D", (4, 5.5, 10), "C"),  # put up the roof
        ("E", (1, 4.5, 5), "C"),  # install the exterior plumbing
        ("F", (4, 4, 10), "E"),  # install the interior plumbing
        ("G", (5, 6.5, 11), "D"),  # put up the exterior siding
        ("H", (5, 8, 17), "EG"),  # do the exterior painting
        ("I", (3, 7.5, 9), "C"),  # do the electrical work
        ("J", (3, 9, 9), "FI"),  # put up the wallboard
        ("K", (4, 4, 4), "J"),  # install the flooring
        ("L", (1, 5.5, 7), "J"),  # do the interior painting
        ("M", (1, 2, 3), "H"),  # install the exterior fixtures
        ("N", (5, 5.5, 9), "KL"),  # install the interior fixtures
    )
)


def _fixed(name: str, days: float, *after: str) -> Activity:
    return Activity(name, days, days, days, after)


# a(3) -> b(4) -> d(2), a -> c(1) -> d: forward and backward pass by hand.
DIAMOND = (_fixed("a", 3), _fixed("b", 4, "a"), _fixed("c", 1, "a"), _fixed("d", 2, "b", "c"))


def test_the_critical_path_of_a_diamond_is_that_of_the_hand_calculation() -> None:
    path = critical_path(DIAMOND[::-1])
    assert (path.days, path.variance, path.path) == (9, 0, ("a", "b", "d"))
    assert path.slots == {"a": Slot(0, 3, 0), "b": Slot(3, 7, 0), "c": Slot(3, 4, 3), "d": Slot(7, 9, 0)}


def test_pert_means_and_variances_are_those_of_malcolm_and_others() -> None:
    activity = Activity("a", 2, 5, 14)
    assert (activity.mean, activity.variance) == (6, 4)
    chain = critical_path([activity, Activity("b", 1, 2, 3, ("a",))])
    assert chain.days == 8
    assert chain.variance == pytest.approx(4 + 1 / 9)


def test_a_simulated_chain_has_the_mean_and_the_median_that_theory_gives() -> None:
    chain = [Activity(str(i), 4, 10, 16, (str(i - 1),) if i else ()) for i in range(30)]
    forecast = simulate(chain, seed=7, draws=2000)
    # The durations are beta(3, 3) on [4, 16]: mean 10, variance 12^2 * 9 / (36 * 7).
    deviation = math.sqrt(30 * 144 * 9 / 252)
    assert forecast.days.p50 == pytest.approx(300, abs=4 * deviation / math.sqrt(2000) * 1.2533)
    assert forecast.days.p90 - forecast.days.p50 == pytest.approx(1.2816 * deviation, rel=0.1)
    assert set(forecast.criticality.values()) == {1.0}


def test_the_same_seed_gives_the_same_forecast_and_another_seed_another() -> None:
    plan = [Activity("a", 1, 2, 5), Activity("b", 1, 3, 4)]
    assert simulate(plan, 1) == simulate(plan, 1) != simulate(plan, 2)


def test_a_cycle_is_named_and_a_double_id_refused() -> None:
    with pytest.raises(ValueError, match=r"these wait for each other: (a -> b -> a|b -> a -> b)"):
        in_order([_fixed("a", 1, "b"), _fixed("b", 1, "a")])
    with pytest.raises(ValueError, match="two estimates have the same id"):
        in_order([_fixed("a", 1), _fixed("a", 1)])


_networks = st.lists(st.tuples(st.integers(0, 9), st.sets(st.integers(0, 11))), min_size=1, max_size=12).map(
    lambda rows: [
        _fixed(str(number), days, *(str(before) for before in sorted(after) if before < number))
        for number, (days, after) in enumerate(rows)
    ]
)


@settings(derandomize=True)
@given(_networks)
def test_laws_of_the_critical_path(plan: list[Activity]) -> None:
    found = critical_path(plan)
    by_id = {activity.id: activity for activity in plan}
    assert sum(by_id[name].mean for name in found.path) == pytest.approx(found.days)
    assert all(found.slots[name].slack == pytest.approx(0) for name in found.path)
    assert all(slot.slack >= -1e-9 for slot in found.slots.values())
    assert all(found.slots[a.id].start >= found.slots[b].end - 1e-9 for a in plan for b in a.after)


@settings(derandomize=True)
@given(_networks)
def test_the_days_are_those_of_networkxs_longest_path(plan: list[Activity]) -> None:
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_node("begin")
    for activity in plan:  # an activity's days lie on the edges into it
        for before in activity.after or ("begin",):
            graph.add_edge(before, activity.id, weight=activity.mean)
    longest: float = nx.dag_longest_path_length(graph)
    assert critical_path(plan).days == pytest.approx(longest)


def test_a_textbook_project_has_the_critical_path_slack_and_variance_that_the_book_prints() -> None:
    found = critical_path(RELIABLE)
    means = [activity.mean for activity in RELIABLE]
    assert means == pytest.approx([2, 4, 10, 6, 4, 5, 7, 9, 7, 8, 4, 5, 2, 6])
    assert [a.variance for a in RELIABLE] == pytest.approx([1 / 9, 1, 4, 1, 4 / 9, 1, 1, 4, 1, 1, 0, 1, 1 / 9, 4 / 9])
    assert (found.days, found.variance) == pytest.approx((44, 9))
    assert "".join(found.path) == "ABCEFJLN"
    slack = {name: slot.slack for name, slot in found.slots.items() if slot.slack > 1e-9}
    assert slack == pytest.approx({"D": 4, "G": 4, "H": 4, "M": 4, "I": 2, "K": 1})
    # P(T <= 47) = P(Z <= 1) = 0.84, the book's answer for the deadline.
    assert statistics.NormalDist(found.days, math.sqrt(found.variance)).cdf(47) == pytest.approx(0.84, abs=0.005)


def test_simulating_the_textbook_project_never_ends_sooner_than_its_longest_path_on_average() -> None:
    forecast = simulate(RELIABLE, seed=3, draws=2000)
    # The mean of the longest of several paths is at least the longest mean: MacCrimmon and Ryavec, 1964.
    assert forecast.days.mean > 44
    assert {name for name, share in forecast.criticality.items() if share == 1} == set("ABC")
    assert sum(one.count for one in forecast.bins) == 2000


def test_simulating_the_textbooks_critical_path_meets_the_deadline_as_often_as_the_book_says() -> None:
    path = [activity for activity in RELIABLE if activity.id in "ABCEFJLN"]
    network, n = Network(path), 4000
    days = [network.days(durations) for durations in network.draws(random.Random(11), n)]
    assert statistics.fmean(days) == pytest.approx(44, abs=4 * 3 / math.sqrt(n))
    # P(T <= 47) = 0.84; four standard errors of a share, and 0.005 for the two digits that the book prints.
    share = sum(one <= 47 for one in days) / n
    assert share == pytest.approx(0.84, abs=4 * math.sqrt(0.84 * 0.16 / n) + 0.005)


def test_drawn_durations_have_the_mean_and_the_variance_of_the_pert_distribution() -> None:
    activity, n, chance = Activity("a", 2, 5, 14), 4000, random.Random(5)
    drawn = [activity.draw(chance) for _ in range(n)]
    variance = (activity.mean - 2) * (14 - activity.mean) / 7
    assert statistics.fmean(drawn) == pytest.approx(6, abs=4 * math.sqrt(variance / n))
    # The standard error of a sample variance: s^2 sqrt((kurtosis - 1) / n); a beta with this shape has less than 3.
    assert statistics.variance(drawn) == pytest.approx(variance, abs=4 * variance * math.sqrt(2 / n))
    assert 2 <= min(drawn) <= max(drawn) <= 14


def test_what_is_done_stays_where_it_was_and_the_rest_begins_today() -> None:
    plan = (_fixed("a", 4), _fixed("b", 10, "a"), _fixed("c", 6, "a"))
    parts = {"a": [Part(4, 0, 7)], "b": [Part(5, 7, 9), Part(5)]}
    left = remaining(plan, parts, day=9, pace=1.0)
    found = critical_path(left)
    assert found.slots == {"a": Slot(7, 7, 2), "b": Slot(9, 14, 1), "c": Slot(9, 15, 0)}
    assert critical_path(remaining(plan, parts, day=9, pace=1.5)).days == 9 + 6 * 1.5
    assert remaining(plan, {}, day=0, pace=1.0) == plan


@pytest.mark.parametrize(
    ("parts", "pace"),
    [
        ([], 1),
        ([Part(10, 0, 15)], 1.5),
        ([Part(10, 0, 15), Part(20, 15, 30)], 1),
        ([Part(10, 0, 1)], 1),
        ([Part(1, 0, 9)], 2),
        ([Part(10, 0, None), Part(0, 0, 3)], 1),
    ],
)
def test_the_pace_is_days_taken_over_days_planned_between_one_and_two(parts: list[Part], pace: float) -> None:
    assert pace_of(parts) == pace
