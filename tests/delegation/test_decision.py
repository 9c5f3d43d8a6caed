import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.protocol import Outcome
from planexe_agents.signing import SigningKey

from planexe_dag_factory.delegation.decision import accept_at_once, decide
from planexe_dag_factory.delegation.delegate import delegate
from planexe_dag_factory.delegation.lifecycle import begin_run, end_run, refusals
from planexe_dag_factory.delegation.results import Result, write_result
from planexe_dag_factory.record.events import Actor, read_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.routing.model import Agent, Registry
from tests.delegation.scenes import Scene, make_scene


def delegated(folder: Path, *script: dict[str, Any]) -> Scene:
    scene = make_scene(folder, list(script))
    asyncio.run(delegate(scene.again(), scene.agents.ask, scene.agents.wait, last_try=True))
    return scene


def test_a_confident_outcome_ends_the_step(tmp_path: Path) -> None:
    scene = delegated(tmp_path, {"confidence": 0.7})
    decision = decide(scene.again())
    assert (decision.decision, decision.why) == (
        "accept",
        "the agent first has a confidence of 0.70, where 0.70 is asked for",
    )
    result = scene.step.read_json("result.json")
    assert (result["status"], result["by"]["id"], result["accepted_by"]["kind"]) == ("done", "first", "orchestrator")
    assert result["result"] == {"answer": 42}
    assert scene.step.read_json("001", "decision.json")["decision"] == "accept"


def test_a_doubtful_one_goes_to_review_and_ends_nothing(tmp_path: Path) -> None:
    scene = delegated(tmp_path, {"confidence": 0.69})
    assert decide(scene.again()).decision == "review"
    assert scene.step.find_json("result.json") is None


def test_what_is_beyond_doubt_ends_the_step_at_once_and_anything_else_leaves_all_to_the_second_look(
    tmp_path: Path,
) -> None:
    sure = delegated(tmp_path / "sure", {"confidence": 0.7}).again()
    assert accept_at_once(sure)
    assert sure.read_json("001", "decision.json")["decision"] == "accept"
    assert sure.read_json("result.json")["result"] == {"answer": 42}
    doubtful = delegated(tmp_path / "doubtful", {"confidence": 0.69}).again()
    assert not accept_at_once(doubtful)
    assert doubtful.find_json("001", "decision.json") is None


def test_a_flagged_risk_goes_to_a_person_however_confident(tmp_path: Path) -> None:
    scene = delegated(tmp_path, {"confidence": 1.0, "result": {"answer": 1, "existential": True}})
    decision = decide(scene.again())
    assert (decision.decision, decision.why) == ("review", "the agent first flags an existential risk")


def test_the_ticket_says_who_was_tried_and_why_not(tmp_path: Path) -> None:
    refusal = {"status": "rejected", "reason": "no data", "result": {}}
    decision = decide(delegated(tmp_path, refusal, {**refusal, "status": "failed", "reason": "crashed"}).again())
    assert decision.decision == "ticket"
    assert decision.why == "no agent did this step: first rejected it; second failed"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("confidence", 1.0, "not signed with the key of first"),
        ("result", {"answer": 43}, "not signed with the key of first"),
        ("signature", None, "not signed with the key of first"),
    ],
)
def test_an_outcome_that_was_changed_on_disk_is_not_accepted(
    tmp_path: Path, name: str, value: object, says: str
) -> None:
    scene = delegated(tmp_path, {})
    changed = {**scene.step.read_json("001", "outcome.json"), name: value}
    scene.step.execution.run.write_json(changed, "steps", "survey", "001", "outcome.json")
    decision = decide(scene.again())
    assert decision.decision == "ticket"
    assert says in decision.why


def test_an_outcome_of_another_assignment_is_not_accepted(tmp_path: Path) -> None:
    scene = delegated(tmp_path, {})
    changed = {**scene.step.read_json("001", "assignment.json"), "instructions": "changed later"}
    scene.step.execution.run.write_json(changed, "steps", "survey", "001", "assignment.json")
    assert "answers another assignment" in decide(scene.again()).why


def test_an_agent_that_is_not_as_it_was_when_the_run_began_is_not_trusted(tmp_path: Path) -> None:
    changes: dict[str, Callable[[Agent], Agent]] = {
        "another key": lambda first: replace(first, public_key=SigningKey.generate().public),
        "another schema": lambda first: replace(
            first, capabilities=(replace(first.capabilities[0], output_schema={}),)
        ),
        "moved": lambda first: replace(first, url="http://moved:1", version="3"),
    }
    said = {}
    for name, change in changes.items():
        scene = delegated(tmp_path / name.replace(" ", "-"), {})
        today = change(scene.step.execution.registry.agents[0])
        decision = decide(scene.again(registry=Registry((today,))))
        said[name] = (decision.decision, decision.why)
    for why in ("another key", "another schema"):
        told = f"first is registered with {why} than when this run began, so its outcome cannot be verified"
        assert said[why] == ("ticket", told)
    assert said["moved"][0] == "accept"


def test_a_decision_on_record_stays_for_a_task_that_starts_again(tmp_path: Path) -> None:
    scene = delegated(tmp_path, {"confidence": 0.2})
    assert decide(scene.step).decision == "review"
    assert not accept_at_once(scene.again(registry=Registry(())))
    assert decide(scene.again(registry=Registry(()))).decision == "review"
    judged = [one for one in read_events(scene.step.execution.run, "survey") if one["action"] == "outcome-judged"]
    assert len(judged) == 1


def test_an_outcome_that_another_signed_is_not_accepted(tmp_path: Path) -> None:
    scene = delegated(tmp_path, {})
    said = Outcome.model_validate(scene.step.read_json("001", "outcome.json")).signed(SigningKey.generate())
    scene.step.execution.run.write_json(said.model_dump(mode="json"), "steps", "survey", "001", "outcome.json")
    assert decide(scene.again()).why == "the outcome is not signed with the key of first"


def test_a_run_begins_once_and_says_at_its_end_who_refused_what(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    execution = scene.step.execution
    spec = execution.run.read_bytes("dagspec.json")
    inputs = {"plan.json": b"{}", "policy.json": b"{}", "registry.json": b"{}", "dagspec.json": spec}
    about = {"dag_id": "harbour", "run_id": "run-1", "plan_id": "harbour", "by": "anna"}
    begin_run(execution.run, execution.key, inputs, about)
    begin_run(execution.run, execution.key, {**inputs, "dagspec.json": b"other"}, {**about, "by": "someone else"})
    begun = read_events(execution.run, "run")
    assert [event["action"] for event in begun] == ["plan-read", "plan-routed", "run-started"]
    assert begun[-1]["actor"]["id"] == "anna"
    assert execution.run.read_bytes("dagspec.json") == spec

    write_result(scene.step, Result("refused", Actor("person", "ben", "Ben"), reason="too dear"))
    assert refusals(execution) == ["Ben refused 'Survey the tides': too dear"]
    end_run(execution, refusals(execution))
    assert read_events(execution.run, "run")[-1]["details"]["state"] == "failed"


def test_a_run_folder_of_nothing_has_no_events(tmp_path: Path) -> None:
    assert read_events(RunFolder(tmp_path / "none")) == []
