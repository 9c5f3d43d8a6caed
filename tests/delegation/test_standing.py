"""Whom to ask first, and whom not now: examples, and laws over any history."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planexe_dag_factory.delegation.standing import (
    FAULTS,
    LONGEST_BUSY,
    PAUSE,
    WINDOW,
    Entry,
    Fate,
    find_hold,
    order_candidates,
)
from planexe_dag_factory.routing.model import Candidate

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
A, B = Candidate("a", "compute", 0.8), Candidate("b", "compute", 0.8)


def entries(*fates: Fate, ago: float = 60, action: str = "compute", step: str = "") -> tuple[Entry, ...]:
    """What became of as many steps, a second apart, the last of them `ago` seconds before now."""
    first = NOW - timedelta(seconds=ago + len(fates) - 1)
    return tuple(
        Entry(first + timedelta(seconds=number), fate, action, step or str(number)) for number, fate in enumerate(fates)
    )


def order(**history: tuple[Entry, ...]) -> str:
    return "".join(one.candidate.agent for one in order_candidates((A, B), history, NOW))


def test_equals_keep_the_order_of_preference() -> None:
    assert order() == "ab"
    assert order(a=entries("completed"), b=entries("completed")) == "ab"


def test_the_better_fit_is_asked_first_though_it_comes_later() -> None:
    better = Candidate("b", "compute", 0.9)
    assert [one.candidate for one in order_candidates((A, better), {}, NOW)] == [better, A]


def test_rejections_cost_an_action_its_place_and_the_agent_nothing() -> None:
    rejected = entries(*("rejected",) * 20, ago=1)
    assert order(a=rejected) == "ba"
    assert find_hold(rejected, NOW) is None
    other = entries(*("rejected",) * 20, action="draft")
    assert order(a=other) == "ab"


def test_where_much_lies_already_others_go_first() -> None:
    assert order(a=entries("asked", "asked")) == "ba"
    assert order(a=entries("asked", "asked", ago=90_000)) == "ab"  # forgotten


def test_the_reasons_can_be_read() -> None:
    (first, _) = order_candidates((A, B), {"a": entries("completed", "rejected", "completed", "asked")}, NOW)
    assert first.candidate == B
    (only,) = order_candidates((A,), {"a": entries("completed", "rejected", "completed", "asked")}, NOW)
    assert only.why == "fits 0.80, did 2 of its last 3, 1 open"


def test_faults_in_a_row_set_an_agent_aside_for_a_while() -> None:
    row = entries("failed", "invalid", "unavailable", ago=10)
    hold = find_hold(row, NOW)
    assert hold is not None
    assert hold.until == row[-1].at + PAUSE
    assert hold.why == "set aside until 12:00:50 UTC after 3 faults in a row, the last: unavailable"
    assert order(a=row) == "ba"
    assert find_hold(row, NOW + PAUSE) is None


def test_what_goes_well_ends_the_row_and_a_rejection_is_well() -> None:
    assert find_hold(entries("failed", "failed", "completed", "failed", ago=1), NOW) is None
    assert find_hold(entries("failed", "failed", "rejected", "failed", ago=1), NOW) is None
    assert find_hold(entries("failed", "failed", "asked", "failed", ago=1), NOW) is not None


def test_one_step_alone_never_sets_an_agent_aside() -> None:
    assert find_hold(entries(*("failed",) * 9, ago=1, step="the same"), NOW) is None


def test_old_faults_say_nothing() -> None:
    old = entries("failed", "failed", ago=WINDOW.total_seconds() + 1)
    assert find_hold((*old, *entries("failed", ago=1)), NOW) is None


def test_after_the_pause_one_step_tries_and_the_others_wait_for_it() -> None:
    row = entries("failed", "failed", "failed", ago=90)
    assert find_hold(row, NOW) is None
    trial = Entry(NOW - timedelta(seconds=5), "asked", "compute", "trial")
    hold = find_hold((*row, trial), NOW)
    assert hold is not None
    assert hold.why == "is tried again by another step, until 12:00:55 UTC"
    done = Entry(NOW, "completed", "compute", "trial")
    assert find_hold((*row, trial, done), NOW) is None
    worse = Entry(NOW, "failed", "compute", "trial")
    again = find_hold((*row, trial, worse), NOW)
    assert again is not None
    assert again.until == NOW + PAUSE


def test_one_that_asked_for_time_gets_it() -> None:
    busy = Entry(NOW - timedelta(seconds=5), "busy", "compute", "1", timedelta(seconds=30))
    hold = find_hold((busy,), NOW)
    assert hold is not None
    assert hold.until == NOW + timedelta(seconds=25)
    assert order(a=(busy,)) == "ba"
    assert find_hold((busy,), NOW + timedelta(seconds=25)) is None


@pytest.mark.parametrize("fates", [("busy",), ("failed",) * FAULTS])
def test_what_a_clock_wrote_before_it_jumped_back_holds_nobody(fates: tuple[Fate, ...]) -> None:
    """An hour ahead, it would be in force until the clock is there again; half a minute is what clocks differ by."""
    pause = timedelta(minutes=1)
    ahead = [Entry(NOW + timedelta(hours=1), fate, "compute", str(at), pause) for at, fate in enumerate(fates)]
    assert find_hold(ahead, NOW) is None
    near = [replace(entry, at=NOW + timedelta(seconds=20)) for entry in ahead]
    assert find_hold(near, NOW) is not None


ENTRY = st.builds(
    Entry,
    at=st.integers(-2000, 100).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    fate=st.sampled_from(get_args(Fate)),
    action=st.sampled_from(["compute", "draft"]),
    step=st.sampled_from("12345"),
    pause=st.integers(0, 100_000).map(lambda seconds: timedelta(seconds=seconds)),
)
HISTORY = st.lists(ENTRY, max_size=30).map(lambda found: tuple(sorted(found, key=lambda entry: entry.at)))
CANDIDATES = st.lists(
    st.builds(Candidate, st.sampled_from("abc"), st.sampled_from(["compute", "draft"]), st.floats(0, 1)), max_size=6
)
HISTORIES = st.fixed_dictionaries({}, optional={"a": HISTORY, "b": HISTORY})


@given(CANDIDATES, HISTORIES)
def test_nobody_is_lost_or_added_and_those_on_hold_come_last(
    candidates: list[Candidate], histories: dict[str, tuple[Entry, ...]]
) -> None:
    found = order_candidates(candidates, histories, NOW)
    key = repr
    assert sorted((one.candidate for one in found), key=key) == sorted(candidates, key=key)
    held = [one.hold is not None for one in found]
    assert held == sorted(held)
    assert found == order_candidates(candidates, histories, NOW)


@given(HISTORY)
def test_every_hold_ends(history: tuple[Entry, ...]) -> None:
    """Whatever happened, and whatever the clock did, an agent is asked again at last."""
    hold = find_hold(history, NOW)
    assert hold is None or NOW < hold.until <= NOW + max(LONGEST_BUSY, PAUSE)


@given(HISTORY)
def test_no_agent_is_set_aside_without_faults_of_several_steps(history: tuple[Entry, ...]) -> None:
    hold = find_hold(history, NOW)
    faults = {entry.step for entry in history if entry.fate in {"failed", "invalid", "untrusted", "unavailable"}}
    assert hold is None or hold.status == "busy" or len(faults) >= FAULTS


@given(HISTORY, st.sampled_from(["completed", "rejected"]))
def test_more_done_well_never_costs_and_more_rejected_never_helps(history: tuple[Entry, ...], fate: Fate) -> None:
    more = (*history, Entry(NOW + timedelta(seconds=101), fate, "compute", "new"))
    (before,) = order_candidates([A], {"a": history}, NOW)
    (after,) = order_candidates([A], {"a": more}, NOW)
    assert after.worth >= before.worth if fate == "completed" else after.worth <= before.worth
