"""What cannot have happened so is found, though the orchestrator's own key signed it: by who holds a worker's key."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.signing import SigningKey, canonical, sign_document

from planexe_dag_factory.delegation.approval import record_approval
from planexe_dag_factory.delegation.lifecycle import reach_milestone
from planexe_dag_factory.delegation.results import Result, write_result
from planexe_dag_factory.delegation.votes import bound_to
from planexe_dag_factory.record.events import ORCHESTRATOR, Actor
from planexe_dag_factory.record.verify import verify_run
from planexe_dag_factory.spec.codec import dump_spec
from planexe_dag_factory.spec.model import DagSpec
from tests.delegation.scenes import Scene
from tests.record.runs import ANNA, BEN, FIRST, GATE, SAIL, answer, approve, ask, begun_run, finished_run, work

CARL = Actor("person", "carl", "carl", "Airflow")
"""Whoever started the run."""


def found(scene: Scene) -> list[tuple[str, str]]:
    """Return the errors: which, and about what event or file."""
    problems = verify_run(scene.step.execution.run, {scene.step.execution.key.public}).problems
    return [(one.code, _short(str(one.where.file))) for one in problems if one.severity == "error"]


def _short(path: str) -> str:
    return f"{path.split('/')[1]}: {path.split('+')[1]}" if path.startswith("audit/") else path


def record(
    scene: Scene, action: str, about: str, files: Mapping[str, Any], actor: Actor = ANNA, **details: Any
) -> None:
    """Write what the orchestrator never would, with its key."""
    scene.step.execution.record(action, about, files, actor, **details)


def sign(scene: Scene, document: Mapping[str, Any]) -> dict[str, Any]:
    unsigned = {name: value for name, value in document.items() if name not in ("key", "signature")}
    return sign_document(unsigned, scene.step.execution.key)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A run in which the first step is done, and the gated one waits for its approval."""
    begun = begun_run(tmp_path, ({"confidence": 0.95},))
    work(begun, "survey")
    return begun


def test_what_the_product_itself_writes_is_in_order(tmp_path: Path) -> None:
    assert found(finished_run(tmp_path)) == []


def test_an_assignment_after_the_gate_was_refused(scene: Scene) -> None:
    approve(scene, "sail")
    answer(scene.step.execution.step("sail"), ask(scene, "sail", "approval"), BEN, "Reject", {"comment": "storm"})
    assert found(scene) == []
    scene.step.execution.log("assignment-sent", "sail", attempt=1)
    assert found(scene) == [("ungated", "sail: assignment-sent")]


def test_a_person_who_did_a_step_that_nobody_approved(scene: Scene) -> None:
    answer(scene.step.execution.step("sail"), ask(scene, "sail", "work"), BEN, "Done", {"comment": "sailed"})
    assert found(scene) == [("ungated", "sail: step-done")]


def _refused_plan(spec: DagSpec) -> DagSpec:
    item = replace(SAIL, id="plan", title="Run a refused plan", route=replace(SAIL.route, step="plan", gate=GATE))
    return replace(spec, senior_approval="it is dangerous", work_items={**spec.work_items, "plan": item})


def test_a_step_of_a_refused_plan_that_began_before_a_senior_approved_it(tmp_path: Path) -> None:
    scene = begun_run(tmp_path, (), _refused_plan)
    scene.step.log("assignment-sent", attempt=1)
    approve(scene, "plan")
    assert found(scene) == [("ungated", "survey: assignment-sent")]


def test_a_step_of_a_refused_plan_follows_its_approval(tmp_path: Path) -> None:
    scene = begun_run(tmp_path, ({"confidence": 0.95},), _refused_plan)
    approve(scene, "plan")
    work(scene, "survey")
    assert found(scene) == []


def test_a_gate_that_was_opened_without_an_answer(scene: Scene) -> None:
    record_approval(scene.step.execution.step("sail"), ANNA, approved=True, reason="", amount=None)
    assert found(scene) == [("unfounded", "sail: gate-opened")]


def test_an_outcome_of_nobody_who_was_asked(scene: Scene) -> None:
    scene.step.execution.log("outcome-received", "next", Actor("agent", "first"), attempt=1)
    assert found(scene) == [("unfounded", "next: outcome-received")]


@pytest.mark.parametrize("action", ["ticket-answered", "ticket-voted"])
def test_an_answer_to_a_ticket_that_was_not_opened(scene: Scene, action: str) -> None:
    scene.step.execution.log(action, "next", ANNA, n=1, accepted=True)
    assert found(scene) == [("unfounded", f"next: {action}")]


def test_a_step_that_is_done_in_the_name_of_somebody_who_did_not_answer(scene: Scene) -> None:
    ticket = ask(scene, "next", "work")
    scene.step.execution.log("ticket-answered", "next", BEN, n=ticket["n"], accepted=True)
    scene.step.execution.log("ticket-answered", "next", ANNA, n=ticket["n"], accepted=False)
    write_result(scene.step.execution.step("next"), Result("done", ANNA, ANNA))
    assert found(scene) == [("unfounded", "next: step-done")]


