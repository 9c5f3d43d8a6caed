"""Two runs of a plan on a real Airflow, with people's reviews between: what the second knows that the first did not."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from planexe_dag_factory.report.status import read_status
from tests.airflow.following import Answer, Followed, agreeable, drop, start
from tests.conftest import RunningStack

pytestmark = pytest.mark.airflow

DOCUMENTS = [
    {"name": "herons.md", "text": "The bird society publishes the heron counts of the reed island every year."}
]
UNSURE = {"action": "find_evidence", "confidence_threshold": 1.0}
DAYS = {"estimate": {"days_min": 4, "days_likely": 6, "days_max": 9}}
PLAN: Mapping[str, Any] = {
    "id": "live-learning",
    "title": "Learning",
    "documents": DOCUMENTS,
    "steps": [
        {"id": "find", "title": "Find the heron counts of the reed island", "package": "a", **UNSURE, **DAYS},
        {"id": "fix", "title": "Find the publisher of the heron counts", "package": "b", **UNSURE, **DAYS},
        {"id": "drop", "title": "Find old heron counts of the reed island", "package": "c", **UNSURE, **DAYS},
        {"id": "compare", "title": "Compare the boats", "package": "d", "action": "compare_options", **DAYS},
    ],
}
REDO = "Name the year that the heron counts are for."
CORRECTED = "The publisher is the bird society, not the reed island."
REFUSED = "Old heron counts are of no use to us."
PRAISED = "The year of the heron counts is right now."


@pytest.fixture
def plan(stack: RunningStack) -> Iterator[Path]:
    dropped = drop(stack.plans_dir, PLAN)
    yield dropped
    dropped.unlink()


def critic(ticket: Mapping[str, Any]) -> Answer | None:
    """Answer as somebody who reads what agents bring."""
    if ticket["kind"] != "review":
        return agreeable(ticket)
    if ticket["work_item"] == "fix":
        corrected = json.dumps({**ticket["agent_says"]["result"], "gaps": []})
        return {"option": "Correct", "fields": {"comment": CORRECTED, "result": corrected}}
    if ticket["work_item"] == "drop":
        return {"option": "Refuse", "fields": {"comment": REFUSED}}
    option, comment = ("Redo", REDO) if ticket["n"] == 1 else ("Accept", PRAISED)
    return {"option": option, "fields": {"comment": comment}}


def lessons_of(run: Followed, step: str) -> list[str]:
    found: list[str] = run.record.read_json("steps", step, "001", "assignment.json")["context"].get("lessons", [])
    return found


def days_of(run: Followed, step: str) -> tuple[float, float]:
    """How long a step under way is planned to take, and is expected to by what is known, in days."""
    (found,) = (one for one in read_status(run.record, None, datetime.now(UTC)).steps if one.id == step)
    assert found.forecast
    return found.planned.end - found.planned.start, found.forecast.end - found.forecast.start


@pytest.mark.usefixtures("plan")
def test_the_second_run_is_told_what_people_said_of_the_first_and_expects_what_it_took(stack: RunningStack) -> None:
    first = start(stack.client, PLAN, stack.login("operator"))
    assert first.to_the_end(critic) == "failed"  # a step was refused
    assert not any(REDO in one for one in lessons_of(first, "find"))
    (took,) = (one.actual for one in read_status(first.record, None).steps if one.id == "find")
    assert took
    actual = (took.end - took.start).total_seconds() / 86400

    second = start(stack.client, PLAN, stack.login("operator"))
    try:
        for task in ("find.human", "fix.human", "drop.human", "compare.human"):
            second.wait_for_ticket(task)
        told = {step: " ".join(lessons_of(second, step)) for step in ("find", "fix", "drop")}
        for said in (REDO, PRAISED, REFUSED):
            assert said in told["find"]
        assert CORRECTED in told["fix"]
        assert "went past" not in " ".join(told.values())
        context = (stack.run_root / "lessons" / "plan_context.md").read_text()
        assert "went past analysis.compare\\_options" in context

        kinds = second.record.read_json("estimates.json")["kinds"]
        assert kinds["data_gathering.find_evidence"]["n"] >= 2
        assert kinds["human"]["n"] >= 1
        planned, expected = days_of(second, "find")
        assert planned == 6
        assert abs(expected - actual) < 1 < abs(planned - actual)
    finally:
        second.client.cancel(second.dag_id, second.run_id)
