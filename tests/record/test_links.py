"""A run that goes on from another: whichever of the two records is tampered with, both say which event is missing."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.signing import SigningKey

from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.delegation.lifecycle import end_run, reach_milestone, seal, seal_run
from planexe_dag_factory.delegation.rollback import find_source, take_over_from
from planexe_dag_factory.record.events import Event, append_event, list_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.verify import verify_run
from tests.delegation.scenes import Scene
from tests.delegation.test_rollback import again
from tests.record.runs import ANNA, FIRST, answer, ask, finished_run


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Scene, Execution]:
    """A run that has ended, and one that goes on from its first milestone."""
    scene = finished_run(tmp_path)
    execution = again(scene)
    take_over_from(execution, find_source(scene.step.execution.run, FIRST.id)[0], ANNA)
    reach_milestone(execution, FIRST.id)
    new = replace(scene, step=execution.step("next"))
    answer(execution.step("next"), ask(new, "next", "work"), ANNA, "Done", {"comment": "again"})
    return scene, execution


def problems(run: RunFolder) -> list[tuple[str, str]]:
    return [(one.code, f"{one.where.file} {one.message}") for one in verify_run(run).problems]


def drop(run: RunFolder, action: str) -> None:
    (file,) = (file for file in list_events(run, "run") if file.action == action)
    run.remove(*file.segments)


def test_two_records_that_name_each_other_hold(pair: tuple[Scene, Execution]) -> None:
    scene, execution = pair
    assert problems(scene.step.execution.run) == problems(execution.run) == []


def test_the_event_of_the_old_run_is_missed_from_both_sides(pair: tuple[Scene, Execution]) -> None:
    """It is the last of its record: nothing there follows it."""
    old, new = pair[0].step.execution.run, pair[1].run
    drop(old, "rolled-back")
    assert problems(old) == [
        ("removed", "audit/run says nothing of again, which goes on from this run: its event 'rolled-back' is missing")
    ]
    assert problems(new) == [
        (
            "removed",
            "../run/audit/run does not say that this run goes on from it: its event 'rolled-back' is missing",
        )
    ]


def test_the_event_of_the_new_run_is_missed_from_both_sides(pair: tuple[Scene, Execution]) -> None:
    old, new = pair[0].step.execution.run, pair[1].run
    drop(new, "rollback")
    assert problems(old) == [
        (
            "removed",
            "../again/audit/run does not say that it goes on from this run: its event 'rollback' is missing",
        )
    ]
    assert ("unfounded", "takes over from a run that this one does not go on from") in [
        (code, said.partition(".json ")[2]) for code, said in problems(new)
    ]


def test_an_event_that_a_stranger_signed_links_nothing(pair: tuple[Scene, Execution]) -> None:
    old, new = pair[0].step.execution.run, pair[1].run
    drop(old, "rolled-back")
    details = {"into": "again", "milestone": FIRST.id}
    append_event(old, SigningKey.generate(), Event("rolled-back", details=details))
    assert "removed" in {code for code, _ in problems(new)}
    assert {"foreign-key", "removed"} == {code for code, _ in problems(old)}


def test_a_record_alone_says_that_the_other_was_not_looked_at(pair: tuple[Scene, Execution], tmp_path: Path) -> None:
    for run in (pair[0].step.execution.run, pair[1].run):
        alone = RunFolder(shutil.copytree(run.root, tmp_path / "alone" / "of" / run.name / run.name))
        assert verify_run(alone).ok
        assert [code for code, _ in problems(alone)] == ["unlinked"]


def retold(run: RunFolder, key: SigningKey, **changes: Any) -> None:
    """Say something else of where a run goes on from, with its own key."""
    (file,) = (file for file in list_events(run, "run") if file.action == "rollback")
    details: Mapping[str, Any] = run.read_json(*file.segments)["details"]
    append_event(run, key, Event("rollback", details={**details, **changes}))


def test_a_rollback_to_what_was_never_sealed_is_named(pair: tuple[Scene, Execution]) -> None:
    execution = pair[1]
    retold(execution.run, execution.key, manifest="sha256:0")
    assert ("unfounded", "goes back to a seal of milestone-one that run has no event of") in [
        (code, said.partition(".json ")[2]) for code, said in problems(execution.run)
    ]


def test_a_result_that_was_taken_over_otherwise_than_it_was_sealed_is_named(pair: tuple[Scene, Execution]) -> None:
    execution = pair[1]
    result = execution.step("survey").read_json("result.json") | {"note": "all is well"}
    (told,) = (file for file in list_events(execution.run, "survey") if file.action == "step-taken-over")
    details = execution.run.read_json(*told.segments)["details"]
    execution.step("survey").record("step-taken-over", {"result.json": result}, **details)
    assert ("unfounded", "takes over what milestone-one of run did not seal") in [
        (code, said.partition(".json ")[2]) for code, said in problems(execution.run)
    ]


def test_a_rollback_that_failed_before_it_did_anything_leaves_both_whole(tmp_path: Path) -> None:
    """The old record could not be written; the new run ended at once."""
    scene = finished_run(tmp_path)
    execution = again(scene)
    source, _ = find_source(scene.step.execution.run, FIRST.id)
    append_event(execution.run, execution.key, Event("rollback", details={**source.as_json(), "source": "run"}))
    end_run(execution, ["start failed"])
    seal(execution, None)
    seal_run(execution)
    assert problems(scene.step.execution.run) == problems(execution.run) == []


def test_what_lies_beside_a_run_and_cannot_be_read_stops_nobody(pair: tuple[Scene, Execution], tmp_path: Path) -> None:
    old = pair[0].step.execution.run
    broken = tmp_path / "broken" / "audit" / "run"
    broken.mkdir(parents=True)
    name = next(file.segments[2] for file in list_events(pair[1].run, "run") if file.action == "rollback")
    for content in ("{", json.dumps([1]), json.dumps({"details": 1})):
        (broken / name).write_text(content)
        assert problems(old) == []
    (tmp_path / "file").write_text("")
    assert problems(old) == []
