"""What is no file, in a record: it is named, and never opened. A draft in a run that was sealed is named too."""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from planexe_dag_factory.delegation.lifecycle import seal_run
from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.manifest import make_manifest
from planexe_dag_factory.record.verify import verify_run
from tests.record.runs import begun_run, finished_run

PLACES = ["steps/survey/result.json", "run.json", "final/seal.json", "notes", "audit/run/notes", "audit/notes"]


def _pipe(path: Path, _: bytes | None) -> None:
    os.mkfifo(path)


def _socket(path: Path, _: bytes | None) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's address is short
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(here)


def _link(path: Path, content: bytes | None) -> None:
    """A link to what was there: what one reads through it is right."""
    kept = path.parents[3] / f"kept-{path.name}"
    kept.write_bytes(content or b"{}")
    path.symlink_to(kept)


def _dead_link(path: Path, _: bytes | None) -> None:
    path.symlink_to(path.with_name("nowhere"))


def _folder(path: Path, _: bytes | None) -> None:
    (path / "deep").mkdir(parents=True)
    (path / "deep" / "x").write_bytes(b"x")


def errors(root: Path) -> list[str]:
    return [str(one.where.file) for one in verify_run(RunFolder(root)).problems if one.severity == "error"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("make", [_pipe, _socket, _link, _dead_link, _folder])
def test_what_is_no_file_is_named_and_never_opened(
    root: Path, place: str, make: Callable[[Path, bytes | None], None]
) -> None:
    path = root / place
    content = path.read_bytes() if path.exists() else None
    path.unlink(missing_ok=True)
    make(path, content)
    assert {place, f"{place}/deep/x"} & set(errors(root))


@pytest.mark.parametrize("place", ["steps/survey", "audit/survey", "audit", "final"])
def test_a_folder_that_was_moved_away_behind_a_link_is_named(root: Path, tmp_path: Path, place: str) -> None:
    shutil.move(root / place, tmp_path / "elsewhere")
    (root / place).symlink_to(tmp_path / "elsewhere")
    assert place in errors(root)


def test_every_event_and_file_behind_a_pipe_is_named(root: Path) -> None:
    for path in sorted(one for one in root.rglob("*") if one.is_file()):
        content = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        assert path.relative_to(root).as_posix() in errors(root)
        path.unlink()
        path.write_bytes(content)
    assert errors(root) == []


def test_whoever_reads_or_seals_a_run_does_not_wait_for_a_pipe(root: Path, tmp_path: Path) -> None:
    run = RunFolder(root)
    os.mkfifo(root / "pipe")
    (root / "link").symlink_to(root / "run.json")
    for name in ("pipe", "link"):
        with pytest.raises(RecordError, match=f"{name} cannot be read"):
            run.read_bytes(name)
    key = begun_run(tmp_path / "other").step.execution.key
    assert not {"pipe", "link"} & set(make_manifest(run, key)["files"])


def test_a_draft_is_a_warning_while_a_run_is_under_way(tmp_path: Path) -> None:
    run = begun_run(tmp_path).step.execution.run
    (Path(run.root) / ".result.json.0123abcd").write_bytes(b"half")
    found = verify_run(run)
    assert [(one.severity, one.code) for one in found.problems] == [("warning", "unfinished")]


def test_a_draft_that_came_after_the_seal_is_named(root: Path) -> None:
    for name in (".x.0123abcd", "steps/.result.json.0123abcd", "audit/run/.x.json.0123abcd"):
        (root / name).write_bytes(b"half")
        assert errors(root) == [name]
        (root / name).unlink()


def test_a_draft_that_the_seal_lists_is_a_warning_until_it_is_changed(tmp_path: Path) -> None:
    """A process was killed while it wrote; the run went on, and ended."""
    execution = finished_run(tmp_path).step.execution
    draft = Path(execution.run.root) / "steps" / ".result.json.0123abcd"
    draft.write_bytes(b"half")
    seal_run(execution)
    found = verify_run(execution.run)
    assert (found.ok, found.state, [one.code for one in found.problems]) == (True, "sealed", ["unfinished"])
    draft.write_bytes(b"other")
    assert errors(Path(execution.run.root)) == ["steps/.result.json.0123abcd"]
    draft.unlink()
    assert verify_run(execution.run).problems == ()
