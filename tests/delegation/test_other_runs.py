"""What somebody who can write the run folders puts into one: it opens no gate, and answers no ticket."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.signing import SigningKey, canonical

from planexe_dag_factory.delegation.answers import Answer, open_ticket, standing_answer, take_again, take_answer
from planexe_dag_factory.delegation.approval import ApprovalMissingError, four_eyes, record_approval, require_approvals
from planexe_dag_factory.delegation.execution import Execution, StepRun
from planexe_dag_factory.delegation.lifecycle import INPUTS, begin_run
from planexe_dag_factory.delegation.tickets import Place, build_ticket
from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.events import RUN, Actor, list_events
from planexe_dag_factory.record.folder import RunFolder
from tests.delegation.scenes import GATE, ITEM, ROUTE, make_scene
from tests.record.runs import begun_run

GATED = replace(ITEM, route=replace(ROUTE, gate=GATE))
ANNA = Actor("person", "anna", "Anna")
KEY = SigningKey.generate()


def gated_step(folder: Path, name: str) -> StepRun:
    """A run of the same plan, by the same orchestrator, under its own name."""
    step = make_scene(folder, [{}], GATED).step
    folder.joinpath("run").rename(folder / name)
    return replace(step, execution=replace(step.execution, run=RunFolder(folder / name), key=KEY))


def folder_of(step: StepRun) -> Path:
    return Path(str(step.execution.run.root))


def asked(step: StepRun) -> Mapping[str, Any]:
    ticket = build_ticket(step, "approval", Place("harbour", "manual__1", "survey.gate"), "it pays")
    open_ticket(step, ticket)
    return ticket


def put(source: StepRun, target: StepRun, *path: str) -> None:
    """Copy what the same orchestrator wrote in another run."""
    old, new = (folder_of(step).joinpath(*path) for step in (source, target))
    new.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(old, new, dirs_exist_ok=True) if old.is_dir() else shutil.copy(old, new)


def test_an_approval_of_another_run_opens_no_gate(tmp_path: Path) -> None:
    before, now = gated_step(tmp_path / "a", "before"), gated_step(tmp_path / "b", "now")
    record_approval(before, ANNA, approved=True, reason="", amount=1000)
    require_approvals(before)
    put(before, now, "steps", "survey", "approval.json")
    put(before, now, "audit", "survey")
    with pytest.raises(ApprovalMissingError, match="its approval has another run: it was 'before'"):
        require_approvals(now)


def test_an_answer_of_another_run_is_not_taken_by_a_task_that_starts_again(tmp_path: Path) -> None:
    before, now = gated_step(tmp_path / "a", "before"), gated_step(tmp_path / "b", "now")
    take_answer(before, asked(before), Answer("Approve", {"amount": 1000.0}, ANNA))
    ticket = asked(now)
    put(before, now, "steps", "survey", "tickets", "001", "answer.json")
    put(before, now, "audit", "survey")
    with pytest.raises(RecordError, match=r"answer\.json is not what was answered"):
        standing_answer(now, ticket)
    with pytest.raises(RecordError, match=r"answer\.json is not what was answered"):
        take_again(now, ticket, Answer("Approve", {"amount": 1000.0}, ANNA))
    with pytest.raises(ApprovalMissingError, match="nobody has approved"):
        require_approvals(now)


def test_an_answer_that_was_changed_is_not_taken(tmp_path: Path) -> None:
    step = gated_step(tmp_path / "a", "run")
    ticket = asked(step)
    take_answer(step, ticket, Answer("Reject", {"comment": "Too dear."}, ANNA))
    path = folder_of(step) / "steps" / "survey" / "tickets" / "001" / "answer.json"
    path.write_text(path.read_text().replace('"Reject"', '"Approve"'))
    with pytest.raises(RecordError, match="it was put there"):
        standing_answer(step, ticket)


CARL = Actor("person", "carl", "Carl")


def test_a_gate_that_is_taken_out_of_what_a_run_began_with_is_noticed(tmp_path: Path) -> None:
    execution = begun_run(tmp_path).step.execution
    path = Path(execution.run.root) / "dagspec.json"
    spec = json.loads(path.read_bytes())
    spec["work_items"]["sail"]["route"]["gate"] = None
    path.write_bytes(canonical(spec))
    anew = Execution(execution.run, execution.read_registry, execution.key)
    with pytest.raises(RecordError, match=r"dagspec\.json of run is not what the run began with"):
        anew.step("sail")


def test_the_starter_is_whom_the_event_of_this_very_run_names(tmp_path: Path) -> None:
    step = begun_run(tmp_path).step.execution.step("sail")
    key, run = step.execution.key, step.execution.run
    other = RunFolder(tmp_path / "other")
    inputs = {name: run.read_bytes(name) for name in INPUTS}
    begin_run(other, key, inputs, {"dag_id": "harbour", "run_id": "run-9", "plan_id": "harbour", "by": "zoe"})
    [theirs] = [file for file in list_events(other, RUN) if file.action == "run-started"]
    earlier = replace(theirs, stamp="20000101T000000000000")
    shutil.copy(Path(other.root) / theirs.path, Path(run.root) / earlier.path)
    assert four_eyes(step, CARL) == "whoever started the run cannot approve its steps: somebody else must"
    assert four_eyes(step, ANNA) is None


def test_where_nobody_can_tell_who_started_a_run_nobody_approves_in_it(tmp_path: Path) -> None:
    step = begun_run(tmp_path).step.execution.step("sail")
    [begun] = [file for file in list_events(step.execution.run, RUN) if file.action == "run-started"]
    (Path(step.execution.run.root) / begun.path).unlink()
    for person in (CARL, ANNA):
        assert four_eyes(step, person) == (
            "who started the run cannot be told from its record, so nobody can approve in it"
        )
