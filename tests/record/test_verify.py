"""Whatever is done to a record, `verify_run` names it."""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.signing import SigningKey, canonical, digest, sign_document

from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.events import Event, EventFile, append_event, list_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.manifest import make_manifest
from planexe_dag_factory.record.verify import Verification, verify_run
from tests.record.runs import ANNA, answer, ask, begun_run, work

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


def test_each_field_of_each_kind_of_event(original: Path, root: Path) -> None:
    kinds = {file.action: file for file in events(original)}
    assert len(kinds) >= 15
    for file in kinds.values():
        path = root / file.path
        before = path.read_bytes()
        for content in _changed(json.loads(before)):
            path.write_bytes(canonical(content))
            assert first(root) == ("changed", file.path), content
        path.write_bytes(before + b"\n")
        assert first(root) == ("changed", file.path)
        path.write_bytes(before)
    assert verified(root).ok


def _changed(value: Any) -> Iterator[Any]:
    """Yield the document with each of its values changed, each name gone, and one name more."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from ({**value, name: changed} for changed in _changed(member))
            yield {other: kept for other, kept in value.items() if other != name}
        yield {**value, "more": 1}
    elif isinstance(value, list):
        yield [*value, "more"]
        yield from (
            [*value[:at], changed, *value[at + 1 :]] for at in range(len(value)) for changed in _changed(value[at])
        )
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, str):
        yield value + "x"
    else:
        yield (value or 0) + 1


def test_an_event_made_anew_by_somebody_else(root: Path) -> None:
    for file in events(root):
        document = {**json.loads((root / file.path).read_bytes()), "at": "2026-01-01T00:00:00+00:00"}
        forged = sign_document({name: value for name, value in document.items() if name != "signature"}, THIEF)
        name = EventFile(file.stamp, file.about, file.action, digest(forged).removeprefix("sha256:")).path
        (root / name).write_bytes(canonical(forged))
        assert first(root) == ("foreign-key", name)
        (root / name).unlink()
    assert verified(root).ok


def test_every_file_that_is_removed_is_named(root: Path) -> None:
    for name in paths(root):
        content = (root / name).read_bytes()
        (root / name).unlink()
        assert any(name in _said(problem) or _mark(name) in _said(problem) for problem in _errors(root)), name
        (root / name).write_bytes(content)
    assert verified(root).ok


def _errors(root: Path) -> list[Any]:
    return [problem for problem in verified(root).problems if problem.severity == "error"]


def _said(problem: Any) -> str:
    return f"{problem.where.file} {problem.message}"


def _mark(name: str) -> str:
    """Name an event as those that follow it do; the seal, which nobody follows, by the file that it speaks of."""
    if "+run-sealed+" in name:
        return "final/seal.json"
    return name.rpartition("+")[2].removesuffix(".json") if name.startswith("audit/") else name


def test_every_file_that_is_changed_is_named(root: Path) -> None:
    for name in paths(root):
        content = (root / name).read_bytes()
        (root / name).write_bytes(content + b" ")
        assert any(problem.where.file == name for problem in _errors(root)), name
        (root / name).write_bytes(content)
    assert verified(root).ok


def test_every_two_events_that_are_swapped_are_named(root: Path) -> None:
    files = events(root)
    for one, other in pairwise(files):
        _swap(root / one.path, root / other.path)
        assert first(root) == ("changed", one.path)
        _swap(root / one.path, root / other.path)
    assert verified(root).ok


def _swap(one: Path, other: Path) -> None:
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)


def test_an_event_that_is_moved_in_time_is_named(root: Path) -> None:
    for file in events(root):
        moved = EventFile(f"2030{file.stamp[4:]}", file.about, file.action, file.mark)
        (root / file.path).rename(root / moved.path)
        assert ("moved", moved.path) in [(one.code, one.where.file) for one in _errors(root)]
        (root / moved.path).rename(root / file.path)
    assert verified(root).ok


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


@pytest.mark.parametrize("seed", range(10))
def test_a_thousand_random_tamperings(root: Path, seed: int) -> None:
    dice = random.Random(seed)
    deeds: list[Callable[[Path, random.Random], Callable[[], object]]] = [_flip, _cut, _drop, _add, _rename, _replace]
    for _ in range(100):
        deed = dice.choice(deeds)
        undo = deed(root, dice)
        assert not verified(root).ok, (seed, deed.__name__)
        undo()
    assert verified(root).ok


def _any(root: Path, dice: random.Random) -> Path:
    return root / dice.choice(paths(root))


def _flip(root: Path, dice: random.Random) -> Callable[[], object]:
    path = _any(root, dice)
    before = path.read_bytes()
    at = dice.randrange(len(before))
    path.write_bytes(before[:at] + bytes([before[at] ^ (1 << dice.randrange(8))]) + before[at + 1 :])
    return lambda: path.write_bytes(before)


def _cut(root: Path, dice: random.Random) -> Callable[[], object]:
    path = _any(root, dice)
    before = path.read_bytes()
    path.write_bytes(before[: dice.randrange(len(before))])
    return lambda: path.write_bytes(before)


def _drop(root: Path, dice: random.Random) -> Callable[[], object]:
    path = _any(root, dice)
    before = path.read_bytes()
    path.unlink()
    return lambda: path.write_bytes(before)


def _add(root: Path, dice: random.Random) -> Callable[[], object]:
    path = _any(root, dice).parent / f"{dice.randrange(10**6)}.json"
    path.write_bytes(_any(root, dice).read_bytes())
    return path.unlink


def _rename(root: Path, dice: random.Random) -> Callable[[], object]:
    path = _any(root, dice)
    other = path.with_name(f"{dice.randrange(10**6)}-{path.name}")
    path.rename(other)
    return lambda: other.rename(path)


def _replace(root: Path, dice: random.Random) -> Callable[[], object]:
    path, source = _any(root, dice), _any(root, dice)
    before, content = path.read_bytes(), source.read_bytes()
    path.write_bytes(content if content != before else before + b"x")
    return lambda: path.write_bytes(before)


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
