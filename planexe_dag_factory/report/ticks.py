"""Where an axis of days or of the clock has its ticks, and what they say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

from planexe_dag_factory.report.words import MONTHS, day_month

TICKS = 6
LAST_TICK = 0.92
"""No tick stands further right in its panel, for its label needs room."""

DAY = 86400
CLOCK_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
DAY_STEPS = (1, 2, 7, 14)
MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200)


def date_ticks(first: date, length: float, most: int = TICKS) -> Iterator[tuple[float, str]]:
    """Mark days or fortnights from the first day on, or the first of months in a longer plan, each year said once."""
    step = next((step for step in DAY_STEPS if length / step <= most), None)
    if step:
        for value in _multiples(length, step):
            yield value, day_month(first + timedelta(days=value))
        return
    months = next((step for step in MONTH_STEPS if length / 30.4 / step <= most), MONTH_STEPS[-1])
    said = None
    for month in _months(first, months):
        value = float((month - first).days)
        if value > length * LAST_TICK:
            return
        yield value, day_month(month, year=True) if month.year != said else MONTHS[month.month - 1]
        said = month.year


def _months(first: date, step: int) -> Iterator[date]:
    """Yield the first days of every `step`th month after `first`, counted from January."""
    index = first.year * 12 + first.month - 1
    while True:
        index += step - index % step
        if index // 12 > date.max.year:
            return
        yield date(index // 12, index % 12 + 1, 1)


def day_ticks(length: float) -> Iterator[tuple[float, str]]:
    """Mark round numbers of days."""
    steps = (scale * factor for scale in (1, 10, 100, 1000, 10_000, 100_000) for factor in (1, 2, 5))
    step = next((step for step in steps if length / step <= TICKS), 1_000_000)
    return ((value, f"day {value:.0f}") for value in _multiples(length, step))


def clock_ticks(start: float, end: float) -> Iterator[tuple[float, str]]:
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
    for offset, label in date_ticks(midnight.date(), (end - midnight.timestamp()) / DAY):
        yield midnight.timestamp() + offset * DAY, label


def _multiples(limit: float, step: float) -> Iterable[float]:
    return (count * float(step) for count in range(int(limit / step * LAST_TICK) + 1))
