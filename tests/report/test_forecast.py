"""What is left of a run, laid out from today: against the hand calculation and the formulas' own examples."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planexe_agents.signing import SigningKey

from planexe_dag_factory.record.events import Event, append_event, list_events
from planexe_dag_factory.report.forecast import SoFar, earned, look_ahead
from planexe_dag_factory.report.model import Days, Span
from planexe_dag_factory.report.render import render_html
from planexe_dag_factory.report.schedule import planned_days
from planexe_dag_factory.report.status import read_status
from planexe_dag_factory.report.story import tell
from tests.report.conftest import MARA, Writer, small_spec

SPEC = small_spec()
PLANNED = planned_days(SPEC)
STEPS = ("find-sites", "rank-sites", "visit-sites", "buy-sensors", "install", "write-manual")


def test_before_anything_is_done_the_forecast_is_the_plan() -> None:
    ahead = look_ahead(SPEC, PLANNED, {}, 0.0)
    assert {step: ahead.days[step] for step in STEPS} == {step: PLANNED[step] for step in STEPS}
    # 4 + 6 days of desk work beside 10 of visits, then 20 to buy and 9 (the mean of the others) to install.
    assert ahead.end == 39
    slack = {step: ahead.slack[step] for step in STEPS}
    assert slack == pytest.approx({**dict.fromkeys(STEPS, 0.0), "write-manual": 24})
    assert [item for item in ahead.critical if item in STEPS] == [
        "find-sites",
        "visit-sites",
        "rank-sites",
        "buy-sensors",
        "install",
    ]


def test_what_is_done_stays_where_it_was_and_the_rest_follows_it() -> None:
    ahead = look_ahead(SPEC, PLANNED, {"find-sites": SoFar(1, 7), "visit-sites": SoFar(0)}, 8.0)
    assert ahead.days["find-sites"] == Days(1, 7)
    assert ahead.days["rank-sites"] == Days(8, 14)  # nobody has begun: from today
    assert ahead.days["visit-sites"] == Days(0, 10)  # begun on day 0, and two of ten days are left
    assert ahead.slack["visit-sites"] == 4
    assert "find-sites" not in ahead.slack
    assert ahead.end == 14 + 29


def test_work_that_takes_longer_than_planned_may_end_at_any_moment() -> None:
    ahead = look_ahead(SPEC, PLANNED, {"find-sites": SoFar(0)}, 9.0)
    assert ahead.days["find-sites"] == Days(0, 9)


def test_earned_schedule_by_its_formula() -> None:
    # Two steps of 10 days in a row; the first is done on day 8: ES = 10, SPI(t) = 10 / 8, IEAC(t) = 20 / 1.25.
    found = earned({"a": Days(0, 10), "b": Days(10, 20)}, frozenset("a"), 8.0)
    assert found is not None
    assert (found.schedule, found.index, found.end) == pytest.approx((10, 1.25, 16), abs=1e-5)


def test_earned_schedule_counts_work_that_was_done_out_of_order() -> None:
    found = earned({"a": Days(0, 10), "b": Days(10, 16)}, frozenset("b"), 12.0)
    assert found is not None
    assert (found.schedule, found.index, found.end) == pytest.approx((6, 0.5, 32), abs=1e-5)


@pytest.mark.parametrize(("done", "day"), [(frozenset("a"), 0.99), (frozenset[str](), 5.0)])
def test_earned_schedule_says_nothing_too_early(done: frozenset[str], day: float) -> None:
    assert earned({"a": Days(0, 10)}, done, day) is None


@settings(derandomize=True)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.data())
def test_a_run_that_keeps_to_its_plan_has_an_index_of_one(lengths: list[int], data: st.DataObject) -> None:
    planned, begin = {}, 0
    for number, length in enumerate(lengths):
        planned[str(number)] = Days(begin, begin + length)
        begin += length
    count = data.draw(st.integers(1, len(lengths)))
    found = earned(planned, frozenset(str(number) for number in range(count)), float(sum(lengths[:count])))
    assert found is not None
    assert (found.index, found.end) == pytest.approx((1, begin), rel=1e-5)


def test_a_run_that_is_over_or_has_no_estimates_has_no_forecast(writer: Writer) -> None:
    writer.survey()
    assert read_status(writer.run, "milestone-survey").forecast is not None
    items = {name: replace(item, days=None) for name, item in SPEC.work_items.items()}
    writer.begin(replace(SPEC, work_items=items))
    assert read_status(writer.run, "milestone-survey").forecast is None
    writer.begin()
    writer.build()
    writer.end()
    assert read_status(writer.run, None).forecast is None


def test_to_wait_for_an_approval_is_not_to_have_begun(writer: Writer) -> None:
    writer.survey()
    writer.build()
    status = read_status(writer.run, None)
    forecast = {step.id: step.forecast for step in status.steps}
    begun = forecast["buy-sensors"]
    assert begun is not None
    assert begun.start == pytest.approx(370 / 86400)  # the ticket of the work, not that of the approval


def test_an_agent_at_work_has_begun(writer: Writer) -> None:
    writer.begin()
    writer.attempt("find-sites", "001", "scout", "find")
    before = next(step for step in read_status(writer.run, None).steps if step.id == "find-sites")
    key = SigningKey.from_seed(b"k".ljust(32))
    append_event(writer.run, key, Event("assignment-sent", about="find-sites"))
    (sent,) = list_events(writer.run, "find-sites")
    status = read_status(writer.run, None, sent.at + timedelta(days=1))
    step = next(step for step in status.steps if step.id == "find-sites")
    assert before.actual is None
    assert step.actual == Span(sent.at, sent.at + timedelta(days=1))
    assert step.forecast
    assert step.forecast.end - step.forecast.start == pytest.approx(4)  # of four days one has passed


def test_where_work_was_refused_the_end_is_not_reached(writer: Writer) -> None:
    writer.survey()
    fine = render_html(read_status(writer.run, None))
    writer.result("buy-sensors", MARA, "08:05:10", "08:09:00", status="refused", reason="Bankrupt.")
    status = read_status(writer.run, None)
    assert status.forecast
    assert status.forecast.blocked == ("Buy sensors",)
    assert [(one.end is None, one.reached) for one in tell(status).finishes] == [
        (False, True), (True, False), (True, False),
    ]  # fmt: skip
    said = "The end cannot be reached as things stand:</b> Buy sensors was refused or failed"
    assert (said in fine, said in render_html(status)) == (False, True)


def test_a_forecast_goes_by_what_earlier_runs_took_and_what_was_planned_stays(writer: Writer) -> None:
    writer.begin()
    before = read_status(writer.run, None)
    kinds = {
        "human": {"factor": 2.0, "n": 6},
        "reporting.find": {"factor": 0.01, "n": 3},
        "other.kind": {"factor": 9.0, "n": 9},
    }
    writer.run.write_json({"kinds": kinds}, "estimates.json")
    after = read_status(writer.run, None)
    assert before.forecast
    assert after.forecast
    # 10 days of visits, 20 to buy and 9 to install are people's, and take twice as long.
    assert (before.forecast.end, after.forecast.end) == (39, 78)
    assert before.forecast.planned_end == after.forecast.planned_end == 39
    assert [step.planned for step in after.steps] == [step.planned for step in before.steps]
    assert [(one.kind, one.factor) for one in after.forecast.learned] == [("human", 2.0), ("reporting.find", 0.01)]
    page = render_html(after)
    assert "<b>people&#39;s work</b> 2 times as long" in page
    assert "as such work did in earlier runs" not in render_html(before)
