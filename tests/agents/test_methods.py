"""What the agents compute, against closed forms and worked examples."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planexe_agents.agents.step import files
from planexe_agents.methods.amounts import Amount, amounts, totals
from planexe_agents.methods.choice import compare
from planexe_agents.methods.search import Index, find
from planexe_agents.methods.text import Passage, passages, stem, terms


def test_bm25_scores_are_those_of_the_formula() -> None:
    index = Index([Passage("1", "", ("tide", "tide")), Passage("2", "", ("tide", "wind", "sand", "salt"))])
    hits = {hit.passage.source: hit.score for hit in index.rank(["tide", "wind"])}
    tide, wind = math.log(1 + 0.5 / 2.5), math.log(1 + 1.5 / 1.5)
    long = 1.2 * (0.25 + 0.75 * 4 / 3)
    assert hits == {
        "1": pytest.approx(tide * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 2 / 3)), abs=1e-4),
        "2": pytest.approx((tide + wind) * 2.2 / (1 + long), abs=1e-4),
    }


TIDES = ("tides.md", "High tides flood the quay twice a month.\n\n- Sensors on the quay corrode in salt water.")
COSTS = ("costs.md", "A salt-proof sensor costs 400 EUR.")


def test_findings_cite_sources_and_name_gaps() -> None:
    found = find("Which sensors on the quay survive salt water and lightning?", [TIDES, COSTS])
    assert [(hit.passage.source, hit.passage.text) for hit in found.hits] == [
        ("tides.md", "Sensors on the quay corrode in salt water."),
    ]
    assert set(found.gaps) == {"survive", "lightning"}


def test_confidence_grows_with_coverage_and_with_sources_and_not_with_repetition() -> None:
    question = "salt water corrosion of sensors on the quay"
    one = find(question, [TIDES])
    copied = find(question, [TIDES, ("copy.md", TIDES[1])])
    two = find(question, [TIDES, ("lab.md", "Corrosion of quay sensors by salt water takes two years.")])
    assert 0 < one.confidence == copied.confidence < two.confidence < 1


def test_a_text_that_only_repeats_the_question_is_no_evidence() -> None:
    assert find("Survey the flooded quay", [("wbs.md", "Survey the flooded quay.")]).hits == ()


def test_passages_are_read_from_json_whole_nested_or_cut_off() -> None:
    whole = '{"a": "Pumps drain the dock.", "b": ["{\\"c\\": \\"Gates close at noon.\\"}"], "days": 3}'
    assert [p.text for p in passages("x", whole)] == ["Pumps drain the dock.", "Gates close at noon.", "days: 3"]
    assert [p.text for p in passages("x", whole[:30] + '"d": "Cut o')] == ["Pumps drain the dock."]


@settings(derandomize=True)
@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    for passage in passages("x", text):
        assert passage.terms == terms(passage.text)
    assert all(amount.low <= amount.high for amount in amounts(text))


@pytest.mark.parametrize("text", ["9" * 65536, "$" * 65536, "1 " * 32768, "\n " * 32768, '"\\' * 32768, "[" * 65536])
def test_a_hostile_text_costs_no_more_than_its_length(text: str) -> None:
    assert amounts(text) == ()
    assert isinstance(passages("x", text), tuple)


@pytest.mark.parametrize(
    ("word", "expected"),
    [("companies", "company"), ("permits", "permit"), ("wages", "wage"), ("status", "status"), ("less", "less")],
)
def test_plurals_lose_their_ending_as_in_harman(word: str, expected: str) -> None:
    assert stem(word) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("about $1.2 million", [Amount("USD", 1.2e6, 1.2e6, "$1.2 million")]),
        ("€50,000 - €150,000 each", [Amount("EUR", 50_000, 150_000, "€50,000 - €150,000")]),
        ("USD 3-5 million", [Amount("USD", 3e6, 5e6, "USD 3-5 million")]),
        ("US$5bn", [Amount("USD", 5e9, 5e9, "US$5bn")]),
        ("400k EUR and £20", [Amount("EUR", 4e5, 4e5, "400k EUR"), Amount("GBP", 20, 20, "£20")]),
        ("1 000 000 DKK", [Amount("DKK", 1e6, 1e6, "1 000 000 DKK")]),
        ("10 days, 5 %, in 2024", []),
    ],
)
def test_amounts_are_read(text: str, expected: list[Amount]) -> None:
    assert list(amounts(text)) == expected


def test_amounts_add_up_by_currency() -> None:
    assert totals(amounts("$5 to 10, $1 and €3")) == {"EUR": (3, 3), "USD": (6, 11)}


def test_options_are_ranked_by_weighted_scaled_scores() -> None:
    options = {"buoy": {"cost": 10.0, "range": 5.0}, "mast": {"cost": 30.0, "range": 9.0}, "drone": {"cost": 20.0}}
    ranking = compare(options, {"cost": 1.0, "range": 3.0}, ["cost"])
    assert ranking.values == (("mast", 0.75), ("buoy", 0.25), ("drone", 0.125))
    assert (ranking.stability, ranking.completeness) == (1.0, 5 / 6)


def test_a_close_race_is_not_stable() -> None:
    ranking = compare({"a": {"x": 1.0, "y": 0.0}, "b": {"x": 0.0, "y": 1.0}}, {"x": 1.01, "y": 1.0})
    assert (ranking.values[0][0], ranking.stability) == ("a", 0.5)


def test_configured_files_are_read_but_nothing_outside_their_folder(tmp_path: Path) -> None:
    folder = tmp_path / "sources"
    (folder / "law").mkdir(parents=True)
    (folder / "law/act.txt").write_text("Quays are public.")
    (folder / "photo.png").write_bytes(b"\x89")
    (folder / "huge.txt").write_text("x" * 300_000)
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    assert list(files(str(folder))) == [("sources/law/act.txt", "Quays are public.")]
    assert list(files(None)) == list(files(str(tmp_path / "missing"))) == []