def test_a_step_that_ends_with_what_was_not_beyond_doubt(tmp_path: Path) -> None:
    scene = begun_run(tmp_path, ({"confidence": 0.5},))
    work(scene, "survey")
    brought = scene.step.read_json("001", "outcome.json")
    agent = Actor("agent", "first")
    write_result(
        scene.step, Result("done", agent, ORCHESTRATOR, "first", "compute", brought["confidence"], brought["result"])
    )
    assert found(scene) == [("unfounded", "survey: step-done")]


def test_a_step_that_was_taken_over_from_no_run(scene: Scene) -> None:
    result = scene.step.read_json("result.json") | {"work_item": "next"}
    details = {"source": "an-older-run", "milestone": FIRST.id, "manifest": "sha256:0"}
    record(scene, "step-taken-over", "next", {"steps/next/result.json": result}, ORCHESTRATOR, **details)
    assert found(scene) == [("unfounded", "next: step-taken-over")]


@pytest.mark.parametrize("action", ["ticket-commented", "task-retried", "outcome-judged"])
def test_a_result_that_another_event_than_the_end_of_its_step_brings(scene: Scene, action: str) -> None:
    result = scene.step.read_json("result.json") | {"note": "all is well"}
    record(scene, action, "survey", {"steps/survey/result.json": result}, decision="accept")
    assert found(scene) == [("unfounded", f"survey: {action}")]


def test_a_result_that_the_end_of_another_step_brings(scene: Scene) -> None:
    answer(scene.step.execution.step("next"), ask(scene, "next", "work"), ANNA, "Done", {"comment": "done"})
    result = scene.step.read_json("result.json") | {"note": "all is well"}
    record(scene, "step-done", "next", {"steps/survey/result.json": result})
    assert ("unfounded", "next: step-done") in found(scene)


def test_a_result_that_names_somebody_else_than_the_event(scene: Scene) -> None:
    item = scene.step.execution.step("next")
    answer(item, ask(scene, "next", "work"), ANNA, "Done", {"comment": "done"})
    result = item.read_json("result.json") | {"accepted_by": BEN.as_json()}
    record(scene, "step-done", "next", {"steps/next/result.json": result})
    assert found(scene) == [("changed", "steps/next/result.json")]


def test_a_plan_without_gates_in_place_of_the_one_that_the_run_began_with(scene: Scene) -> None:
    spec = scene.step.execution.spec
    items = {name: replace(item, route=replace(item.route, gate=None)) for name, item in spec.work_items.items()}
    record(scene, "plan-routed", "run", {"dagspec.json": dump_spec(replace(spec, work_items=items))}, ORCHESTRATOR)
    assert found(scene) == [("unfounded", "run: plan-routed")]


@pytest.mark.parametrize("name", ["plan", "policy", "registry"])
def test_a_spec_that_was_made_from_something_else(tmp_path: Path, name: str) -> None:
    other: dict[str, Any] = {f"{name}_digest": "sha256:0"}
    scene = begun_run(tmp_path, (), lambda spec: replace(spec, **other))
    assert found(scene) == [("changed", "dagspec.json")]


def test_a_milestone_that_closed_what_had_not_ended(scene: Scene) -> None:
    reach_milestone(scene.step.execution, FIRST.id)
    assert found(scene) == [("removed", "steps/sail/result.json")]
    item = scene.step.execution.step("sail")
    approve(scene, "sail")
    answer(item, ask(scene, "sail", "work"), BEN, "Done", {"comment": "sailed"})
    assert found(scene) == [("removed", "steps/sail/result.json")]


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda given: given.update(run="another"), "moved"),
        (lambda given: given.update(work_item="next"), "moved"),
        (lambda given: given.update(plan_digest="sha256:0"), "moved"),
        (lambda given: given.update(payload_digest="sha256:0"), "moved"),
        (lambda given: given.update(decision="rejected"), "ungated"),
        (lambda given: given.update(by=BEN.as_json()), "ungated"),
        (lambda given: given["votes"][0].update(by=CARL.as_json()), "ungated"),
        (lambda given: given.pop("votes") and given.pop("decision"), "unfounded"),
        (lambda given: given.update(votes=[{}]), "unfounded"),
    ],
)
def test_an_approval_of_something_else(scene: Scene, change: Change, code: str) -> None:
    approve(scene, "sail")
    given = scene.step.execution.step("sail").read_json("approval.json")
    record(scene, "gate-opened", "sail", {"steps/sail/approval.json": given})
    assert found(scene) == []
    change(given)
    record(scene, "gate-opened", "sail", {"steps/sail/approval.json": sign(scene, given)})
    assert found(scene) == [(code, "steps/sail/approval.json")]


