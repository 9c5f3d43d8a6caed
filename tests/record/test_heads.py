"""A record that was cut back is found by what was noted of it before; see also `audit verify --sealed`."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from planexe_dag_factory.cli.auditing import NOT_WHOLE, OK
from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.events import list_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.heads import read_heads
from planexe_dag_factory.record.statements import envelope, statements
from planexe_dag_factory.record.verify import verify_run
from tests.cli.test_commands import invoke
from tests.record.runs import begun_run, work

Note = Callable[[RunFolder, Path], str]


def _as_verified(run: RunFolder, _: Path) -> str:
    return json.dumps(verify_run(run).as_json(), indent=2)


def _as_exported(run: RunFolder, _: Path) -> str:
    return "".join(f"{json.dumps(one)}\n" for one in statements(run))


def _as_signed(run: RunFolder, folder: Path) -> str:
    key = begun_run(folder / "other").step.execution.key
    return "".join(f"{json.dumps(envelope(one, key))}\n" for one in statements(run))


def cut_back(root: Path, milestone: str) -> None:
    """Make the record that of the moment at which a milestone was sealed."""
    manifest = json.loads((root / f"milestones/{milestone}/manifest.json").read_bytes())
    sealing = next(one.path for one in list_events(RunFolder(root), milestone) if one.action == "snapshot")
    kept = {*manifest["files"], sealing, f"milestones/{milestone}/manifest.json"}
    for path in [one for one in root.rglob("*") if one.is_file()]:
        if path.relative_to(root).as_posix() not in kept:
            path.unlink()


def codes(root: Path, text: str) -> list[tuple[str, str]]:
    problems = verify_run(RunFolder(root), heads=read_heads(text)).problems
    return [(one.code, str(one.where.file)) for one in problems]


@pytest.mark.parametrize("note", [_as_verified, _as_exported, _as_signed])
def test_a_record_that_was_cut_back_to_a_milestone_is_found_by_what_was_noted(
    root: Path, tmp_path: Path, note: Note
) -> None:
    text = note(RunFolder(root), tmp_path)
    assert codes(root, text) == []
    cut_back(root, "milestone-one")
    found = verify_run(RunFolder(root))
    assert (found.ok, found.state) == (True, "open"), "the folder alone does not tell"
    assert codes(root, text) == [("removed", "audit")]


@pytest.mark.parametrize("note", [_as_verified, _as_exported, _as_signed])
def test_a_record_that_has_grown_still_holds_what_was_noted(root: Path, tmp_path: Path, note: Note) -> None:
    """What was noted at the first milestone is still there at the end."""
    earlier = Path(shutil.copytree(root, tmp_path / "earlier" / "run"))
    cut_back(earlier, "milestone-one")
    assert codes(root, note(RunFolder(earlier), tmp_path)) == []


def test_each_event_that_is_gone_since_is_missed(root: Path) -> None:
    """Even where nothing in the record follows it."""
    text = _as_verified(RunFolder(root), root)
    for file in list_events(RunFolder(root)):
        content = (root / file.path).read_bytes()
        (root / file.path).unlink()
        assert "audit" in {path for _, path in codes(root, text)}, file.path
        (root / file.path).write_bytes(content)
    assert codes(root, text) == []


def test_what_was_noted_of_a_run_under_way_is_a_branch_of_its_later_record(tmp_path: Path) -> None:
    scene = begun_run(tmp_path, ({"confidence": 0.95},))
    run = scene.step.execution.run
    before = verify_run(run).head
    work(scene, "survey")
    assert verify_run(run, heads=[before]).ok
    other = begun_run(tmp_path / "other").step.execution.run
    assert [one.code for one in verify_run(other, heads=[before]).problems] == ["removed"]


def _without(change: Callable[[dict[str, Any]], None]) -> Note:
    def note(run: RunFolder, _: Path) -> str:
        told = verify_run(run).as_json()
        change(told["head"])
        return json.dumps(told)

    return note


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda head: head["events"].update(count=1), "changed"),
        (lambda head: head["events"].update(root="sha256:0"), "changed"),
        (lambda head: head.update(seal="sha256:0"), "removed"),
        (lambda head: head.update(run="another"), "moved"),
    ],
)
def test_a_head_of_something_else_is_not_held(root: Path, change: Callable[[dict[str, Any]], None], code: str) -> None:
    assert codes(root, _without(change)(RunFolder(root), root)) == [(code, "audit")]


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "{}", '{"head": {}}', '{"payload": "x"}', "{}\n{}\n"])
def test_nonsense_is_no_head(text: str) -> None:
    with pytest.raises(RecordError, match="it is neither what"):
        read_heads(text)


def test_a_statement_that_counts_other_events_than_it_lists_is_no_head(root: Path) -> None:
    told = next(iter(statements(RunFolder(root))))
    told["subject"] = [one for one in told["subject"] if not one["name"].startswith("audit/")]
    with pytest.raises(RecordError, match="its events are not those that it counts"):
        read_heads(json.dumps(told))


def test_the_command_wants_the_seal_of_the_end_and_what_was_noted(root: Path, tmp_path: Path) -> None:
    noted, exported = tmp_path / "noted.json", tmp_path / "exported.jsonl"
    noted.write_text(invoke("audit", "verify", root, "--json").stdout)
    invoke("audit", "export", root, "--out", exported)
    against = ("--against", noted, "--against", exported)
    said = invoke("audit", "verify", root, "--sealed", *against)
    assert said.exit_code == OK
    assert f"Head: root {json.loads(noted.read_text())['head']['events']['root']}, last seal sha256:" in said.stdout
    cut_back(root, "milestone-one")
    assert invoke("audit", "verify", root).exit_code == OK
    sealed = invoke("audit", "verify", root, "--sealed")
    assert sealed.exit_code == NOT_WHOLE
    assert sealed.stdout.startswith("unsealed: final/seal.json is not there: the run has not ended, or its end")
    assert invoke("audit", "verify", root, *against).exit_code == NOT_WHOLE


def test_a_file_that_holds_no_head_is_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    said = invoke("audit", "verify", root, "--against", tmp_path / "x.json")
    assert said.exit_code == 1
    assert "x.json cannot be read as what a record held" in said.stderr
