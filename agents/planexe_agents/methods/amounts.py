"""Amounts of money that a text names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

SYMBOLS = {"US$": "USD", "$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR"}
CODES = "USD|EUR|GBP|JPY|INR|CHF|DKK|SEK|NOK|CAD|AUD|NZD|CNY|SGD|PLN|CZK|BRL|MXN|ZAR|AED|HKD|KRW"
SCALES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9, "billion": 1e9}
# Bounded, and never begun within a number: a text of a million digits must not cost a square of that.
NUMBER = r"(?<!\d)(?:\d{1,3}(?:[,\u00a0 ]\d{3}){1,5}|\d{1,15})(?:\.\d{1,6})?"
SCALE = r"(?:\s?(?:thousand|million|billion|mn|bn|[kKmMbB])\b)"
SIGN = r"(?:US)?\$|[€£¥₹]"
CURRENCY = rf"{SIGN}|\b(?:{CODES})\b"
AMOUNT = re.compile(
    rf"(?P<before>{CURRENCY})\s?(?P<low>{NUMBER})(?P<low_scale>{SCALE}?)"
    rf"(?:\s?(?:-|–|to)\s?(?:{CURRENCY})?\s?(?P<high>{NUMBER})(?P<high_scale>{SCALE}?))?"  # noqa: RUF001 - plans write ranges with it
    rf"|(?P<low2>{NUMBER})(?P<low2_scale>{SCALE}?)(?:\s?(?:-|–|to)\s?(?P<high2>{NUMBER})(?P<high2_scale>{SCALE}?))?"  # noqa: RUF001
    rf"\s?(?P<after>\b(?:{CODES})\b|{SIGN})"
)


@dataclass(frozen=True, slots=True)
class Amount:
    """Money from `low` to `high` (equal where the text names one figure), and the words that say so."""

    currency: str
    low: float
    high: float
    text: str

    @property
    def middle(self) -> float:
        """The middle of the range."""
        return (self.low + self.high) / 2


def amounts(text: str) -> tuple[Amount, ...]:
    """Read every amount with a currency: `$1.2 million`, `€50,000 - €150,000`, `USD 3-5 million`, `400k EUR`."""
    return tuple(_amount(match) for match in AMOUNT.finditer(text))


def totals(found: Iterable[Amount]) -> dict[str, tuple[float, float]]:
    """Add amounts up by currency: the sum of the low ends, and of the high ends."""
    sums: dict[str, tuple[float, float]] = {}
    for amount in found:
        low, high = sums.get(amount.currency, (0.0, 0.0))
        sums[amount.currency] = (low + amount.low, high + amount.high)
    return dict(sorted(sums.items()))


def _amount(match: re.Match[str]) -> Amount:
    side = "" if match["before"] else "2"
    currency = match["before"] or match["after"]
    low_scale, high_scale = match[f"low{side}_scale"], match[f"high{side}_scale"]
    low = _number(match[f"low{side}"], low_scale or high_scale)
    high = _number(match[f"high{side}"], high_scale or low_scale) if match[f"high{side}"] else low
    code = SYMBOLS.get(currency, currency)
    return Amount(code, min(low, high), max(low, high), match.group().strip())


def _number(digits: str, scale: str | None) -> float:
    return float(re.sub(r"[,\u00a0 ]", "", digits)) * SCALES.get((scale or "").strip().lower(), 1.0)
