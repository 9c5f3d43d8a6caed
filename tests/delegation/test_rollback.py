"""A new run that goes on from a milestone of another, without Airflow."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.signing import SigningKey, canonical

from planexe_dag_factory.delegation.approval import ApprovalMissingError, require_approvals
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.delegation.lifecycle import INPUTS, begin_run, end_run, reach_milestone, seal, seal_run
from planexe_dag_factory.delegation.rollback import Source, find_source, take_over_from
from planexe_dag_factory.delegation.takeover import is_opened, is_taken_over
from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.differences import compare
from planexe_dag_factory.record.events import read_events
from planexe_dag_factory.record.snapshots import snapshot_of, snapshots_of
from planexe_dag_factory.record.verify import verify_run
from planexe_dag_factory.spec.codec import dump_spec
from planexe_dag_factory.spec.model import DagSpec
from tests.delegation.scenes import Scene
from tests.record.runs import ANNA, FIRST, answer, approve, ask, begun_run, finished_run, work

Change = Callable[[DagSpec], DagSpec]


def again(scene: Scene, change: Change = lambda spec: spec, by: str = "carl", folder: str = "again") -> Execution:
    """Begin another run of the plan beside the first, as it is or changed."""
    old = scene.step.execution
    run = old.run.above.at(folder)
    inputs = {name: old.run.read_bytes(name) for name in INPUTS}
    inputs["dagspec.json"] = dump_spec(change(Execution(old.run, old.read_registry, old.key).spec))
    begin_run(run, old.key, inputs, {"dag_id": "harbour", "run_id": "run-2", "plan_id": "harbour", "by": by})
    return Execution(run, old.read_registry, old.key, old.signed)


def changed(**words: Any) -> Change:
    """Change the first step of the plan, and so the plan."""

    def change(spec: DagSpec) -> DagSpec:
        items = {**spec.work_items, "survey": replace(spec.work_items["survey"], **words)}
        return replace(spec, work_items=items, plan_digest="sha256:new")

    return change


def test_what_was_done_by_the_milestone_is_not_done_again_and_both_records_hold(tmp_path: Path) -> None:
    scene = finished_run(tmp_path)
    old = scene.step.execution.run
    source, _ = find_source(old, "milestone-one")
    execution = again(scene)
    assert take_over_from(execution, source, ANNA) == ("sail", "survey")
    assert take_over_from(execution, source, ANNA) == ("sail", "survey")  # as after a crash
    assert is_taken_over(execution.step("survey"))
    assert not is_taken_over(execution.step("next"))
    assert execution.run.read_bytes("steps", "survey", "result.json") == old.read_bytes(
        "steps", "survey", "result.json"
    )

    reach_milestone(execution, FIRST.id)
    seal(execution, FIRST.id)
    new = replace(scene, step=execution.step("next"))
    answer(execution.step("next"), ask(new, "next", "work"), ANNA, "Done", {"comment": "again"})
    end_run(execution, [])
    seal(execution, None)
    seal_run(execution)
    for run in (old, execution.run):
        found = verify_run(run, [scene.step.execution.key.public])
        assert (found.problems, found.state) == ((), "sealed")
    (begun,) = [event for event in read_events(execution.run, "run") if event["action"] == "rollback"]
    (followed,) = [event for event in read_events(old, "run") if event["action"] == "rolled-back"]
    assert begun["details"] == {"source": "run", "milestone": "milestone-one", "manifest": source.manifest}
    assert followed["details"] == {"into": "again", "milestone": "milestone-one"}
    assert (begun["actor"]["id"], begun["witnessed"]) == ("anna", True)


def test_a_task_that_is_cleared_is_done_again(tmp_path: Path) -> None:
    scene = finished_run(tmp_path)
    execution = again(scene)
    take_over_from(execution, find_source(scene.step.execution.run, "one")[0], ANNA)
    execution.step("survey").log("task-cleared", ANNA)
    assert not is_taken_over(execution.step("survey"))


def test_a_step_that_changed_is_done_again_with_all_that_rests_on_it(tmp_path: Path) -> None:
    """The gated step rests on the changed one: its approval was for another plan, and is void."""
    scene = finished_run(tmp_path)
    execution = again(scene, changed(description="Read another table"))
    assert take_over_from(execution, find_source(scene.step.execution.run, "milestone-one")[0], ANNA) == ()
    sail = execution.step("sail")
    (void,) = [event for event in read_events(execution.run, "sail") if event["action"] == "approval-void"]
    assert "another plan digest" in void["details"]["reason"]
    assert not is_opened(sail)
    with pytest.raises(ApprovalMissingError, match="nobody has approved"):
        require_approvals(sail)


def test_an_approval_holds_where_plan_step_and_payload_are_the_same(tmp_path: Path) -> None:
    """Approved before the milestone, and not yet done."""
    scene = begun_run(tmp_path, ({"confidence": 0.95},))
    work(scene, "survey")
    approve(scene, "sail")
    seal(scene.step.execution, FIRST.id)
    source, _ = find_source(scene.step.execution.run, FIRST.id)
    execution = again(scene)
    assert take_over_from(execution, source, ANNA) == ("survey",)
    assert is_opened(execution.step("sail"))
    require_approvals(execution.step("sail"))
    assert verify_run(execution.run).problems == ()


def test_whoever_approved_cannot_start_the_run_that_takes_the_approval_over(tmp_path: Path) -> None:
    scene = begun_run(tmp_path, ({"confidence": 0.95},))
    work(scene, "survey")
    approve(scene, "sail")
    seal(scene.step.execution, FIRST.id)
    execution = again(scene, by="anna")
    take_over_from(execution, find_source(scene.step.execution.run, FIRST.id)[0], ANNA)
    (void,) = [event for event in read_events(execution.run, "sail") if event["action"] == "approval-void"]
    assert void["details"]["reason"].startswith("whoever started the run cannot approve its steps")
    assert not is_opened(execution.step("sail"))
    with pytest.raises(ApprovalMissingError, match="nobody has approved"):
        require_approvals(execution.step("sail"))


@pytest.mark.parametrize(("by", "taken"), [("anna", ()), ("carl", ("sail", "survey"))])
def test_a_hold_that_its_starter_had_lifted_is_looked_at_anew(tmp_path: Path, by: str, taken: tuple[str, ...]) -> None:
    """What anna let go in the old run is a milestone's assessment here."""
    scene = finished_run(tmp_path)
    execution = again(scene, changed(milestone="milestone-one"), by=by)
    assert take_over_from(execution, find_source(scene.step.execution.run, "milestone-one")[0], ANNA) == taken


