"""A phase as a picture: each step's planned days beside the time it really took, as SVG.

Where a run takes days of its plan, both are laid on one axis of dates: what was planned as a thin bar above what
happened. A run of minutes would not be seen there, so then the two halves have an axis each: dates on the left,
real time on the right. Colours come from the page's style sheet, by class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from xml.etree import ElementTree as ET

from planexe_dag_factory.report.model import Days, PhaseStatus, RunStatus, Span, StepStatus
from planexe_dag_factory.report.svg import number, short, text
from planexe_dag_factory.report.ticks import TICKS, clock_ticks, date_ticks, day_ticks
from planexe_dag_factory.report.words import day_month, days, lasting, visible

WIDTH = 1000
LABELS = 300
PANEL = 330
GAP = 30
ROW = 24
BAR = 10
THIN = 4
HEAD = 44
LEAST = 2.0
"""The narrowest bar, in pixels: what took no time is still to be seen."""
LETTERS = 42
SHARED = 0.05
"""A run that has taken a larger share of its plan than this lies on one axis with it."""
DAY = 86400


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps `start`..`end` to the pixels from `left` on, `width` wide; ticks are (value, label)."""

    title: str
    left: float
    start: float
    end: float
    ticks: tuple[tuple[float, str], ...]
    width: float = PANEL

    def x(self, value: float) -> float:
        return self.left + (value - self.start) / (self.end - self.start) * self.width


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes that all phases of a report share, so that their pictures can be compared.

    `plan` counts days, `real` seconds, both from the start of the run; `today` is the tick of the report of a run
    that goes on.
    """

    plan: Axis
    real: Axis
    today: tuple[float, str] | None = None

    @property
    def shared(self) -> bool:
        return self.plan.left == self.real.left


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the picture, `index` lines below the head; `milestone` is the planned day of one."""

    index: int
    title: str
    kind: str
    planned: Days
    actual: Span | None
    waits: tuple[Span, ...] = ()
    milestone: float | None = None
    forecast: Days | None = None
    reached: datetime | None = None

    @property
    def top(self) -> int:
        return HEAD + self.index * ROW + (ROW - BAR) // 2


def axes_of(status: RunStatus) -> Axes:
    """Choose the axes: from the run's first day to the plan's or the forecast's last, and from its start to the report.

    A plan that runs is laid from the day on which the run began, whatever day it had named before.
    """
    last = max((step.planned.end for step in status.steps), default=0.0)
    forecast = max((left.end for step in status.steps if (left := _left(step))), default=0.0)
    plan_end = max(last, forecast, 1.0)
    title = "Planned" if status.estimated else "Planned order (no estimates: a day a step)"
    start = status.started_at.timestamp()
    spans = [step.actual.end.timestamp() for step in status.steps if step.actual]
    end = max([status.as_of.timestamp(), start + 1, *spans])
    said = f"as of {day_month(status.as_of.date())}"
    today = None if status.over else ((status.as_of.timestamp() - start) / DAY, said)
    if status.estimated and end - start > SHARED * plan_end * DAY:
        return _one_axis(status.started_at, max(plan_end, (end - start) / DAY), today)
    ticks = date_ticks(status.started_at.date(), plan_end) if status.estimated else day_ticks(plan_end)
    return Axes(
        plan=Axis(title, LABELS, 0.0, plan_end, tuple(ticks)),
        real=Axis("Actual (UTC)", LABELS + PANEL + GAP, start, end, tuple(clock_ticks(start, end))),
        today=today,
    )


def _one_axis(began: datetime, length: float, today: tuple[float, str] | None) -> Axes:
    """Lay the plan and the run beside each other, over both panels."""
    wide, start = 2 * PANEL + GAP, began.timestamp()
    ticks = tuple(date_ticks(began.date(), length, TICKS + 1))
    return Axes(
        plan=Axis("Planned (thin, above) and actual", LABELS, 0.0, length, ticks, wide),
        real=Axis("", LABELS, start, start + length * DAY, (), wide),
        today=today,
    )


def draw_phases(status: RunStatus, axes: Axes) -> str:
    """Draw the whole plan, a row and a milestone for each phase, and when people were waited for in it."""
    rows = [replace(_phase_row(index, phase), waits=_waits(phase)) for index, phase in enumerate(status.phases)]
    return _draw(rows, f"{status.title}: phases, planned against actual", axes)


def draw_phase(phase: PhaseStatus, axes: Axes) -> str:
    """Draw a phase and its steps; text in it is text, whatever it holds."""
    steps = [
        Row(index, step.title, step.state, step.planned, step.actual, step.waits, forecast=_left(step))
        for index, step in enumerate(phase.steps, start=1)
    ]
    return _draw([_phase_row(0, phase), *steps], f"{phase.title}: planned against actual", axes)


def _left(step: StepStatus) -> Days | None:
    """Return the forecast of a step that is still to be done."""
    return step.forecast if step.slack is not None else None


