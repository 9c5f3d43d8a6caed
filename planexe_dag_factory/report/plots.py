"""The risk picture of a milestone as SVG: when the plan ends, what moves that, and how the scenarios compare.

Each picture says in words what it shows, and the report has the same figures as a table beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, pairwise
from xml.etree import ElementTree as ET

from planexe_dag_factory.report.figures import Distributed, Driver, RiskFigures, Scenario
from planexe_dag_factory.report.svg import line, picture, rect, short, text
from planexe_dag_factory.report.ticks import date_ticks, day_ticks
from planexe_dag_factory.report.words import day_on, percent, signed_days, visible

WIDTH = 1000
LEFT, RIGHT = 40, 960
TOP, FLOOR = 46, 222
HEIGHT = 280
LABELS = 380
ROW, BAR = 30, 14
LETTERS = 52
MARKS = (("p50", "P50"), ("p80", "P80"))
Say = Callable[[float], str]
EDGE = 830
"""A label begins left of its mark where the mark stands further right than this, or another one near it does."""
LABEL = 150


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps `start`..`end` to the pixels from `left` to `right`."""

    start: float
    end: float
    left: float = LEFT
    right: float = RIGHT

    def x(self, value: float) -> float:
        return self.left + (value - self.start) / ((self.end - self.start) or 1.0) * (self.right - self.left)


def draw_figures(figures: RiskFigures, first: date) -> dict[str, str]:
    """Draw what an assessment has figures for, by name; days count from `first`, the first day of the run."""
    drawn = {"scenarios": draw_scenarios(figures.scenarios)}
    if figures.schedule:
        drawn["finish"] = draw_finish(figures.schedule, first)
    if figures.cost:
        drawn["cost"] = draw_cost(figures.cost)
    if figures.drivers:
        drawn["drivers"] = draw_drivers(figures.drivers)
    return drawn


def draw_finish(found: Distributed, first: date) -> str:
    """Draw when the plan ends: a histogram of the days, the share of draws that ended by then, P50, P80 and plan."""
    scale = _scale(found)
    said = (
        f"Half of the simulations end by {day_on(first, found.p50)}, 80 % by {day_on(first, found.p80)}, "
        f"90 % by {day_on(first, found.p90)}; planned is {day_on(first, found.planned)}."
    )
    svg = picture("plot", WIDTH, HEIGHT, "When the plan ends", said)
    begin = math.ceil(scale.start)
    ticks = date_ticks(first + timedelta(days=begin), scale.end - begin) if scale.end - begin > 1 else ()
    _axis(svg, scale, ((begin + value, label) for value, label in ticks))
    _bars(svg, found, scale, lambda value: day_on(first, value))
    _legend(svg, found, "end by then", "end then")
    _cumulative(svg, found, scale)
    _marks(svg, found, scale, lambda value: day_on(first, value))
    return ET.tostring(svg, encoding="unicode")


def draw_cost(found: Distributed) -> str:
    """Draw what the plan costs, as a share of the planned cost."""
    scale = _scale(found)
    said = f"Half of the simulations cost at most {percent(found.p50)} of the plan, 80 % at most {percent(found.p80)}."
    svg = picture("plot", WIDTH, HEIGHT, "What the plan costs, of what was planned", said)
    _axis(svg, scale, _shares(scale))
    _bars(svg, found, scale, percent)
    _legend(svg, found, "cost no more", "cost that much")
    _cumulative(svg, found, scale)
    _marks(svg, found, scale, percent)
    return ET.tostring(svg, encoding="unicode")


def draw_drivers(drivers: Sequence[Driver]) -> str:
    """Draw what moves the end of the plan, the most first: from the mean day if it goes well to that if badly."""
    values = [day for driver in drivers for day in (driver.days_if_well, driver.days_if_badly)]
    scale = Scale(min(values), max(values), LABELS, RIGHT - 70)
    height = TOP + ROW * len(drivers) + 8
    said = "; ".join(f"{one.title}: {signed_days(one.days_if_badly - one.days_if_well)}" for one in drivers)
    svg = picture("plot", WIDTH, height, "What moves the end of the plan", said)
    for value, label in ((scale.start, "ends sooner"), (scale.end, "later")):
        line(svg, (scale.x(value), TOP - 8), (scale.x(value), height - 6), "tick")
        text(svg, scale.x(value), TOP - 16, f"day {value:.0f}, {label}", "tick-label")
    for index, driver in enumerate(drivers):
        _driver(svg, driver, scale, TOP + index * ROW)
    return ET.tostring(svg, encoding="unicode")