def test_a_change_of_who_is_asked_does_nothing_to_what_is_done(tmp_path: Path) -> None:
    scene = finished_run(tmp_path)
    route = scene.step.item.route
    execution = again(scene, changed(route=replace(route, candidates=route.candidates[1:], assignee="Somebody else")))
    assert take_over_from(execution, find_source(scene.step.execution.run, "milestone-one")[0], ANNA) == (
        "sail",
        "survey",
    )


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (None, "are needed"),
        ({"run": "run", "milestone": 1, "manifest": ""}, "are needed"),
        ({"run": "../x", "milestone": "one", "manifest": ""}, "cannot be the name of a run"),
        ({"run": "run", "milestone": "noon", "manifest": ""}, "has no snapshot 'noon'; it has milestone-one"),
        ({"run": "run", "milestone": "one", "manifest": "sha256:0"}, "is not what it was"),
        ({"run": "none", "milestone": "one", "manifest": "sha256:0"}, "has no snapshot"),
    ],
)
def test_nonsense_is_refused(tmp_path: Path, told: Any, says: str) -> None:
    scene = finished_run(tmp_path)
    execution = again(scene)
    with pytest.raises(RecordError, match=says):
        take_over_from(execution, Source.parse(told), ANNA)


def test_a_record_that_was_tampered_with_is_not_gone_back_to(tmp_path: Path) -> None:
    scene = finished_run(tmp_path)
    source, _ = find_source(scene.step.execution.run, "milestone-one")
    result = tmp_path / "run/steps/survey/result.json"
    result.write_bytes(canonical({**json.loads(result.read_bytes()), "result": {"answer": 1}}))
    with pytest.raises(RecordError, match=r"does not hold: steps/survey/result\.json is not what"):
        take_over_from(again(scene), source, ANNA)


def test_a_record_of_a_stranger_is_not_gone_back_to(tmp_path: Path) -> None:
    scene = finished_run(tmp_path)
    source, _ = find_source(scene.step.execution.run, "milestone-one")
    stranger = replace(again(scene), key=SigningKey.generate())
    with pytest.raises(RecordError, match="names an orchestrator's key that is not among those given"):
        take_over_from(stranger, source, ANNA)


def test_snapshots_differ_in_plan_routes_results_and_decisions(tmp_path: Path) -> None:
    scene = finished_run(tmp_path)
    old = scene.step.execution.run
    one, two, final = snapshots_of(old)
    assert [snapshot.name for snapshot in (one, two, final)] == ["milestone-one", "milestone-two", "final"]
    assert {(each.part, each.about) for each in compare(one, two)} == {
        ("result", "next"),
        ("decision", "next/tickets/001/answer"),
    }
    execution = again(scene, changed(title="Survey the stars"))
    seal(execution, None)
    found = compare(final, snapshot_of(execution.run, "final"))
    differences = {(each.part, each.about, each.field): each for each in found}
    assert differences["plan", "survey", "title"].after == "Survey the stars"
    assert ("plan", "the plan", "plan_digest") in differences
    before = differences["result", "survey", ""].before
    assert before is not None
    assert (before["status"], before["by"]["id"], before["result"]) == ("done", "first", {"answer": 42})
    assert differences["result", "survey", ""].after is None
