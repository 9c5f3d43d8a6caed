"""What the four agents answer, how sure they are, and when they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from planexe_agents.agents import NAMES, cards, load
from planexe_agents.protocol import ActionCard, AgentCard

from tests.agents.asking import DOCUMENTS, ESTIMATES, KEY, RESULTS, RISKS, ask

QUAY = {
    "title": "Sensors on the quay",
    "description": "What permit do sensors on the quay need, and what do they cost?",
}


def _standard_inputs(action: ActionCard, title: str) -> dict[str, Any]:
    """Fill an action's inputs as the orchestrator does: by name, with what every plan has."""
    known = {
        "title": title,
        "description": "For the sensors on the quay",
        "resources": ["Electrician"],
        "milestone": "milestone-build",
        "risks": RISKS,
        "estimates": ESTIMATES,
        "progress": {"steps": 9, "done": 4, "refused": 0, "by_people": 1, "mean_confidence": 0.8},
    }
    return {name: known[name] for name in action.input_schema["properties"] if name in known}


ACTIONS = [(card, action) for card in cards() for action in card.actions]


def test_the_cards_are_those_of_the_four_agents() -> None:
    found = cards(KEY.public)
    assert [(card.id, card.type, card.public_key) for card in found] == [(name, name, KEY.public) for name in NAMES]
    names = [action.name for card in found for action in card.actions]
    assert len(set(names)) == len(names)
    with pytest.raises(ValueError, match="no agent is called 'cook'"):
        load("cook")


@pytest.mark.parametrize(("card", "action"), ACTIONS, ids=lambda value: getattr(value, "name", ""))
def test_schemas_are_json_schema_and_every_example_runs_on_standard_inputs(card: AgentCard, action: ActionCard) -> None:
    Draft202012Validator.check_schema(action.input_schema)
    Draft202012Validator.check_schema(action.output_schema)
    assert 6 <= len(action.examples) <= 12
    assert action.cannot
    for example in action.examples:
        outcome = ask(card.id, action.name, _standard_inputs(action, example))
        assert outcome.status != "failed", outcome.reason
        if outcome.status == "completed":
            Draft202012Validator(action.output_schema).validate(outcome.result)
            assert outcome.confidence_why


@pytest.mark.parametrize(("card", "action"), ACTIONS, ids=lambda value: getattr(value, "name", ""))
def test_without_data_every_agent_refuses_or_doubts(card: AgentCard, action: ActionCard) -> None:
    inputs = {
        name: value for name, value in _standard_inputs(action, "Anything").items() if value not in (RISKS, ESTIMATES)
    }
    outcome = ask(card.id, action.name, inputs, {})
    if outcome.status == "completed":
        assert outcome.confidence < 0.5
    else:
        assert outcome.status == "rejected"
        assert (outcome.reason or "").startswith("missing data: ")


@pytest.mark.parametrize(("card", "action"), ACTIONS, ids=lambda value: getattr(value, "name", ""))
def test_the_same_assignment_gives_the_same_outcome_but_for_its_times(card: AgentCard, action: ActionCard) -> None:
    inputs = _standard_inputs(action, action.examples[0])
    times = {"started_at", "ended_at", "signature"}
    first, second = (ask(card.id, action.name, inputs).model_dump(exclude=times) for _ in range(2))
    assert first == second


def test_evidence_is_found_cited_and_its_gaps_named() -> None:
    outcome = ask("data_gathering", "find_evidence", QUAY)
    sensor = "Sensors on the quay must comply with IEC 60529 and need a permit from the port authority."
    permit = "The port authority grants a permit for quay sensors within 30 days."
    assert {(row["source"], row["quote"]) for row in outcome.result["findings"]} >= {
        ("assumptions.md", sensor),
        ("survey.md", permit),
    }
    assert [one.quote for one in outcome.evidence] == [row["quote"] for row in outcome.result["findings"]]
    assert outcome.result["gaps"] == []


def test_confidence_in_evidence_moves_with_the_evidence() -> None:
    none = ask(
        "data_gathering", "find_evidence", QUAY, {"documents": [{"name": "x", "text": "Bread rises overnight."}]}
    )
    one = ask("data_gathering", "find_evidence", QUAY, {"documents": DOCUMENTS[1:]})
    two = ask("data_gathering", "find_evidence", QUAY)
    assert none.status == "rejected"
    assert 0 < one.confidence < two.confidence < 1


def test_a_reviewers_instructions_widen_the_question() -> None:
    inputs = {"title": "Sensors on the quay"}
    before = ask("data_gathering", "find_evidence", inputs)
    after = ask("data_gathering", "find_evidence", inputs, instructions="Look for power, volts and lightning")
    assert before.result["gaps"] == []
    assert "lightning" in after.result["gaps"]


def test_requirements_are_listed_with_their_kind_and_references_with_their_source() -> None:
    rows = ask("data_gathering", "list_requirements", QUAY).result["requirements"]
    assert {(row["kind"], row["source"]) for row in rows} >= {("legal", "assumptions.md"), ("legal", "survey.md")}
    references = ask("data_gathering", "collect_sources", QUAY).result["references"]
    assert references == [{"text": "IEC 60529", "source": "assumptions.md"}]


def test_figures_come_with_their_sentence() -> None:
    figures = ask("data_gathering", "collect_figures", QUAY).result["figures"]
    assert [row["figure"] for row in figures if row["source"] == "survey.md"] == ["30 days"]


