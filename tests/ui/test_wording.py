"""Every event is told in words: none that docs/record.md lists is shown by the name of its action."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from planexe_dag_factory.ui.wording import what_happened, what_was_said

RECORD = Path(__file__).parents[2] / "docs" / "record.md"
DEEDS = "asked question-withdrawn claimed released reassigned delegated commented attached voted"
TICKETS = f"{DEEDS} reminded escalated answered"


def actions() -> list[str]:
    """Every action that the table of the record's description names."""
    table = re.search(r"\| what happens \| action \|\n(.*?)\n\n", RECORD.read_text(), re.DOTALL)
    assert table
    named = re.findall(r"`([a-z]+(?:-[a-z]+)*)`", "".join(line.split("|")[2] for line in table[1].splitlines()))
    return sorted({*named, *(f"ticket-{deed}" for deed in TICKETS.split())})


@pytest.mark.parametrize("action", actions())
def test_each_event_is_told_in_a_sentence(action: str) -> None:
    said = what_happened({"action": action, "details": {}})
    assert said != action.replace("-", " ")
    assert said[0].islower()


def test_a_sentence_says_what_matters_and_quotes_apart_what_was_written() -> None:
    failed = {"candidate": {"agent": "clerk", "action": "file", "status": "unavailable", "reason": "refused"}}
    assert what_happened({"action": "candidate-failed", "details": failed}) == (
        "had no outcome from clerk, which could not be reached"
    )
    judged = {"decision": "review", "why": "a confidence of 0.41"}
    event = {"action": "outcome-judged", "details": judged}
    assert (what_happened(event), what_was_said(event)) == (
        "asked for a person to look at the outcome",
        "a confidence of 0.41",
    )
    assert what_happened({"action": "ticket-escalated", "details": {"to": {"kind": "group", "name": "board"}}}) == (
        "escalated the ticket to the group board"
    )


def test_a_time_is_told_as_people_say_it() -> None:
    lent = {"to": {"kind": "user", "name": "bert"}, "until": "2026-03-09T09:00:00+00:00"}
    said = what_happened({"action": "ticket-delegated", "details": lent})
    assert said == "asked bert as well, until 9 Mar 2026, 09:00 UTC"
    away = {"user": "anna", "until": "2026-12-27T00:00:00+00:00"}
    assert "away until 27 Dec 2026, 00:00 UTC" in what_happened(
        {"action": "ticket-voted", "details": {"instead_of": away}}
    )


def test_an_event_of_a_newer_version_is_told_by_its_name() -> None:
    assert what_happened({"action": "moon-risen", "details": {}}) == "moon risen"
