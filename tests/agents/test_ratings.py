"""How plans rate their risks: words of several languages, numbers with a scale, percentages; and what is not read."""

from __future__ import annotations

import pytest
from planexe_agents.methods.ratings import read_level


@pytest.mark.parametrize(
    ("rating", "level"),
    [
        ("low", "low"),
        ("Very low", "low"),
        ("MEDIUM", "medium"),
        ("Moderate.", "medium"),
        ("High (4/5)", "high"),
        ("Medium to High", "high"),
        ("medium-high", "high"),
        ("Very high", "high"),
        ("critical", "high"),
        ("Catastrophic / severe", "high"),
        ("very likely", "high"),
        ("Almost certain", "high"),
        ("Possible", "medium"),
        ("highly unlikely", "low"),
        ("minor", "low"),
        ("4/5", "high"),
        ("3 out of 5", "medium"),
        ("2 of 5", "low"),
        ("8/10", "high"),
        ("hoch", "high"),
        ("gering", "low"),
        ("sehr unwahrscheinlich", "low"),
        ("Élevée", "high"),
        ("modéré", "medium"),
        ("Crítico", "high"),
        ("baja", "low"),
        ("średnie", "medium"),
        ("høj", "high"),
        ("hög", "high"),
        ("Высокий", "high"),
        ("средняя", "medium"),
        ("中等", "medium"),
        ("高", "high"),
    ],
)
def test_a_rating_is_read(rating: str, level: str) -> None:
    assert read_level(rating) == read_level(rating, chance=True) == level


@pytest.mark.parametrize(
    ("rating", "level"),
    [
        ("10%", "low"),
        ("30 %", "medium"),
        ("70 percent", "high"),
        ("10-60%", "high"),
        ("0.5", "high"),
        (".25", "medium"),
        ("Low (5 %)", "low"),
        ("12,5 %", "low"),
    ],
)
def test_how_likely_may_be_a_share_and_how_severe_may_not(rating: str, level: str) -> None:
    assert read_level(rating, chance=True) == level
    assert read_level(rating) == ("low" if "Low" in rating else None)


@pytest.mark.parametrize(
    "rating",
    [
        "",
        "?",
        "4",
        "TBD",
        "unknown",
        "not high",
        "not likely",
        "less likely",
        "nicht hoch",
        "不高",
        "n/a",
        "9/5",
        "150%",
        "5/0",
    ],
)
def test_what_cannot_be_read_is_not_guessed_at(rating: str) -> None:
    assert read_level(rating, chance=True) is None
