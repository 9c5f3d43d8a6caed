import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.client import AgentDistrusted, AgentUnavailable

from planexe_dag_factory.delegation.answers import (
    Answer,
    AnswerRefusedError,
    Effect,
    last_ticket,
    open_ticket,
    take_answer,
)
from planexe_dag_factory.delegation.asking import Kind
from planexe_dag_factory.delegation.decision import decide
from planexe_dag_factory.delegation.delegate import delegate
from planexe_dag_factory.delegation.tickets import Place, build_ticket, check_answer
from planexe_dag_factory.record.events import Actor, read_events
from planexe_dag_factory.routing.model import Gate
from tests.delegation.scenes import GATE, ITEM, ROUTE, Scene, make_scene

ANNA = Actor("person", "anna", "Anna", "planexe page")
PLACE = Place("harbour", "run-1", "survey.human")
NOT_A_NUMBER = ("amount: '1000' is not of type 'number'", "amount: type 1000.00 or 1,000.00 to confirm it")
NOT_AN_OBJECT = ('result: a JSON object is needed, such as {"summary": "..."}',)
GATED = replace(ITEM, route=replace(ROUTE, gate=GATE))


def ticket(folder: Path, kind: Kind) -> tuple[Scene, dict[str, Any]]:
    scene = make_scene(folder, [{"confidence": 0.1, "confidence_why": "one source"}], GATED)
    if kind in ("review", "senior_review"):
        ungated = make_scene(folder, [{"confidence": 0.1, "confidence_why": "one source"}])
        asyncio.run(delegate(ungated.step, ungated.agents.ask, ungated.agents.wait, last_try=True))
        decide(ungated.again())
        scene = ungated
    step = scene.again()
    made = build_ticket(step, kind, PLACE, "why")
    open_ticket(step, made)
    return scene, made


@pytest.mark.parametrize(
    ("kind", "option", "fields", "problems"),
    [
        ("work", "Done", {"comment": "did it"}, ()),
        ("work", "Done", {}, ("comment: needed to answer 'Done'",)),
        ("work", "Done", {"comment": ""}, ("comment: needed to answer 'Done'",)),
        ("work", "Done", {"comment": "x", "result": "{}"}, ()),
        ("work", "Done", {"comment": "x", "result": "[1]"}, NOT_AN_OBJECT),
        ("work", "Refuse", {}, ("comment: needed to answer 'Refuse'",)),
        ("work", "Approve", {}, ("option: 'Approve' is not an answer to this ticket; choose one of Done, Refuse",)),
        ("review", "Accept", {}, ()),
        ("review", "Correct", {}, ("result: needed to answer 'Correct'",)),
        ("review", "Correct", {"result": '{"answer": 7}'}, ()),
        ("review", "Correct", {"result": '{"answer": "7"}'}, ("result.answer: '7' is not of type 'integer'",)),
        ("review", "Correct", {"result": "{}"}, ("result: 'answer' is a required property",)),
        ("review", "Redo", {}, ("comment: needed to answer 'Redo'",)),
        ("review", "Refuse", {"comment": "wrong"}, ()),
        ("review", "Accept", {"salary": 3}, ("Additional properties are not allowed ('salary' was unexpected)",)),
        ("approval", "Approve", {}, ("amount: needed to answer 'Approve'",)),
        ("approval", "Approve", {"amount": 1000}, ()),
        ("approval", "Approve", {"amount": 999}, ("amount: type 1000.00 or 1,000.00 to confirm it",)),
        ("approval", "Approve", {"amount": "1000"}, NOT_A_NUMBER),
        ("approval", "Reject", {}, ("comment: needed to answer 'Reject'",)),
        ("approval", "Reject", {"comment": "no", "amount": 1}, ()),
        ("senior_review", "Proceed", {"comment": "seen"}, ()),
        ("senior_review", "Stop", {}, ("comment: needed to answer 'Stop'",)),
    ],
)  # fmt: skip
def test_an_answer_is_checked(
    tmp_path: Path, kind: Kind, option: str, fields: dict[str, Any], problems: tuple[str, ...]
) -> None:
    _, made = ticket(tmp_path, kind)
    assert check_answer(made, option, fields) == problems


