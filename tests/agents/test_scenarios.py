"""Risks and schedules played through scenarios, against what arithmetic gives; tolerances follow from the draws."""

from __future__ import annotations

import math

import pytest
from planexe_agents.methods.scenarios import (
    SCENARIOS,
    Hazard,
    Outlook,
    Play,
    Scenario,
    draw,
    drivers,
    play,
    resilience,
)
from planexe_agents.methods.schedule import Activity

BASE = SCENARIOS[0]
PLAN = (Activity("a", 5, 10, 30), Activity("b", 2, 4, 6, ("a",)), Activity("idle", 1, 1, 1))


def _fixed(name: str, days: float, *after: str) -> Activity:
    return Activity(name, days, days, days, after)


def _played(
    hazards: list[Hazard], activities: list[Activity], scenario: Scenario = BASE, seed: int = 1, draws: int = 2000
) -> Play:
    outlook = Outlook.of_plan(hazards, activities)
    return play(outlook, draw(outlook, seed, draws), scenario)


def test_resilience_is_planexes_formula() -> None:
    assert resilience(0.25, 0.5, 0.8) == pytest.approx(0.4 * 0.75 + 0.3 * 0.5 + 0.3 * 0.8)
    assert resilience(3, 2, 0) == 0.0
    assert resilience(0, -0.2, 1) == 1.0


def test_a_certain_loss_and_fixed_work_give_the_play_that_arithmetic_gives() -> None:
    found = _played([Hazard("sea", 1.0, 0.2, mitigated=True)], [_fixed("a", 10)])
    assert [found.overrun, found.slip, found.success] == pytest.approx([0.2, 0.2, 1.0])
    assert found.resilience == pytest.approx(0.4 * 0.8 + 0.3 * 0.8 + 0.3)
    assert set(found.days) == {12.0}


def test_independent_risks_have_the_mean_the_variance_and_the_success_that_theory_gives() -> None:
    hazards = [Hazard(str(i), 0.3, 0.1, mitigated=True) for i in range(8)]
    n = 4000
    found = _played(hazards, [_fixed("a", 100)], draws=n)
    deviation = 0.1 * math.sqrt(8 * 0.3 * 0.7)
    success = sum(math.comb(8, k) * 0.3**k * 0.7 ** (8 - k) for k in range(3))  # at most 2 strike: 20 % is within 25 %
    assert found.overrun == pytest.approx(8 * 0.3 * 0.1, abs=4 * deviation / math.sqrt(n))
    assert found.slip == pytest.approx(found.overrun)
    assert found.success == pytest.approx(success, abs=4 * math.sqrt(success * (1 - success) / n))


def test_what_was_overspent_is_added_to_every_draw() -> None:
    outlook = Outlook((), (_fixed("a", 10),), planned=10, overspent=0.15)
    found = play(outlook, draw(outlook, 1, 10), BASE)
    assert set(found.costs) == {1.15}
    assert (found.overrun, found.slip) == pytest.approx((0.15, 0))


def test_a_plan_without_a_schedule_still_bears_its_risks() -> None:
    found = _played([Hazard("sea", 1.0, 0.5, mitigated=True)], [])
    assert [found.overrun, found.slip] == pytest.approx([0.5, 0.5])


def test_ruin_is_the_share_of_draws_at_twice_the_plan() -> None:
    n = 2000
    found = _played([Hazard("flood", 0.1, 1.0, mitigated=False)], [_fixed("a", 10)], draws=n)
    assert found.ruinous(2.0) == pytest.approx(0.1, abs=4 * math.sqrt(0.1 * 0.9 / n))
    assert found.ruinous(2.0001) == 0


def test_over_a_share_of_the_plan_a_risk_strikes_as_often_as_it_must_to_add_up() -> None:
    risk = Hazard("sea", 0.6, 0.1, mitigated=False)
    half = risk.over(0.5).probability
    assert 1 - (1 - half) ** 2 == pytest.approx(0.6)
    assert (risk.over(1.0).probability, risk.over(0.0).probability) == pytest.approx((0.6, 0.0))


def test_scenarios_are_one_base_two_adverse_two_optimistic_and_ordered_by_resilience() -> None:
    hazards = [Hazard("sea", 0.3, 0.1, mitigated=True), Hazard("law", 0.6, 0.1, mitigated=True)]
    plays = [_played(hazards, list(PLAN), scenario, seed=3) for scenario in SCENARIOS]
    assert [one.scenario.kind for one in plays] == ["base", "adverse", "adverse", "optimistic", "optimistic"]
    assert max(one.resilience for one in plays[1:3]) < plays[0].resilience
    assert plays[0].resilience < min(one.resilience for one in plays[3:])
    assert plays == [_played(hazards, list(PLAN), scenario, seed=3) for scenario in SCENARIOS]
    assert plays[0] != _played(hazards, list(PLAN), BASE, seed=4)


def test_scenarios_differ_in_every_draw_by_what_they_suppose_and_not_by_luck() -> None:
    hazards = [Hazard("sea", 0.3, 0.1, mitigated=True)]
    outlook = Outlook.of_plan(hazards, PLAN)
    luck = draw(outlook, 3, 500)
    base, worse, worst, better, quiet = (play(outlook, luck, scenario) for scenario in SCENARIOS)
    for adverse in (worse, worst):
        assert all(a >= b for a, b in zip(adverse.days, base.days, strict=True))
    for optimistic in (better, quiet):
        assert all(a <= b for a, b in zip(optimistic.days, base.days, strict=True))


def test_one_more_risk_moves_no_duration() -> None:
    few = draw(Outlook.of_plan([], PLAN), 3, 50)
    many = draw(Outlook.of_plan([Hazard("sea", 0.3, 0.1, mitigated=True)], PLAN), 3, 50)
    assert few.durations == many.durations


def test_what_moves_the_end_most_comes_first_and_what_cannot_is_left_out() -> None:
    hazards = [
        Hazard("sea", 0.5, 0.5, mitigated=True, title="Flood"),
        Hazard("law", 0.5, 0.0, mitigated=True, title="Harmless"),
        Hazard("sky", 0.0, 0.9, mitigated=True, title="Never"),
    ]
    outlook = Outlook.of_plan(hazards, PLAN)
    luck = draw(outlook, 3, 2000)
    found = drivers(outlook, luck, play(outlook, luck, BASE))
    assert [(one.kind, one.title) for one in found] == [("risk", "Flood"), ("work", "a"), ("work", "b")]
    # The flood adds half of 16.5 planned days; the other terms of both means differ by chance alone.
    deviation = 2 * math.sqrt((12.5 - 5) * (30 - 12.5) / 7 + 2 * 2 / 7) / math.sqrt(2000)
    assert found[0].swing == pytest.approx(16.5 / 2, abs=4 * deviation)
    assert all(-1 <= one.correlation <= 1 for one in found)
