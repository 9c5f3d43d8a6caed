from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planexe_dag_factory.report.gantt import (
    BAR,
    HEAD,
    LABELS,
    LEAST,
    PANEL,
    ROW,
    WIDTH,
    Axes,
    axes_of,
    draw_phase,
    draw_phases,
)
from planexe_dag_factory.report.model import Days, PhaseStatus, RunStatus, Span, StepStatus
from planexe_dag_factory.report.render import render_html
from planexe_dag_factory.report.status import read_status

Writer = Any
REAL = LABELS + PANEL + 30
A_DAY = Days(0, 1)
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
FIRST = START.date()


def parse(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own picture, and it must be well-formed


def bars(svg: str, kind: str) -> list[tuple[float, float, float]]:
    """Where the bars of a kind lie: left, top, width."""
    found = [rect for rect in parse(svg).iter("rect") if f"bar {kind}" in rect.attrib["class"]]
    return [(float(bar.attrib["x"]), float(bar.attrib["y"]), float(bar.attrib["width"])) for bar in found]


def places(*expected: tuple[float, int, float]) -> list[Any]:
    """Expected bars, to the hundredth of a pixel that the picture is written in: left, row, width."""
    return [
        pytest.approx((left, HEAD + row * ROW + (ROW - BAR) // 2, width), abs=0.01) for left, row, width in expected
    ]


def texts(svg: str, kind: str) -> list[str | None]:
    return [text.text for text in parse(svg).iter("text") if kind in text.attrib["class"].split()]


@pytest.fixture
def status(writer: Writer) -> RunStatus:
    writer.survey()
    return read_status(writer.run, "milestone-survey")


def one_step(
    planned: Days = A_DAY, lasted: float = 60, title: str = "Survey", first: date = FIRST
) -> tuple[RunStatus, PhaseStatus]:
    """A run of one step that began on a day and took `lasted` seconds."""
    began = datetime.combine(first, START.timetz())
    actual = Span(began, began + timedelta(seconds=lasted))
    step = StepStatus("s", title, "", "human", "done", "Ann", planned, actual=actual)
    phase = PhaseStatus(
        "p", title, "milestone-p", 1, critical=False, steps=(step,), planned=planned, actual=actual, reached_at=None
    )
    run = RunStatus(
        title=title, owner="", summary="", plan_id="p", dag_id="p", run_id="r", record="r", upto=None, over=False,
        started_at=began, as_of=actual.end, plan_start=date(2025, 7, 20), estimated=True, phases=(phase,),
        waiting=(), next=(),
        decisions=(), rerouted=(), risks=(), assessments=(), counts={"done": 1},
    )  # fmt: skip
    return run, phase


def test_planned_bars_lie_where_the_estimates_say(status: RunStatus) -> None:
    day = PANEL / status.phases[1].planned.end
    drawn = bars(draw_phase(status.phases[0], axes_of(status)), "plan")
    assert drawn == places(
        (LABELS, 0, 10 * day), (LABELS, 1, 4 * day), (LABELS + 4 * day, 2, 6 * day), (LABELS, 3, 10 * day)
    )


def test_actual_bars_and_waits_lie_where_the_record_says(status: RunStatus) -> None:
    second = PANEL / 300  # the milestone is sealed five minutes after the run's start
    drawn = draw_phase(status.phases[0], axes_of(status))
    ten = REAL + 10 * second
    assert bars(drawn, "real") == places(
        (ten, 0, 230 * second), (ten, 1, 10 * second), (REAL + 20 * second, 2, 160 * second), (ten, 3, 230 * second)
    )
    assert bars(drawn, "wait") == places((REAL + 60 * second, 2, 120 * second), (ten, 3, 230 * second))


def test_a_reached_milestone_is_marked_at_its_time(status: RunStatus) -> None:
    survey, build = (draw_phase(phase, axes_of(status)) for phase in status.phases)
    marks = [mark.attrib["points"].split(",")[0] for mark in parse(survey).iter("polygon")]
    day = PANEL / status.phases[1].planned.end
    assert marks == [f"{LABELS + 10 * day:.2f}", f"{REAL + PANEL:.2f}"]
    assert len(list(parse(build).iter("polygon"))) == 1


def test_a_step_that_has_not_begun_has_no_actual_bar(status: RunStatus) -> None:
    drawn = draw_phase(status.phases[1], axes_of(status))
    assert (len(bars(drawn, "plan")), bars(drawn, "real")) == (4, [])


def test_what_took_no_time_is_still_to_be_seen() -> None:
    run, phase = one_step(Days(0, 0), lasted=0)
    drawn = draw_phase(phase, axes_of(run))
    assert [width for *_, width in bars(drawn, "real")] == [LEAST, LEAST]


def test_ticks_name_dates_or_days_and_the_time_of_the_clock() -> None:
    month, _ = one_step(Days(0, 30), 600, first=date(2026, 4, 1))
    years, _ = one_step(Days(0, 900), 6, first=date(2026, 11, 20))
    unknown, _ = one_step(Days(0, 30), 5 * 86400)
    found = [_labels(axes_of(run)) for run in (month, years, replace(unknown, estimated=False))]
    assert found == [
        [["1 Apr", "8 Apr", "15 Apr", "22 Apr"], ["08:00", "08:02", "08:04", "08:06", "08:08"]],
        [
            ["Jan 2027", "Jul", "Jan 2028", "Jul", "Jan 2029"],
            ["08:00:00", "08:00:01", "08:00:02", "08:00:03", "08:00:04", "08:00:05"],
        ],
        [["day 0", "day 5", "day 10", "day 15", "day 20", "day 25"], ["3 Mar", "4 Mar", "5 Mar", "6 Mar"]],
    ]


def _labels(axes: Axes) -> list[list[str]]:
    return [[label for _, label in axis.ticks] for axis in (axes.plan, axes.real)]


def test_dates_count_from_the_day_on_which_the_run_began(writer: Writer) -> None:
    """The plan names 1 April; the run began on 2 March, and all its days are counted from there."""
    writer.survey()
    status = read_status(writer.run, "milestone-survey")
    assert status.forecast
    ticks = {label: value for value, label in axes_of(status).plan.ticks}
    assert ticks["16 Mar"] == 14
    assert "1 Apr" not in ticks
    end = status.started_at.date() + timedelta(days=status.forecast.planned_end)
    page = render_html(status)
    assert f"{end.day} {end:%b %Y}" in page
    assert "from 2 Mar 2026 on, when the run began (the plan had named 1 Apr 2026)" in page


def test_a_run_that_takes_days_of_its_plan_lies_on_one_axis_with_it() -> None:
    run, phase = one_step(Days(0, 30), 10 * 86400)
    axes = axes_of(run)
    assert (axes.shared, axes_of(one_step(Days(0, 30), 86400)[0]).shared) == (True, False)
    drawn = draw_phase(phase, axes)
    assert texts(drawn, "axis-title") == ["Planned (thin, above) and actual"]
    wide = 2 * PANEL + 30
    ((_, top, planned), *_), ((_, below, actual), *_) = bars(drawn, "plan"), bars(drawn, "real")
    assert [planned, actual] == [pytest.approx(wide), pytest.approx(wide / 3, abs=0.01)]
    assert top < below
    (today,) = (line for line in parse(drawn).iter("line") if line.attrib["class"] == "tick today")
    assert float(today.attrib["x1"]) == pytest.approx(LABELS + wide / 3, abs=0.01)
    assert "tick today" not in draw_phase(phase, axes_of(replace(run, over=True)))


def test_a_plan_without_estimates_says_so_on_its_axis() -> None:
    run, phase = one_step()
    drawn = draw_phase(phase, axes_of(replace(run, estimated=False)))
    assert texts(drawn, "axis-title")[0] == "Planned order (no estimates: a day a step)"


@settings(derandomize=True, deadline=None)
@given(
    st.floats(0, 200_000),
    st.floats(0, 4e8),
    st.dates(date(1990, 1, 1), date(2300, 1, 1)),
)
def test_axes_have_a_few_ticks_that_go_up_and_stay_inside(planned: float, lasted: float, first: date) -> None:
    run, phase = one_step(Days(0, planned), lasted, first=first)
    axes = axes_of(run)
    for axis in (axes.plan, axes.real):
        values = [value for value, _ in axis.ticks]
        assert values == sorted(set(values))
        assert len(values) <= 7
        assert all(axis.start <= value <= axis.end for value in values)
    for left, _, width in bars(draw_phase(phase, axes), ""):
        assert LABELS - 0.01 <= left <= left + width <= WIDTH


@settings(derandomize=True, deadline=None)
@given(st.text(st.characters(), max_size=60))
def test_any_title_gives_well_formed_svg_in_which_it_is_text(title: str) -> None:
    run, phase = one_step(title=title)
    drawn = parse(draw_phase(phase, axes_of(run)))
    assert {element.tag for element in drawn.iter()} <= {"svg", "text", "title", "line", "rect", "polygon"}


def test_a_long_label_is_cut_and_told_whole_on_hovering() -> None:
    run, phase = one_step(title="港" * 30)
    drawn = parse(draw_phase(phase, axes_of(run)))
    label = next(text for text in drawn.iter("text") if text.attrib["class"] == "row-title phase")
    assert (label.text, label[0].text) == ("港" * 21 + "…", "港" * 30)


def test_the_overview_has_a_row_for_each_phase(status: RunStatus) -> None:
    drawn = draw_phases(status, axes_of(status))
    day = PANEL / status.phases[1].planned.end
    assert texts(drawn, "row-title") == ["Survey", "Build"]
    assert bars(drawn, "plan") == places((LABELS, 0, 10 * day), (LABELS + 10 * day, 1, PANEL - 10 * day))
    assert len(bars(drawn, "real")) == 1


def test_what_is_left_has_its_forecast_below_the_plan(writer: Writer) -> None:
    writer.survey()
    status = read_status(writer.run, "milestone-survey")
    axes = axes_of(status)
    drawn = draw_phase(status.phases[1], axes)
    assert drawn.count('class="bar forecast"') == 3
    assert 'class="bar forecast"' not in draw_phase(status.phases[0], axes)
    end = max(step.forecast.end for step in status.steps if step.forecast)
    assert axes.plan.end == max(end, *(step.planned.end for step in status.steps))


def test_the_overview_shows_when_people_were_waited_for(status: RunStatus) -> None:
    second = PANEL / 300
    assert bars(draw_phases(status, axes_of(status)), "wait") == places((REAL + 10 * second, 0, 230 * second))
