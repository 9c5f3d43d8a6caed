"""Amounts of money that a text names: `$1.2 million`, `€400k`, `USD 50,000`, `2.5bn EUR`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_SYMBOLS = {"$": "USD", "us$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW"}
_CODES = "USD|EUR|GBP|JPY|INR|KRW|CHF|CAD|AUD|CNY|DKK|SEK|NOK|MXN|BRL|PLN|UYU|ZAR|JMD"
_SCALES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9, "billion": 1e9}
_NUMBER = (
    r"(?P<number>\d{1,3}(?:,\d{3}){1,5}(?:\.\d{1,4})?|\d{1,15}(?:\.\d{1,4})?)"
    r"(?:\s?(?P<scale>thousand|million|billion|mn|bn|k|m|b)\b)?"
)
_BEFORE = re.compile(rf"(?P<currency>US\$|[$€£¥₹₩]|\b(?:{_CODES})\b)\s?{_NUMBER}", re.IGNORECASE)
_AFTER = re.compile(rf"(?<![\d.,$€£¥₹₩]){_NUMBER}\s?(?P<currency>[€£]|(?:{_CODES}|euros?|dollars?)\b)", re.IGNORECASE)
_NAMES = {"euro": "EUR", "euros": "EUR", "dollar": "USD", "dollars": "USD"}


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum of money; `currency` is an ISO 4217 code."""

    value: float
    currency: str


def amounts(text: str) -> tuple[Amount, ...]:
    """Return every amount of a text, in order."""
    before = {found.end("number"): found for found in _BEFORE.finditer(text)}
    after = (found for found in _AFTER.finditer(text) if found.end("number") not in before)
    return tuple(map(_amount, sorted((*before.values(), *after), key=lambda found: found.start())))


def largest(found: tuple[Amount, ...]) -> Amount | None:
    """Return the largest amount, compared as numbers; the first of equals."""
    return max(found, key=lambda amount: amount.value, default=None)


def total(found: Iterable[Amount]) -> tuple[Amount, ...]:
    """Add amounts up, each currency on its own, in the order in which they come first."""
    sums: dict[str, float] = {}
    for one in found:
        sums[one.currency] = round(sums.get(one.currency, 0.0) + one.value, 2)
    return tuple(Amount(value, currency) for currency, value in sums.items())


def say(amount: Amount) -> str:
    """Write an amount for people: `EUR 1,200` or `EUR 0.50`."""
    whole = amount.value == int(amount.value)
    return f"{amount.currency} {amount.value:,.0f}" if whole else f"{amount.currency} {amount.value:,.2f}"


def _amount(found: re.Match[str]) -> Amount:
    sign = found["currency"].lower()
    currency = _SYMBOLS.get(sign) or _NAMES.get(sign) or sign.upper()
    scale = _SCALES[found["scale"].lower()] if found["scale"] else 1.0
    return Amount(round(float(found["number"].replace(",", "")) * scale, 2), currency)