def draw_scenarios(scenarios: Sequence[Scenario]) -> str:
    """Draw the resilience of each scenario, 0 to 1."""
    scale = Scale(0.0, 1.0, LABELS, RIGHT - 70)
    height = TOP + ROW * len(scenarios) + 8
    said = "; ".join(f"{one.name} ({one.kind}): {one.resilience:.2f}" for one in scenarios)
    svg = picture("plot", WIDTH, height, "Resilience by scenario", said)
    for tenth in (0, 25, 50, 75, 100):
        line(svg, (scale.x(tenth / 100), TOP - 8), (scale.x(tenth / 100), height - 6), "tick")
        text(svg, scale.x(tenth / 100), TOP - 16, f"{tenth / 100:.2f}", "tick-label")
    for index, one in enumerate(scenarios):
        top = TOP + index * ROW
        _label(svg, top, f"{one.name} ({one.kind})")
        rect(svg, scale.left, top, scale.x(one.resilience) - scale.left, BAR, f"share {one.kind}", one.story)
        text(svg, scale.x(one.resilience) + 8, top + BAR - 2, f"{one.resilience:.2f}", "tick-label")
    return ET.tostring(svg, encoding="unicode")


def _scale(found: Distributed) -> Scale:
    ends = (found.histogram[0].start, found.histogram[-1].end, found.planned)
    low, high = min(ends), max(ends)
    room = (high - low) * 0.03 or 0.5
    return Scale(max(0.0, low - room), high + room)


def _axis(svg: ET.Element, scale: Scale, ticks: Iterable[tuple[float, str]]) -> None:
    line(svg, (LEFT, FLOOR), (RIGHT, FLOOR), "tick")
    for value, label in ticks:
        line(svg, (scale.x(value), FLOOR), (scale.x(value), FLOOR + 6), "tick")
        text(svg, scale.x(value), FLOOR + 20, label, "tick-label")
    for height in (0, 50, 100):
        y = FLOOR - (FLOOR - TOP) * height / 100
        text(svg, 0, y + 4, f"{height} %", "tick-label")
        line(svg, (LEFT, y), (RIGHT, y), "tick faint")


def _shares(scale: Scale) -> Iterable[tuple[float, str]]:
    span = round((scale.end - scale.start) * 100)
    return ((scale.start + value / 100, percent(scale.start + value / 100)) for value, _ in day_ticks(max(1.0, span)))


def _bars(svg: ET.Element, found: Distributed, scale: Scale, said: Say) -> None:
    most = max(1, *(one.count for one in found.histogram))
    for one in found.histogram:
        left, right = scale.x(one.start), scale.x(one.end)
        tall = (FLOOR - TOP) * one.count / most
        tip = f"{one.count} of the simulations: {said(one.start)} to {said(one.end)}"
        rect(svg, left, FLOOR - tall, max(2.0, right - left - 1), tall, "count", tip)


def _legend(svg: ET.Element, found: Distributed, line_says: str, bars_say: str) -> None:
    """Say what line and bars count; the bars have a scale of their own, on the right."""
    share = max(1, *(one.count for one in found.histogram)) / max(1, sum(one.count for one in found.histogram))
    for part in (0.5, 1.0):
        text(svg, RIGHT + 6, FLOOR - (FLOOR - TOP) * part + 4, percent(share * part), "tick-label")
    said = f"The line (scale on the left) counts simulations that {line_says}, the bars (on the right) that {bars_say}."
    text(svg, LEFT, HEIGHT - 8, said, "tick-label")


def _cumulative(svg: ET.Element, found: Distributed, scale: Scale) -> None:
    """Draw the share of draws that came to no more, as a line of straight pieces."""
    total = max(1, sum(one.count for one in found.histogram))
    shares = [0.0, *(count / total for count in accumulate(one.count for one in found.histogram))]
    values = [found.histogram[0].start, *(one.end for one in found.histogram)]
    points = [(scale.x(value), FLOOR - (FLOOR - TOP) * share) for value, share in zip(values, shares, strict=True)]
    for start, end in pairwise(points):
        line(svg, start, end, "cumulative")


def _marks(svg: ET.Element, found: Distributed, scale: Scale, said: Say) -> None:
    """Mark P50, P80 and the plan, each label on a line of its own above the picture."""
    marks = [(label, getattr(found, name), "mark") for name, label in MARKS]
    marks.append(("planned", found.planned, "mark planned"))
    places = [scale.x(value) for _, value, _ in marks]
    for row, (label, value, kind) in enumerate(marks):
        x = scale.x(value)
        line(svg, (x, 4 + row * 12), (x, FLOOR), kind)
        left = x >= EDGE or (x > LEFT + LABEL and any(x < other < x + LABEL for other in places))
        words = text(svg, x + (-4 if left else 4), 12 + row * 12, f"{label}: {said(value)}", "mark-label")
        if left:
            words.set("text-anchor", "end")


def _driver(svg: ET.Element, driver: Driver, scale: Scale, top: float) -> None:
    _label(svg, top, driver.title)
    left, right = sorted((scale.x(driver.days_if_well), scale.x(driver.days_if_badly)))
    swing = signed_days(driver.days_if_badly - driver.days_if_well)
    tip = f"goes well: day {driver.days_if_well:.0f}; badly: day {driver.days_if_badly:.0f}"
    rect(svg, left, top, max(2.0, right - left), BAR, f"swing {driver.kind}", tip)
    text(svg, right + 8, top + BAR - 2, swing, "tick-label")


def _label(svg: ET.Element, top: float, said: str) -> None:
    ET.SubElement(text(svg, 0, top + BAR - 2, short(said, LETTERS), "row-title"), "title").text = visible(said)
