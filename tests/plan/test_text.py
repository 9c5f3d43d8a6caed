from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planexe_dag_factory.plan.text import clean, clean_line, hides_something, quote, shorten


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x00b\x07c\x7fd\x9be", "abcde"),
        ("pay \u202e001\u202c", "pay 001"),
        ("\u2066x\u2069\u200f\ufeff", "x"),
        ("hidden\U000e0041\U000e0042", "hidden"),
        ("half \ud800 pair", "half  pair"),
        ("e\u0301", "\u00e9"),
        ("e\u202e\u0301", "\u00e9"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("family: 👨\u200d👩\u200d👧", "family: 👨\u200d👩\u200d👧"),
    ],
)
def test_what_cannot_be_seen_is_taken_out(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_one_line_stays_one_line() -> None:
    assert clean_line(" a\n\n\tb\u2029c ") == "a b c"


def test_quotes_are_short_and_whole() -> None:
    assert quote("a\nb") == "'a b'"
    assert quote("\uaaf7\u200b\ue000") == r"'\uaaf7\u200b\ue000'", "what has no shape or no width is spelled out"
    assert quote("x" * 1_000_000) == "'" + "x" * 79 + "…'"
    assert shorten("abc", 3) == "abc"


@given(st.text(st.characters()))
@settings(derandomize=True)
def test_cleaning_again_changes_nothing(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert not hides_something(once)
    assert clean_line(clean_line(text)) == clean_line(text)
    assert unicodedata.is_normalized("NFC", clean_line(text))
    assert "\n" not in clean_line(text)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("pay\u200bment", "payment"),
        ("pay\u00adment", "payment"),
        ("a\u200db", "ab"),  # a joiner between Latin letters joins nothing
        ("1\u200c.", "1."),
        (
            "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
        ("\u3164x\u115f", "x"),
        ("a\U000e0041b", "ab"),
    ],
)
def test_what_is_not_seen_is_taken_out_and_joiners_stay_where_scripts_need_them(text: str, seen: str) -> None:
    assert clean_line(text) == seen
    assert hides_something(text) is (text != seen)