def test_a_broken_json_result_says_where(tmp_path: Path) -> None:
    _, made = ticket(tmp_path, "work")
    (problem,) = check_answer(made, "Done", {"comment": "x", "result": "{"})
    assert problem.startswith("result: this is not JSON: ")
    (problem,) = check_answer(made, "Done", {"comment": "x", "result": "[" * 100_000})
    assert problem.startswith("result: ")


def test_a_ticket_sets_facts_plan_and_agent_apart(tmp_path: Path) -> None:
    _, made = ticket(tmp_path, "review")
    assert made["agent_says"]["confidence_why"] == "one source"
    assert made["plan_says"]["description"] == "Read the tide table"
    assert made["facts"][0] == {"label": "Plan", "value": "Harbour"}
    assert made["unblocks"] == ["Publish them"]
    assert json.loads(json.dumps(made)) == made


def asked(folder: Path, kind: Kind, **changes: Any) -> str:
    """What a ticket asks about the step, changed so."""
    ask: str = build_ticket(make_scene(folder, item=replace(GATED, **changes)).step, kind, PLACE, "why")["ask"]
    return ask


def test_each_ticket_says_what_this_step_asks(tmp_path: Path) -> None:
    waits = "“Publish them” waits for it."
    filed = replace(ROUTE, gate=Gate("regulatory", "files a permit", "Owner", approvals_needed=2))
    final = replace(ROUTE, gate=Gate("irreversible", "demolishes", "Owner"))
    of_the_law = "May “Survey the tides” start? It deals with an authority, or binds you in law."
    said = {
        asked(tmp_path / "1", "work"): f"Please do “Survey the tides”, and say how it went. {waits}",
        asked(tmp_path / "2", "approval"): f"May “Survey the tides” start? It commits EUR 1,000. {waits}",
        asked(tmp_path / "3", "approval", route=filed): f"{of_the_law} 2 different people must approve. {waits}",
        asked(tmp_path / "4", "approval", route=final): f"May “Survey the tides” start? It cannot be undone. {waits}",
        asked(tmp_path / "5", "senior_review"): f"May the plan go on past “Survey the tides”? {waits}",
    }
    assert list(said) == list(said.values())
    _, reviewed = ticket(tmp_path / "6", "review")
    assert reviewed["ask"] == f"Is what first brought for “Survey the tides” good enough? {waits}"


def test_a_title_cannot_go_on_in_our_words(tmp_path: Path) -> None:
    title = "tides”, which the board has approved. “\u202e\nPress Approve " + "x" * 200
    ask = asked(tmp_path, "work", title=title)
    assert ask.startswith("Please do “tides', which the board has approved. ' Press Approve xxx")
    assert (ask.count("“"), ask.count("”")) == (2, 2)
    assert len(ask) < 200


def test_an_approval_names_its_amount_and_what_it_is_bound_to(tmp_path: Path) -> None:
    scene, made = ticket(tmp_path, "approval")
    facts = {fact["label"]: fact["value"] for fact in made["facts"]}
    assert facts["Amount"] == "EUR 1,000"
    assert (facts["Who may approve"], facts["Why this role"]) == ("Treasurer", "the policy names it")
    assert facts["Approval is bound to"] == scene.step.payload_digest
    assert made["assignee"] == "Treasurer"
    assert made["agent_says"] is None


def test_a_ticket_shows_every_reason_as_the_agents_own_words(tmp_path: Path) -> None:
    no: dict[str, Any] = {"status": "rejected", "result": {}}
    made = after(tmp_path, {**no, "reason": "no tide table"}, {**no, "reason": "no boat"})
    assert made["agent_says"]["agent"] == "second"
    assert made["agent_says"]["reason"] == "no boat\nAsked before, first (rejected): no tide table"
    assert [one["reason"] for one in made["tried"]] == ["no tide table", "no boat"]


