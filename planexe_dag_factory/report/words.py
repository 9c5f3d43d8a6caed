"""How a report says times, durations and text, the same on every machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Controls, marks that turn the direction of writing, and what XML cannot hold."""
MINUTE, HOUR, DAY = 60, 3600, 86400
HALF_A_DAY = 0.5
IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")


def visible(text: str) -> str:
    """Replace what is not seen but changes what is: no text can hide or turn another."""
    return UNSEEN.sub("\ufffd", text)


def day_month(day: date, *, year: bool = False) -> str:
    """Say `3 Feb`, or `Feb 2026`."""
    month = MONTHS[day.month - 1]
    return f"{month} {day.year}" if year else f"{day.day} {month}"


def moment(time: datetime) -> str:
    """Say `3 Feb 2026, 08:05 UTC`."""
    time = time.astimezone(UTC)
    return f"{time.day} {MONTHS[time.month - 1]} {time.year}, {time:%H:%M} UTC"


def day_of(time: datetime) -> str:
    """Say the day of a moment: `3 Feb 2026`."""
    time = time.astimezone(UTC)
    return f"{time.day} {MONTHS[time.month - 1]} {time.year}"


def lasting(seconds: float) -> str:
    """Say a duration in its two largest units: `2 h 5 min`, `3 d`, `12 s`, `0.4 s`."""
    if seconds < 10:  # noqa: PLR2004 - below that, tenths tell something
        return f"{max(seconds, 0):.1f} s"
    for unit, name, part, part_name in ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min"), (MINUTE, "min", 1, "s")):
        if seconds >= unit:
            rest = int(seconds % unit // part)
            return f"{int(seconds // unit)} {name}" + (f" {rest} {part_name}" if rest else "")
    return f"{seconds:.0f} s"


def days(count: float) -> str:
    """Say a number of planned days: `1 day`, `2.5 days`."""
    number = f"{count:.1f}".removesuffix(".0")
    return f"{number} day" if number == "1" else f"{number} days"


def percent(share: float) -> str:
    """Say a share: `12 %`."""
    return f"{share * 100:.0f} %".replace("-0 %", "0 %")


def signed_days(count: float) -> str:
    """Say a difference of days: `+2 days`, `-0.5 days`."""
    return f"{'+' if count >= 0 else '-'}{days(abs(count))}"


def day_on(first: date, count: float) -> str:
    """Say the date that lies so many days after the first: `3 Feb 2026`; days alone where no calendar reaches."""
    try:
        day = first + timedelta(days=count)
    except OverflowError:
        return days(count)
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def count(number: int, one: str, many: str | None = None) -> str:
    """Say `1 step`, `3 steps`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def join(parts: list[str]) -> str:
    """Say `a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def kind(name: str) -> str:
    """Name a kind of work (`learning.pace.kind_of`) for people: `people's work`, `analysis / compare options`."""
    return "people's work" if name == "human" else name.replace(".", " / ").replace("_", " ")


def times(factor: float) -> str:
    """Say by what something is multiplied: `1.3 times`, `0.002 times`."""
    return f"{factor:.2g} times"


def reviewed(calibration: Mapping[str, Any]) -> str:
    """Say what reviews made of an action's confidence (`learning.experience`), and what it must say to pass."""
    accepted, reviews = calibration["accepted"], count(calibration["reviews"], "review")
    told = f"{accepted} of {reviews} accepted its work, where its own word made it {calibration['expected']:.1f}"
    passing, threshold = calibration["passing"], calibration["threshold"]
    if not passing:
        return f"{told}; whatever it says, a person looks"
    if passing[0][0] <= threshold and passing[-1][1] == 1 and len(passing) == 1:
        return f"{told}; its word is taken"
    ranges = join([f"{least:.2f} to {most:.2f}" for least, most in passing])
    return f"{told}; its word is taken from {ranges}, where {threshold:.2f} is asked for"


def called(name: str) -> str:
    """Say the id of an agent or an action as words: `data gathering`; any other name stays as it is."""
    return name.replace("_", " ") if IDENTIFIER.fullmatch(name) else name


def money(amount: float, currency: str) -> str:
    """Say an amount with its currency: `9,600.00 EUR`."""
    return f"{amount:,.2f} {currency}".rstrip()


def against_plan(difference: float) -> str:
    """Say how an end lies to the planned one: `24 days before plan`, `as planned`."""
    if abs(difference) < HALF_A_DAY:
        return "as planned"
    return f"{days(abs(round(difference)))} {'after' if difference > 0 else 'before'} plan"
