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

DOCUMENTS = [{"name": "tides.md", "text": "The port authority publishes the tide tables of the harbour every year."}]
UNSURE = {"action": "find_evidence", "confidence_threshold": 1.0}
DAYS = {"estimate": {"days_min": 4, "days_likely": 6, "days_max": 9}}
PLAN: Mapping[str, Any] = {
    "id": "live-learning",
    "title": "Learning",
    "documents": DOCUMENTS,
    "steps": [
        {"id": "find", "title": "Find the tide tables of the harbour", "package": "a", **UNSURE, **DAYS},
        {"id": "fix", "title": "Find the publisher of the tide tables", "package": "b", **UNSURE, **DAYS},
        {"id": "drop", "title": "Find old tide tables of the harbour", "package": "c", **UNSURE, **DAYS},
        {"id": "compare", "title": "Compare the boats", "package": "d", "action": "compare_options", **DAYS},
    ],
}
REDO = "Name the year that the tide tables are for."
CORRECTED = "The publisher is the port authority, not the harbour."
REFUSED = "Old tide tables are of no use to us."
PRAISED = "The year of the tide tables is right now."


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


def expected_end(run: Followed) -> tuple[float, float]:
    """When a run under way is expected to end by the plan alone, and by what is known, in days."""
    forecast = read_status(run.record, None, datetime.now(UTC)).forecast
    assert forecast
    return forecast.planned_end, forecast.end


@pytest.mark.usefixtures("plan")
def test_the_second_run_is_told_what_people_said_of_the_first_and_expects_what_it_took(stack: RunningStack) -> None:
    first = start(stack.client, PLAN, stack.login("operator"))
    first.wait_for_ticket("find.human")
    before, ahead = expected_end(first)
    assert first.to_the_end(critic) == "failed"  # a step was refused
    assert not any(REDO in one for one in lessons_of(first, "find"))
    took = [read_status(first.record, None).steps[number].actual for number in range(4)]
    actual = max((span.end - span.start).total_seconds() / 86400 for span in took if span)

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
        planned, now_ahead = expected_end(second)
        assert planned == before == 6
        assert abs(now_ahead - actual) < abs(ahead - actual)
    finally:
        second.client.cancel(second.dag_id, second.run_id)