def test_an_approval_that_somebody_else_signed(scene: Scene) -> None:
    approve(scene, "sail")
    given = scene.step.execution.step("sail").read_json("approval.json")
    unsigned = {name: value for name, value in given.items() if name not in ("key", "signature")}
    forged = sign_document(unsigned, SigningKey.generate())
    record(scene, "gate-opened", "sail", {"steps/sail/approval.json": forged})
    assert found(scene) == [("foreign-key", "steps/sail/approval.json")]


def test_an_approval_by_one_where_two_must(tmp_path: Path) -> None:
    def two(spec: DagSpec) -> DagSpec:
        sail = replace(SAIL, route=replace(SAIL.route, gate=replace(GATE, approvals_needed=2)))
        return replace(spec, work_items={**spec.work_items, "sail": sail})

    scene = begun_run(tmp_path, ({"confidence": 0.95},), two)
    item = scene.step.execution.step("sail")
    for by in (ANNA, BEN):
        answer(item, ask(scene, "sail", "approval"), by, "Approve", {"comment": "go"})
    assert found(scene) == []
    given = item.read_json("approval.json")
    given["votes"] = [given["votes"][0], {**given["votes"][0], "reason": "go, go"}]
    record(scene, "gate-opened", "sail", {"steps/sail/approval.json": sign(scene, given)}, BEN)
    assert found(scene) == [("ungated", "steps/sail/approval.json")]


def test_an_approval_without_the_approver_whom_somebody_added(scene: Scene) -> None:
    item = scene.step.execution.step("sail")
    added = item.log("ticket-approver-added", BEN, to={"kind": "user", "name": "ben"}, reason="it is my ship")
    approve(scene, "sail")
    assert not item.execution.last_of("sail", "gate-opened"), "one more is wanted"
    record_approval(item, ANNA, approved=True, reason="go", amount=None)
    assert found(scene) == [("ungated", "steps/sail/approval.json")]
    approve(scene, "sail")
    eve = Actor("person", "eve", "Eve")
    answer(item, ask(scene, "sail", "approval"), eve, "Approve", {})
    record_approval(item, eve, approved=True, reason="go", amount=None)
    assert found(scene) == [("ungated", "steps/sail/approval.json")], "two have approved, and ben is none of them"
    item.log("ticket-approver-taken-back", BEN, added=added)
    record_approval(item, ANNA, approved=True, reason="go", amount=None)
    assert found(scene) == []


def test_votes_and_answers_for_something_else(scene: Scene) -> None:
    approve(scene, "sail")
    item = scene.step.execution.step("sail")
    vote, said = item.read_json("votes", "001.json"), item.read_json("tickets", "001", "answer.json")
    files = {"steps/sail/votes/001.json": sign(scene, {**vote, "payload_digest": "sha256:0"})}
    record(scene, "ticket-voted", "sail", files, n=1)
    files = {"steps/sail/tickets/001/answer.json": sign(scene, {**said, "n": 2})}
    record(scene, "ticket-answered", "sail", files, n=1, accepted=True)
    assert found(scene) == [
        ("moved", "steps/sail/tickets/001/answer.json"),
        ("moved", "steps/sail/votes/001.json"),
    ]


@pytest.mark.parametrize("content", [b"[]", b"null", b"{", b"[" * 100_000, b'{"events": 1}', b"\xff"])
@pytest.mark.parametrize(
    ("path", "action", "about"),
    [
        ("steps/survey/result.json", "step-done", "survey"),
        ("steps/survey/001/outcome.json", "outcome-received", "survey"),
        ("steps/sail/approval.json", "gate-opened", "sail"),
        ("milestones/milestone-one/manifest.json", "snapshot", "milestone-one"),
    ],
)
def test_nonsense_that_is_signed_for_stops_nobody(
    scene: Scene, path: str, action: str, about: str, content: bytes
) -> None:
    approve(scene, "sail")
    record(scene, action, about, {path: content}, ORCHESTRATOR if about == "survey" else ANNA, attempt=1)
    assert {where for _, where in found(scene)} & {path, f"{about}: {action}"}


@pytest.mark.parametrize("name", ["dagspec.json", "registry.json"])
@pytest.mark.parametrize(
    "content", [b'{"work_items": [], "agents": 1}', b'{"work_items": {"sail": {}}, "agents": [1]}']
)
def test_a_spec_or_registry_that_is_none_stops_nobody(scene: Scene, name: str, content: bytes) -> None:
    approve(scene, "sail")
    record(scene, "plan-routed", "run", {name: content}, ORCHESTRATOR)
    assert ("unfounded", "run: plan-routed") in found(scene)
    assert name in {where for _, where in found(scene)}


def test_an_approval_is_bound_to_what_the_spec_says_of_the_step(scene: Scene) -> None:
    """The verifier works the payload out from the JSON of the spec, the delegation from its objects."""
    item = scene.step.execution.step("sail")
    assert bound_to(item)["payload_digest"] == item.payload_digest
    assert canonical(asdict(item.item))