def test_what_the_orchestrator_found_is_never_put_into_an_agents_mouth(tmp_path: Path) -> None:
    made = after(tmp_path, AgentUnavailable("refused"), AgentDistrusted("not signed by it"))
    assert made["agent_says"] is None
    assert [one["status"] for one in made["tried"]] == ["unavailable", "untrusted"]
    assert made["why"].endswith(
        "first could not be reached; second sent an outcome that is not trusted (not signed by it)"
    )


def after(folder: Path, *script: Any) -> dict[str, Any]:
    """The ticket that opens when no agent did the step."""
    scene = make_scene(folder, [*script])
    asyncio.run(delegate(scene.step, scene.agents.ask, scene.agents.wait, last_try=True))
    return build_ticket(scene.again(), "work", PLACE, decide(scene.again()).why)


def test_an_answer_that_is_not_enough_is_recorded_and_the_ticket_can_open_again(tmp_path: Path) -> None:
    scene, made = ticket(tmp_path, "work")
    with pytest.raises(AnswerRefusedError, match="comment: needed"):
        take_answer(scene.step, made, Answer("Done", {}, ANNA))
    answer = scene.step.read_json("tickets", "001", "answer.json")
    assert (answer["accepted"], answer["problems"]) == (False, ["comment: needed to answer 'Done'"])
    assert scene.step.find_json("result.json") is None
    again = build_ticket(scene.step, "work", PLACE, "why", "not enough")
    open_ticket(scene.step, again)
    assert (again["n"], again["previous"]) == (2, "not enough")
    assert last_ticket(scene.step)["n"] == 2


@pytest.mark.parametrize(
    ("kind", "option", "fields", "goes_on", "result"),
    [
        ("work", "Done", {"comment": "did it"}, True, {"status": "done", "note": "did it", "result": {}}),
        ("work", "Done", {"comment": "x", "result": '{"n": 1}'}, True, {"status": "done", "result": {"n": 1}}),
        ("work", "Refuse", {"comment": "cannot"}, False, {"status": "refused", "reason": "cannot"}),
        ("review", "Accept", {}, True, {"status": "done", "agent": "first", "result": {"answer": 42}}),
        ("review", "Correct", {"result": '{"answer": 7}'}, True, {"status": "done", "result": {"answer": 7}}),
        ("review", "Refuse", {"comment": "wrong"}, False, {"status": "refused", "reason": "wrong"}),
        ("senior_review", "Proceed", {"comment": "seen"}, True, {"status": "done", "note": "seen"}),
        ("senior_review", "Stop", {"comment": "harm"}, False, {"status": "refused", "reason": "harm"}),
        ("approval", "Reject", {"comment": "too dear"}, False, {"status": "refused", "reason": "too dear"}),
    ],
)
def test_an_answer_takes_effect(
    tmp_path: Path,
    kind: Kind,
    option: str,
    fields: dict[str, Any],
    goes_on: bool,
    result: dict[str, Any],
) -> None:
    scene, made = ticket(tmp_path, kind)
    assert take_answer(scene.step, made, Answer(option, fields, ANNA)) == Effect(goes_on)
    ended = scene.step.read_json("result.json")
    assert {name: ended[name] for name in result} == result
    assert (ended["accepted_by"] or ended["by"])["id"] == "anna"
    said = [event for event in read_events(scene.step.execution.run) if event["action"] == "ticket-answered"]
    assert said[0]["actor"] == {"kind": "person", "id": "anna", "name": "Anna", "via": "planexe page"}


def test_an_approval_opens_the_gate_and_ends_nothing(tmp_path: Path) -> None:
    scene, made = ticket(tmp_path, "approval")
    assert take_answer(scene.step, made, Answer("Approve", {"amount": 1000}, ANNA))
    assert scene.step.read_json("approval.json")["decision"] == "approved"
    assert scene.step.find_json("result.json") is None


def test_hostile_text_stays_data(tmp_path: Path) -> None:
    hostile = "{{ var.value.secret }} <script>alert(1)</script> [x](javascript:alert(1))"
    scene = make_scene(tmp_path, item=replace(ITEM, title=hostile, description=hostile))
    made = build_ticket(scene.step, "work", PLACE, hostile)
    assert made["title"] == made["plan_says"]["description"] == made["why"] == hostile
