"""Whatever is done to a record, `verify_run` names it: to every kind of event that the product writes."""

import json
import random
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.signing import SigningKey, canonical, digest, sign_document

from planexe_dag_factory.errors import Problem
from planexe_dag_factory.record.events import EventFile, list_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.places import has_place
from planexe_dag_factory.record.verify import verify_run
from tests.record.actions import written_actions
from tests.record.every import Records, every_kind
from tests.record.tampering import paths, tamper

THIEF = SigningKey.generate()


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Records:
    return every_kind(tmp_path_factory.mktemp("every"))


@pytest.fixture
def roots(records: Records) -> list[Path]:
    """The folders of all runs, which each test leaves as they were."""
    return [Path(run.root) for run in records.runs]


@pytest.fixture(autouse=True)
def unchanged(records: Records) -> Iterator[None]:
    yield
    assert [found(Path(run.root)) for run in records.runs] == [[] for _ in records.runs]


def found(root: Path) -> list[Problem]:
    return [one for one in verify_run(RunFolder(root)).problems if one.severity == "error"]


def first(root: Path) -> tuple[str, str]:
    """Return what is wrong first, and where."""
    problem = found(root)[0]
    return problem.code, str(problem.where.file)


def is_named(name: str, problem: Problem) -> bool:
    """Say whether a finding names a file; an event also by its digest, as those that follow it do, or by its kind."""
    said = f"{problem.where.file} {problem.message}"
    if not name.startswith("audit/"):
        return name in said
    _, action, mark = Path(name).name.removesuffix(".json").split("+")
    return (
        name in said or mark in said or repr(action) in said or (action == "run-sealed" and "final/seal.json" in said)
    )


def test_every_kind_of_event_that_the_product_writes_is_there(records: Records) -> None:
    assert {action for _, action, _ in records.kinds()} == written_actions()


def test_every_record_is_whole_and_sealed(records: Records) -> None:
    for run in records.runs:
        whole = verify_run(run, records.ours())
        assert (whole.problems, whole.state) == ((), "sealed")


def test_each_field_of_each_kind_of_event(records: Records) -> None:
    for run, action, name in records.kinds():
        root = Path(run.root)
        before = (root / name).read_bytes()
        for content in (*map(canonical, _changed(json.loads(before))), before + b"\n", b""):
            (root / name).write_bytes(content)
            assert first(root) == ("changed", name), (action, content)
        (root / name).write_bytes(before)


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


def test_each_kind_of_event_made_anew_by_somebody_else(records: Records) -> None:
    for run, _, name in records.kinds():
        root, file = Path(run.root), EventFile.parse(*Path(name).parts[1:])
        assert file
        document = {**json.loads((root / name).read_bytes()), "at": "2026-01-01T00:00:00+00:00"}
        forged = sign_document({name: value for name, value in document.items() if name != "signature"}, THIEF)
        path = EventFile(file.stamp, file.about, file.action, digest(forged).removeprefix("sha256:")).path
        (root / path).write_bytes(canonical(forged))
        assert first(root) == ("foreign-key", path)
        (root / path).unlink()


def test_each_kind_of_event_that_is_removed_is_named(records: Records) -> None:
    for run, _, name in records.kinds():
        _remove(Path(run.root), name)


def test_every_file_that_is_removed_is_named(roots: list[Path]) -> None:
    for root in roots:
        for name in paths(root):
            _remove(root, name)


def _remove(root: Path, name: str) -> None:
    content = (root / name).read_bytes()
    (root / name).unlink()
    assert any(is_named(name, problem) for problem in found(root)), name
    (root / name).write_bytes(content)


def test_every_file_that_is_changed_is_named(roots: list[Path]) -> None:
    for root in roots:
        for name in paths(root):
            content = (root / name).read_bytes()
            (root / name).write_bytes(content + b" ")
            assert any(problem.where.file == name for problem in found(root)), name
            (root / name).write_bytes(content)


def test_every_two_events_that_are_swapped_are_named(roots: list[Path]) -> None:
    for root in roots:
        for one, other in pairwise(list_events(RunFolder(root))):
            _swap(root / one.path, root / other.path)
            assert first(root) == ("changed", one.path)
            _swap(root / one.path, root / other.path)


def _swap(one: Path, other: Path) -> None:
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)


def test_every_event_that_is_moved_in_time_is_named(roots: list[Path]) -> None:
    for root in roots:
        for file in list_events(RunFolder(root)):
            moved = EventFile(f"2030{file.stamp[4:]}", file.about, file.action, file.mark)
            (root / file.path).rename(root / moved.path)
            assert ("moved", moved.path) in [(one.code, one.where.file) for one in found(root)]
            (root / moved.path).rename(root / file.path)


def test_every_event_of_another_run_is_named(roots: list[Path]) -> None:
    """Of a run that the same key signed, too."""
    target, *others = roots
    for other in others:
        for file in list_events(RunFolder(other)):
            (target / file.path).parent.mkdir(exist_ok=True)
            shutil.copy(other / file.path, target / file.path)
            assert any(is_named(file.path, problem) for problem in found(target)), file.path
            (target / file.path).unlink()


@pytest.mark.parametrize("seed", range(20))
def test_a_thousand_random_tamperings(roots: list[Path], seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(50):
        root = dice.choice(roots)
        deed, undo = tamper(root, dice)
        assert found(root), (seed, deed)
        undo()


def test_every_file_of_a_record_has_events_of_its_own_kind(roots: list[Path]) -> None:
    """But what PlanExe and the language model leave: their names are the plugin's and the budget's own."""
    strange = {path for root in roots for path in paths(root) if not has_place(path)}
    assert {path.split("/")[0] for path in strange} <= {"audit", "planexe", "model"}
