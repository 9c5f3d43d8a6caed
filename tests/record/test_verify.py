"""Whatever is done to a record, `verify_run` names it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.signing import SigningKey, canonical, digest, sign_document

from planexe_dag_factory.delegation.lifecycle import seal_run
from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.events import Event, EventFile, append_event, list_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.manifest import make_manifest
from planexe_dag_factory.record.verify import Verification, verify_run
from tests.record.runs import ANNA, answer, ask, begun_run, finished_run, work

THIEF = SigningKey.generate()


def verified(root: Path) -> Verification:
    return verify_run(RunFolder(root))


def first(root: Path) -> tuple[str, str]:
    """Return what is wrong first, and where."""
    problem = verified(root).problems[0]
    return problem.code, str(problem.where.file)


def paths(root: Path) -> list[str]:
    return sorted(file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file())


def events(root: Path) -> list[EventFile]:
    return list_events(RunFolder(root))


def test_a_whole_record_verifies(original: Path) -> None:
    found = verified(original)
    assert (found.ok, found.state, found.problems) == (True, "sealed", ())
    assert found.files == len(paths(original))
    assert [(key.owner, key.origin) for key in found.keys] == [
        ("orchestrator", "self-declared"),
        ("first", "agent"),
        ("second", "agent"),
    ]
    assert json.loads(canonical(found.as_json()))["ok"] is True


def test_with_the_key_given_nothing_is_taken_on_trust(original: Path) -> None:
    key = RunFolder(original).read_json("run.json")["orchestrator_key"]
    assert verify_run(RunFolder(original), [key]).ok
    assert not verify_run(RunFolder(original), [key]).self_declared
    found = verify_run(RunFolder(original), [THIEF.public])
    assert (found.problems[0].code, found.problems[0].where.file) == ("foreign-key", "run.json")


def _errors(root: Path) -> list[Any]:
    return [problem for problem in verified(root).problems if problem.severity == "error"]


def _said(problem: Any) -> str:
    return f"{problem.where.file} {problem.message}"


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "audit/x.json",
        "audit/survey/x.json",
        "steps/survey/result2.json",
        "steps/survey/099/outcome.json",
        ".hidden",
        "final/x/y",
    ],
)
def test_whatever_is_added_is_named(root: Path, name: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(b"{}")
    assert first(root) in {("added", name), ("foreign-key", name)}


def test_an_event_of_another_run_is_named(root: Path, tmp_path: Path) -> None:
    other = begun_run(tmp_path / "other").step.execution
    mark = append_event(other.run, SigningKey.generate(), Event("step-done", about="next"))
    (file,) = list_events(other.run, "next")
    shutil.copy(Path(other.run.root) / file.path, root / file.path)
    assert mark == file.digest
    assert first(root) == ("foreign-key", file.path)


def test_a_record_in_the_folder_of_another_run_is_named(root: Path, tmp_path: Path) -> None:
    """Whole, and of a run that is not the one asked for."""
    other = root.rename(tmp_path / "other")
    assert first(other) == ("moved", "run.json")
    assert "is of the run 'run', and this folder is named 'other'" in str(verified(other).problems[0].message)
    other.rename(root)
    assert verified(root).ok


def test_a_run_may_be_named_from_within(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root / "audit")
    assert (verified(Path("..")).ok, verified(Path("..")).run) == (True, "run")
    monkeypatch.chdir(root)
    assert (verified(Path()).ok, verified(Path()).run) == (True, "run")


def test_a_seal_of_another_run_is_named(tmp_path: Path) -> None:
    """By whoever holds the key of a worker: signed, and named by an event."""
    execution = begun_run(tmp_path).step.execution
    content = make_manifest(execution.run, execution.key) | {"run": "other"}
    unsigned = {name: value for name, value in content.items() if name not in ("key", "signature")}
    path = "milestones/milestone-one/manifest.json"
    execution.record("snapshot", "milestone-one", {path: sign_document(unsigned, execution.key)})
    assert first(Path(execution.run.root)) == ("moved", path)


def test_a_tail_cut_off_before_a_milestone_is_noticed_at_the_next(tmp_path: Path) -> None:
    """Everything that happened to the first step since its agents were asked goes, with its files."""
    scene = begun_run(tmp_path, ({"confidence": 0.95}, {"confidence": 0.95}))
    work(scene, "survey")
    run = scene.step.execution.run
    root = Path(run.root)
    for file in list_events(run, "survey"):
        if file.action in ("outcome-judged", "step-done"):
            (root / file.path).unlink()
    (root / "steps/survey/001/decision.json").unlink()
    (root / "steps/survey/result.json").unlink()
    assert verified(root).ok  # nobody can tell: nothing followed yet, and nothing was sealed

    from planexe_dag_factory.delegation.lifecycle import reach_milestone, seal  # noqa: PLC0415 - the last act

    reach_milestone(scene.step.execution, "milestone-one")
    seal(scene.step.execution, "milestone-one")
    assert ("removed", "steps/survey/result.json") in [(one.code, one.where.file) for one in verified(root).problems]


def test_a_branch_cut_off_is_noticed_by_whoever_came_after(tmp_path: Path) -> None:
    run, key = RunFolder(tmp_path), SigningKey.generate()
    run.write_json({"run": run.name, "orchestrator_key": key.public}, "run.json")
    append_event(run, key, Event("run-started", digests={"run.json": digest(run.read_json("run.json"))}))
    for action in ("one", "two", "three"):
        append_event(run, key, Event(action, about="survey"))
    assert verify_run(run).ok
    second = list_events(run, "survey")[1]
    run.remove(*second.segments)
    (problem, *_) = [one for one in verify_run(run).problems if second.digest in str(one.where.file)]
    assert problem.code == "removed"
    third = Path(run.root, *list_events(run, "survey")[1].segments)
    third.unlink()
    append_event(run, key, Event("four", about="survey"))  # a writer that has not seen what is gone
    assert verify_run(run).ok


def test_a_step_that_was_sent_before_its_gate_was_open(tmp_path: Path) -> None:
    scene = begun_run(tmp_path)
    execution = scene.step.execution
    execution.step("sail").log("assignment-sent")
    answer(execution.step("sail"), ask(scene, "sail", "approval"), ANNA, "Approve", {"comment": "go"})
    found = verify_run(execution.run).problems
    assert [one.code for one in found] == ["ungated"]


def test_a_clock_that_jumped_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = begun_run(tmp_path)
    monkeypatch.setattr("planexe_dag_factory.record.events.now", lambda: "2001-01-01T00:00:00.000000+00:00")
    scene.step.log("candidates-ordered")
    found = verify_run(scene.step.execution.run)
    assert found.ok
    assert [(one.severity, one.code) for one in found.problems] == [("warning", "clock")]


def test_a_run_that_has_ended_must_be_sealed(root: Path) -> None:
    sealed = next(file for file in events(root) if file.action == "run-sealed")
    (root / sealed.path).unlink()
    (root / "final/seal.json").unlink()
    assert [one.code for one in _errors(root)] == ["unsealed"]


def test_a_run_that_goes_on_after_its_end_is_open_until_it_ends_again(tmp_path: Path) -> None:
    execution = finished_run(tmp_path).step.execution
    root = Path(execution.run.root)
    execution.log("cleared-in-airflow", "run", ANNA, tasks=["next.human"])
    (root / "steps" / ".result.json.0123abcd").write_bytes(b"half")
    found = verified(root)
    assert (found.state, [(one.severity, one.code) for one in found.problems]) == ("open", [("warning", "unfinished")])
    assert [one.code for one in verify_run(execution.run, sealed=True).problems] == ["unsealed", "unfinished"]
    execution.log("run-ended", "run", state="success", problems=[])
    assert [one.code for one in _errors(root)] == ["unsealed"]
    seal_run(execution)
    assert (verified(root).state, verified(root).ok) == ("sealed", True)


def test_an_outcome_that_its_agent_did_not_sign_is_foreign(tmp_path: Path) -> None:
    """Even where the orchestrator itself has put it on record."""
    scene = begun_run(tmp_path, ({"confidence": 0.95},))
    scene.agents.keys["first"] = THIEF
    work(scene, "survey")
    found = verify_run(scene.step.execution.run).problems
    assert [(one.code, one.where.file) for one in found] == [
        ("foreign-key", "steps/survey/001/outcome.json"),
    ]


def test_a_result_that_no_outcome_brought_is_named(tmp_path: Path) -> None:
    scene = begun_run(tmp_path, ({"confidence": 0.95},))
    work(scene, "survey")
    result = {**scene.step.read_json("result.json"), "result": {"answer": 43}}
    scene.step.record("step-done", {"result.json": result})
    found = verify_run(scene.step.execution.run).problems
    assert [(one.code, one.message) for one in found] == [("changed", "is not what first brought")]


def test_nothing_is_no_record(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="holds no record of a run"):
        verify_run(RunFolder(tmp_path / "none"))