def test_the_schedule_is_that_of_pert_and_its_confidence_falls_without_an_order() -> None:
    outcome = ask("analysis", "estimate_schedule", QUAY)
    assert (outcome.result["mean_days"], outcome.result["critical_path"]) == (8, ["buy", "mount"])
    assert outcome.result["deviation_days"] == pytest.approx((4 + 1 / 9) ** 0.5, abs=1e-3)
    loose = [{**row, "depends_on": []} for row in ESTIMATES]
    unordered = ask("analysis", "estimate_schedule", QUAY, {"estimates": loose})
    assert unordered.result["order"] == "assumed: one after the other"
    assert unordered.result["mean_days"] == 9
    assert unordered.confidence < outcome.confidence


def test_an_estimate_that_includes_others_is_not_counted_twice() -> None:
    whole = {"id": "all", "title": "All", "days_min": 50, "days_likely": 60, "days_max": 70}
    parts = [{**row, "parent": "all"} for row in ESTIMATES]
    assert ask("analysis", "estimate_schedule", QUAY, {"estimates": [whole, *parts]}).result["mean_days"] == 8


def test_estimates_that_wait_for_each_other_are_rejected_by_name() -> None:
    cyclic = [{**row, "depends_on": ["mount"]} for row in ESTIMATES]
    outcome = ask("analysis", "estimate_schedule", QUAY, {"estimates": cyclic})
    assert (outcome.status, outcome.reason) == (
        "rejected",
        "the plan's estimates cannot be scheduled: these wait for each other: mount -> mount",
    )


def test_costs_are_added_up_by_currency() -> None:
    result = ask("analysis", "estimate_costs", QUAY).result
    assert result["totals"] == [{"currency": "EUR", "largest": 1500.0, "sum_low": 1400.0, "sum_high": 1900.0}]


def test_options_are_compared_where_they_have_scores() -> None:
    options = [
        {"name": "buoy", "scores": {"cost": 10, "range": 5}},
        {"name": "mast", "scores": {"cost": 30, "range": 9}},
    ]
    given = {**QUAY, "options": options, "weights": {"range": 3}, "lower_is_better": ["cost"]}
    outcome = ask("analysis", "compare_options", given)
    assert outcome.result == {
        "ranking": [{"name": "mast", "value": 0.75}, {"name": "buoy", "value": 0.25}],
        "weights": {"cost": 1.0, "range": 3.0},
        "stability": 1.0,
        "missing_scores": [],
    }
    assert outcome.confidence == 1.0
    missing = [options[0], {"name": "mast", "scores": {"cost": 30}}]
    assert ask("analysis", "compare_options", {**given, "options": missing}).confidence < 1.0


def test_risks_that_touch_the_question_come_first_then_the_highest() -> None:
    rows = ask("analysis", "score_risks", QUAY).result
    assert [(row["area"], row["score"], row["touches"]) for row in rows["risks"]] == [
        ("Supply", 6, True),
        ("Legal", 3, False),
    ]
    assert rows["unmitigated"] == ["The permit is refused"]


def test_a_document_is_drafted_from_evidence_and_says_what_is_missing() -> None:
    inputs = {"title": "Draft the sensor policy", "description": "Rules for sensors on the quay.", "resources": []}
    outcome = ask("reporting", "draft_document", inputs)
    assert outcome.result["kind"] == "policy"
    assert outcome.result["missing"] == ["Responsibilities"]
    assert outcome.result["sections"][0] == {
        "heading": "Purpose",
        "lines": ["Draft the sensor policy, for Harbour air watch (build / Mount)."],
    }
    fuller = ask("reporting", "draft_document", {**inputs, "resources": ["Electrician"]})
    assert fuller.result["missing"] == []
    assert outcome.confidence < fuller.confidence


def test_what_a_plan_says_cannot_become_markup_of_the_document() -> None:
    hostile = "<script>x</script>\n# Approved\n[pay](http://evil) `rm` **sensors** on the quay {{ 7*7 }}"
    text = ask("reporting", "draft_document", {"title": hostile, "description": hostile}).result["markdown"]
    assert "<script" not in text.replace(r"\<script", "")
    assert [line for line in text.splitlines() if line.startswith("# ")] == [
        r"# \<script\>x\</script\> \# Approved \[pay\](http://evil) \`rm\` \*\*sensors\*\* on the quay {{ 7\*7 }}"
    ]


def test_progress_is_summarised_with_its_doubts() -> None:
    results = [*RESULTS, {"step": "pay", "status": "refused"}, {"step": "guess", "confidence": 0.2, "result": {"x": 1}}]
    outcome = ask("reporting", "summarise_progress", QUAY, {"results": results})
    assert outcome.result["counts"] == {"done": 2, "refused": 1}
    assert outcome.result["doubts"] == ["pay", "guess"]
    assert outcome.confidence == pytest.approx((1 - 0.5**3) / 3, abs=1e-3)


def test_configured_sources_take_part_in_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "norms.txt").write_text("Lightning rods protect sensors on the quay.")
    monkeypatch.setenv("PLANEXE_AGENT_SOURCES", str(tmp_path))
    outcome = ask("data_gathering", "find_evidence", {"title": "Lightning rods for sensors on the quay"}, {})
    assert [one.source for one in outcome.evidence] == ["sources/norms.txt"]
