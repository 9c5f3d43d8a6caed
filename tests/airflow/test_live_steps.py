"""Steps of every kind on a real Airflow with the real agents: done, doubted, rejected, refused, held."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from planexe_agents.signing import verify_document

from planexe_dag_factory.record.events import read_events
from tests.airflow.following import Answer, Followed, agreeable, drop, start, wait_for
from tests.conftest import RunningStack

pytestmark = pytest.mark.airflow

DOCUMENTS = [
    {"name": "tides.md", "text": "The tide tables of the harbour are published by the port authority every year."}
]
SURE = {"action": "find_evidence", "confidence_threshold": 0.0}
UNSURE = {"action": "find_evidence", "confidence_threshold": 1.0}
CANNOT = {"action": "compare_options", "confidence_threshold": 0.0}  # it rejects: there are no options


@pytest.fixture
def drop_plan(stack: RunningStack) -> Iterator[Any]:
    dropped = []

    def run(plan_id: str, *steps: dict[str, Any]) -> Followed:
        plan = {"id": plan_id, "title": plan_id, "documents": DOCUMENTS, "steps": list(steps)}
        dropped.append(drop(stack.plans_dir, plan))
        return start(stack.client, plan, stack.login("operator"))

    yield run
    for path in dropped:
        path.unlink()


def actions(run: Followed, about: str) -> list[str]:
    return [event["action"] for event in read_events(run.record, about)]


def test_agents_and_people_carry_a_plan_out(drop_plan: Any) -> None:
    run = drop_plan(
        "live-mixed",
        {"id": "find", "title": "Find the tide tables of the harbour", **SURE},
        {"id": "doubt", "title": "Find the tide tables of the moon", **UNSURE},
        {"id": "compare", "title": "Compare the boats", **CANNOT},
        {"id": "sign", "title": "Sign the lease for EUR 1,000", "human_required": True, "impact": "budget"},
    )
    assert run.to_the_end(agreeable) == "success"
    assert set(run.states().values()) == {"done"}
    assert [(ticket["work_item"], ticket["kind"]) for ticket in run.seen] == [
        ("doubt", "review"),
        ("compare", "work"),
        ("sign", "approval"),
        ("sign", "work"),
    ]
    states = run.task_states()
    assert [states[f"find.{task}"] for task in ("work", "check", "human", "done")] == [
        "success",
        "skipped",
        "skipped",
        "success",
    ]
    assert [states[f"doubt.{task}"] for task in ("work", "check", "human", "done")] == ["success"] * 4
    record = run.record
    assert actions(run, "find") == ["assignment-sent", "outcome-received", "outcome-judged", "step-done"]
    assert record.read_json("steps", "find", "result.json")["by"]["id"] == "data_gathering"
    compare = next(ticket for ticket in run.seen if ticket["work_item"] == "compare")
    assert compare["why"] == "No agent did this step: analysis rejected it"
    assert "missing data" in compare["agent_says"]["reason"]
    assert record.read_json("steps", "doubt", "result.json")["accepted_by"]["id"] == "admin"
    assert record.exists("final", "report.html")
    for event in read_events(record):
        assert verify_document(event, record.read_json("run.json")["orchestrator_key"])


def test_a_rejected_gate_stops_what_depends_on_it_and_nothing_else(drop_plan: Any) -> None:
    run = drop_plan(
        "live-rejected",
        {"id": "buy", "title": "Buy the boat", "package": "one", "human_required": True, "impact": "budget"},
        {"id": "sail", "title": "Sail the boat", "package": "one", "human_required": True},
        {"id": "walk", "title": "Walk along the quay", "package": "two", "human_required": True},
    )

    def person(ticket: Mapping[str, Any]) -> Answer:
        refused = {"option": "Reject", "fields": {"comment": "too dear"}}
        return refused if ticket["kind"] == "approval" else agreeable(ticket)

    assert run.to_the_end(person) == "failed"
    assert run.states() == {"buy": "refused", "sail": "skipped", "walk": "done"}
    ended = read_events(run.record, "run")[-5:]
    written = ["report-written", "report-written"]
    assert [event["action"] for event in ended] == ["run-ended", "snapshot", *written, "run-sealed"]
    assert run.record.exists("final", "report.pdf")
    assert "admin refused 'Buy the boat': too dear" in ended[0]["details"]["problems"]


def test_an_answer_on_airflows_own_page_counts_and_one_that_is_not_enough_opens_the_ticket_again(
    drop_plan: Any,
) -> None:
    run = drop_plan("live-own-page", {"id": "look", "title": "Look", "human_required": True})
    run.wait_for_ticket("look.human")
    time.sleep(4)  # a person is not faster, and Airflow loses an answer that comes before the task has parked
    path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/look.human/-1/hitlDetails"
    said = run.client.request("PATCH", path, json={"chosen_options": ["Done"], "params_input": {"comment": ""}})
    assert said.status_code == 200
    again = wait_for("the ticket to open again", lambda: _second(run.wait_for_ticket("look.human")))
    assert again["previous"] == "The last answer was not enough: comment: needed to answer 'Done'"
    assert run.to_the_end(agreeable) == "success"
    answers = [run.record.read_json("steps", "look", "tickets", n, "answer.json") for n in ("001", "002")]
    assert [(answer["accepted"], answer["via"]) for answer in answers] == [(False, "Airflow"), (True, "planexe")]


def test_a_redo_brings_the_agent_the_words_and_the_reviewer_the_new_outcome(drop_plan: Any) -> None:
    run = drop_plan("live-redo", {"id": "find", "title": "Find the tables", **UNSURE})

    def person(ticket: Mapping[str, Any]) -> Answer:
        redo = {"option": "Redo", "fields": {"comment": "the port authority publishes them"}}
        return redo if ticket["n"] == 1 else agreeable(ticket)

    assert run.to_the_end(person) == "success"
    assert [ticket["n"] for ticket in run.seen] == [1, 2]
    second = run.record.read_json("steps", "find", "011", "assignment.json")
    assert second["instructions"] == "the port authority publishes them"


def test_marking_a_gate_a_success_by_hand_opens_nothing(drop_plan: Any) -> None:
    run = drop_plan("live-bypass", {"id": "publish", "title": "Publish", "impact": "irreversible", **SURE})
    run.wait_for_ticket("publish.gate")
    path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/publish.gate"
    assert run.client.request("PATCH", path, json={"new_state": "success"}).status_code == 200
    wait_for("the work to refuse", lambda: "gate-held" in actions(run, "publish"))
    assert run.to_the_end(agreeable) == "failed"
    assert "assignment-sent" not in actions(run, "publish")
    told = run.client.ticket(run.dag_id, run.run_id, "publish.gate")
    assert (told["state"], told["may_answer"]) == ("closed", False)
    said = [(one["who"], one["what"]) for one in told["history"]]
    assert ("admin", "marked publish.gate as success by hand, in Airflow") in said
    assert ("planexe-dag-factory", "held the step back, as its approval does not hold") in said


def _second(ticket: dict[str, Any]) -> dict[str, Any] | None:
    return ticket if ticket["n"] == 2 and ticket["state"] == "open" else None


def test_a_flagged_risk_holds_its_milestone_until_a_senior_person_lets_it_go(stack: RunningStack) -> None:
    deadly = {"area": "Safety", "description": "Loss of life in the dock", "likelihood": "high", "severity": "high"}
    plan = {
        "id": "live-existential",
        "title": "live-existential",
        "phases": [{"id": "dig", "title": "Dig", "critical": True}, {"id": "fill", "title": "Fill"}],
        "packages": [
            {"id": name, "title": name, "phase": phase, "estimate": {"days_min": 1, "days_likely": 2, "days_max": 4}}
            for name, phase in (("dock", "dig"), ("pond", "fill"))
        ],
        "steps": [
            {"id": "dig-dock", "title": "Dig the dock", "phase": "dig", "package": "dock", "human_required": True},
            {"id": "fill-pond", "title": "Fill the pond", "phase": "fill", "package": "pond", "human_required": True},
        ],
        "risks": [{**deadly, "action": "Helmets."}],
    }
    path = drop(stack.plans_dir, plan)
    operator = stack.login("operator")
    run = start(stack.client, plan, operator)

    def junior(ticket: Mapping[str, Any]) -> Answer | None:
        return agreeable(ticket) if ticket["work_item"] == "dig-dock" else None

    def held() -> dict[str, Any] | None:
        for row in run.client.tickets(run.dag_id, run.run_id):
            ticket = run.client.ticket(run.dag_id, run.run_id, row["task_id"])
            if ticket["kind"] == "senior_review":
                return ticket
            answer = junior(ticket)
            if answer and ticket["state"] == "open":
                operator.answer(run.dag_id, run.run_id, row["task_id"], answer)
        return None

    ticket = wait_for("the senior review", held)
    assert ticket["why"] == "The agent risk_assessment flags an existential risk"
    said = ticket["agent_says"]["result"]
    assert "a severe risk, more than unlikely, may harm people (1, limit 0)" in said["existential_why"]
    assert said["so_far"]["ended"] == 1
    states = run.states()
    assert (states["dig-dock"], states["fill-pond"]) == ("done", "pending")
    assert not run.record.exists("milestones", "milestone-dig", "manifest.json")
    mine = operator.answer(run.dag_id, run.run_id, ticket["task_id"], agreeable(ticket))
    starter = "Whoever started the run cannot let it go on past a flagged risk: somebody else must."
    assert (mine.status_code, mine.json()["detail"]) == (403, starter)
    assert run.to_the_end(agreeable) == "success"
    assert run.record.exists("milestones", "milestone-dig", "report", "report.html")
    path.unlink()