def _phase_row(index: int, phase: PhaseStatus) -> Row:
    due, reached = phase.planned.end, phase.reached_at
    return Row(index, phase.title, "phase", phase.planned, phase.actual, milestone=due, reached=reached)


def _waits(phase: PhaseStatus) -> tuple[Span, ...]:
    """Return when people were waited for in a phase; waits that overlap are one."""
    joined: list[Span] = []
    for span in sorted((wait for step in phase.steps for wait in step.waits), key=lambda one: one.start):
        if joined and span.start <= joined[-1].end:
            joined[-1] = replace(joined[-1], end=max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return tuple(joined)


def _draw(rows: Sequence[Row], label: str, axes: Axes) -> str:
    height = HEAD + ROW * len(rows) + 6
    box = {"viewBox": f"0 0 {WIDTH} {height}", "role": "img", "aria-label": visible(label)}
    svg = ET.Element("svg", {"class": "gantt", **box})
    for axis in (axes.plan,) if axes.shared else (axes.plan, axes.real):
        _draw_axis(svg, axis, height)
    if axes.today and axes.today[0] <= axes.plan.end:
        _draw_today(svg, axes.plan.x(axes.today[0]), axes.today[1], height)
    for row in rows:
        _draw_row(svg, row, axes)
    return ET.tostring(svg, encoding="unicode")


def _draw_axis(svg: ET.Element, axis: Axis, height: int) -> None:
    text(svg, axis.left, 14, axis.title, "axis-title")
    for value, label in axis.ticks:
        x = number(axis.x(value))
        ET.SubElement(svg, "line", {"class": "tick", "x1": x, "x2": x, "y1": str(HEAD - 8), "y2": str(height - 4)})
        text(svg, axis.x(value), HEAD - 14, label, "tick-label")


def _draw_today(svg: ET.Element, x: float, said: str, height: int) -> None:
    top, bottom = str(HEAD - 8), str(height - 4)
    ET.SubElement(svg, "line", {"class": "tick today", "x1": number(x), "x2": number(x), "y1": top, "y2": bottom})
    text(svg, x + 3, HEAD - 1, said, "tick-label")


def _draw_row(svg: ET.Element, row: Row, axes: Axes) -> None:
    label = text(svg, 0, row.top + BAR, short(row.title, LETTERS), f"row-title {row.kind}")
    ET.SubElement(label, "title").text = visible(row.title)
    planned = row.planned.start, row.planned.end
    above, tall = (row.top - THIN, THIN) if axes.shared else (row.top, BAR)
    below = row.top + THIN if axes.shared else row.top + BAR + 1
    kind = "plan" if axes.shared else f"plan {row.kind}"  # beside what happened, its colour says no state
    _bar(svg, above, axes.plan, planned, kind, f"planned: {days(planned[1] - planned[0])}", tall)
    if row.forecast:
        ahead = row.forecast.start, row.forecast.end
        _bar(svg, below, axes.plan, ahead, "forecast", f"forecast: {days(ahead[1] - ahead[0])}", THIN)
    if row.actual:
        actual = _seconds(row.actual)
        _bar(svg, row.top, axes.real, actual, f"real {row.kind}", f"actual: {lasting(actual[1] - actual[0])}")
    for wait in row.waits:
        waited = _seconds(wait)
        _bar(svg, row.top, axes.real, waited, "wait", f"waited for a person: {lasting(waited[1] - waited[0])}")
    if row.milestone is not None:
        _draw_milestone(svg, axes.plan.x(row.milestone), "planned", above - (BAR - tall) // 2)
    if row.reached:
        _draw_milestone(svg, axes.real.x(row.reached.timestamp()), "reached", row.top)


def _seconds(span: Span) -> tuple[float, float]:
    return span.start.timestamp(), span.end.timestamp()


def _bar(  # noqa: PLR0917 - where, how long, and what it says
    svg: ET.Element, top: int, axis: Axis, stretch: tuple[float, float], kind: str, title: str, height: int = BAR
) -> None:
    left, right = axis.x(stretch[0]), axis.x(stretch[1])
    box = {"x": number(left), "y": str(top), "width": number(max(right - left, LEAST)), "height": str(height)}
    bar = ET.SubElement(svg, "rect", {"class": f"bar {kind}", **box, "rx": "2"})
    ET.SubElement(bar, "title").text = title


def _draw_milestone(svg: ET.Element, x: float, said: str, top: int) -> None:
    half = BAR / 2 + 1
    middle = top + BAR / 2
    points = ((x, middle - half), (x + half, middle), (x, middle + half), (x - half, middle))
    corners = " ".join(f"{number(left)},{number(down)}" for left, down in points)
    mark = ET.SubElement(svg, "polygon", {"class": f"milestone {said}", "points": corners})
    ET.SubElement(mark, "title").text = f"milestone {said}"
