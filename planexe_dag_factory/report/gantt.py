"""A phase as a picture: each step's planned days beside the time it really took, as SVG.

The plan counts in months and a run may take minutes, so the two halves have an axis each: dates on
the left, real time on the right. Colours come from the page's style sheet, by class.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree as ET

from planexe_dag_factory.report.model import Days, PhaseStatus, RunStatus, Span
from planexe_dag_factory.report.words import day_month, days, lasting, visible

WIDTH = 1000
LABELS = 300
PANEL = 330
GAP = 30
ROW = 24
BAR = 10
HEAD = 44
LEAST = 2.0
"""The narrowest bar, in pixels: what took no time is still to be seen."""
TICKS = 6
LETTERS = 42
LAST_TICK = 0.92
"""No tick stands further right in its panel, for its label needs room."""

DAY = 86400
CLOCK_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
DAY_STEPS = (1, 2, 7, 14)
MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200)


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps `start`..`end` to the pixels from `left` on, PANEL wide; ticks are (value, label)."""

    title: str
    left: float
    start: float
    end: float
    ticks: tuple[tuple[float, str], ...]

    def x(self, value: float) -> float:
        return self.left + (value - self.start) / (self.end - self.start) * PANEL


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes that all phases of a report share, so that their pictures can be compared."""

    plan: Axis
    real: Axis


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
    reached: datetime | None = None

    @property
    def top(self) -> int:
        return HEAD + self.index * ROW + (ROW - BAR) // 2


def axes_of(status: RunStatus) -> Axes:
    """Choose the axes: from the plan's first day to its last, and from the run's start to the report."""
    last = max((step.planned.end for step in status.steps), default=0.0)
    plan_end = max(last, 1.0)
    ticks = _date_ticks(status.plan_start, plan_end) if status.plan_start else _day_ticks(plan_end)
    title = "Planned" if status.estimated else "Planned order (no estimates: a day a step)"
    start = status.started_at.timestamp()
    spans = [step.actual.end.timestamp() for step in status.steps if step.actual]
    end = max([status.as_of.timestamp(), start + 1, *spans])
    return Axes(
        plan=Axis(title, LABELS, 0.0, plan_end, tuple(ticks)),
        real=Axis("Actual (UTC)", LABELS + PANEL + GAP, start, end, tuple(_clock_ticks(start, end))),
    )


def draw_phases(status: RunStatus, axes: Axes) -> str:
    """Draw the whole plan, a row and a milestone for each phase."""
    rows = [_phase_row(index, phase) for index, phase in enumerate(status.phases)]
    return _draw(rows, f"{status.title}: phases, planned against actual", axes)


def draw_phase(phase: PhaseStatus, axes: Axes) -> str:
    """Draw a phase and its steps; text in it is text, whatever it holds."""
    steps = [
        Row(index, step.title, step.state, step.planned, step.actual, step.waits)
        for index, step in enumerate(phase.steps, start=1)
    ]
    return _draw([_phase_row(0, phase), *steps], f"{phase.title}: planned against actual", axes)


def _phase_row(index: int, phase: PhaseStatus) -> Row:
    return Row(
        index, phase.title, "phase", phase.planned, phase.actual, milestone=phase.planned.end, reached=phase.reached_at
    )


def _draw(rows: Sequence[Row], label: str, axes: Axes) -> str:
    height = HEAD + ROW * len(rows) + 6
    box = {"viewBox": f"0 0 {WIDTH} {height}", "role": "img", "aria-label": visible(label)}
    svg = ET.Element("svg", {"class": "gantt", **box})
    for axis in (axes.plan, axes.real):
        _draw_axis(svg, axis, height)
    for row in rows:
        _draw_row(svg, row, axes)
    return ET.tostring(svg, encoding="unicode")


def _draw_axis(svg: ET.Element, axis: Axis, height: int) -> None:
    _text(svg, axis.left, 14, axis.title, "axis-title")
    for value, label in axis.ticks:
        x = _number(axis.x(value))
        ET.SubElement(svg, "line", {"class": "tick", "x1": x, "x2": x, "y1": str(HEAD - 8), "y2": str(height - 4)})
        _text(svg, axis.x(value), HEAD - 14, label, "tick-label")


def _draw_row(svg: ET.Element, row: Row, axes: Axes) -> None:
    label = _text(svg, 0, row.top + BAR, _short(row.title), f"row-title {row.kind}")
    ET.SubElement(label, "title").text = visible(row.title)
    planned = row.planned.start, row.planned.end
    _bar(svg, row.top, axes.plan, planned, f"plan {row.kind}", f"planned: {days(planned[1] - planned[0])}")
    if row.actual:
        actual = _seconds(row.actual)
        _bar(svg, row.top, axes.real, actual, f"real {row.kind}", f"actual: {lasting(actual[1] - actual[0])}")
    for wait in row.waits:
        waited = _seconds(wait)
        _bar(svg, row.top, axes.real, waited, "wait", f"waited for a person: {lasting(waited[1] - waited[0])}")
    if row.milestone is not None:
        _draw_milestone(svg, axes.plan.x(row.milestone), "milestone planned", row.top)
    if row.reached:
        _draw_milestone(svg, axes.real.x(row.reached.timestamp()), "milestone reached", row.top)


def _seconds(span: Span) -> tuple[float, float]:
    return span.start.timestamp(), span.end.timestamp()


def _bar(  # noqa: PLR0917 - where, how long, and what it says
    svg: ET.Element, top: int, axis: Axis, stretch: tuple[float, float], kind: str, title: str
) -> None:
    left, right = axis.x(stretch[0]), axis.x(stretch[1])
    box = {"x": _number(left), "y": str(top), "width": _number(max(right - left, LEAST)), "height": str(BAR)}
    bar = ET.SubElement(svg, "rect", {"class": f"bar {kind}", **box, "rx": "2"})
    ET.SubElement(bar, "title").text = title


def _draw_milestone(svg: ET.Element, x: float, said: str, top: int) -> None:
    half = BAR / 2 + 1
    middle = top + BAR / 2
    points = ((x, middle - half), (x + half, middle), (x, middle + half), (x - half, middle))
    corners = " ".join(f"{_number(left)},{_number(down)}" for left, down in points)
    mark = ET.SubElement(svg, "polygon", {"class": "milestone", "points": corners})
    ET.SubElement(mark, "title").text = said


def _text(svg: ET.Element, x: float, y: float, text: str, kind: str) -> ET.Element:
    element = ET.SubElement(svg, "text", {"class": kind, "x": _number(x), "y": _number(y)})
    element.text = visible(text)
    return element


def _number(value: float) -> str:
    return f"{value:.2f}"


def _short(title: str) -> str:
    """Cut a label to its column; wide letters (East Asian Width, UAX 11) count twice."""
    room, cut = LETTERS, 0
    for cut, letter in enumerate(title):
        room -= 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if room < 0:
            return title[:cut].rstrip() + "…"
    return title


def _date_ticks(first: date, length: float) -> Iterator[tuple[float, str]]:
    """Mark days or fortnights from the first day on, or the first of months in a longer plan."""
    step = next((step for step in DAY_STEPS if length / step <= TICKS), None)
    if step:
        for value in _multiples(length, step):
            yield value, day_month(first + timedelta(days=value))
        return
    months = next((step for step in MONTH_STEPS if length / 30.4 / step <= TICKS), MONTH_STEPS[-1])
    for month in _months(first, months):
        value = float((month - first).days)
        if value > length * LAST_TICK:
            return
        yield value, day_month(month, year=True)


def _months(first: date, step: int) -> Iterator[date]:
    """Yield the first days of every `step`th month after `first`, counted from January."""
    index = first.year * 12 + first.month - 1
    while True:
        index += step - index % step
        if index // 12 > date.max.year:
            return
        yield date(index // 12, index % 12 + 1, 1)


def _day_ticks(length: float) -> Iterator[tuple[float, str]]:
    steps = (scale * factor for scale in (1, 10, 100, 1000, 10_000, 100_000) for factor in (1, 2, 5))
    step = next((step for step in steps if length / step <= TICKS), 1_000_000)
    return ((value, f"day {value:.0f}") for value in _multiples(length, step))


def _clock_ticks(start: float, end: float) -> Iterator[tuple[float, str]]:
    """Mark round times of the clock, or days where the run took longer than that."""
    span = end - start
    step = next((step for step in CLOCK_STEPS if span / step <= TICKS), None)
    if step is None:
        yield from _real_days(start, end)
        return
    face = "%H:%M:%S" if step < 60 else "%H:%M"  # noqa: PLR2004 - a minute
    value = -(-start // step) * step
    while value <= start + span * LAST_TICK:
        yield value, datetime.fromtimestamp(value, UTC).strftime(face)
        value += step


def _real_days(start: float, end: float) -> Iterator[tuple[float, str]]:
    midnight = datetime.fromtimestamp(-(-start // DAY) * DAY, UTC)
    for offset, label in _date_ticks(midnight.date(), (end - midnight.timestamp()) / DAY):
        yield midnight.timestamp() + offset * DAY, label


def _multiples(limit: float, step: float) -> Iterable[float]:
    return (count * float(step) for count in range(int(limit / step * LAST_TICK) + 1))
