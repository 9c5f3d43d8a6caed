"""`planexe-dag runs`, `snapshots`, `diff` and `rollback`, on the record of a whole run."""

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import invoke
from tests.record.runs import finished_run


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    finished_run(folder)
    (folder / "agents").mkdir(exist_ok=True)
    return folder


def test_runs_are_listed(root: Path) -> None:
    (row,) = json.loads(invoke("runs", "--runs", root, "--json").stdout)
    assert (row["run"], row["plan_id"], row["state"], row["snapshots"]) == ("run", "harbour", "sealed", 3)
    assert "harbour" in invoke("runs", "--runs", root).stdout


def test_snapshots_are_listed(root: Path) -> None:
    rows = json.loads(invoke("snapshots", "run", "--runs", root, "--json").stdout)
    assert [row["name"] for row in rows] == ["milestone-one", "milestone-two", "final"]
    assert rows[0]["events"] < rows[1]["events"] < rows[2]["events"]
    assert "milestone-two" in invoke("snapshots", root / "run").stdout


def test_two_milestones_are_compared(root: Path) -> None:
    said = invoke("diff", "run", "one", "final", "--runs", root)
    assert said.stdout.startswith("result: next\n")
    assert "  + done by anna" in said.stdout
    assert invoke("diff", "run", "run", "--runs", root).stdout == "They say the same.\n"
    assert json.loads(invoke("diff", "run", "one", "two", "--runs", root, "--json").stdout)[0]["before"] is None


@pytest.mark.parametrize(
    "words", [("snapshots", "none"), ("diff", "run", "one", "noon"), ("rollback", "run", "--to", "noon")]
)
def test_what_is_not_there_is_said(root: Path, words: tuple[str, ...]) -> None:
    said = invoke(*words, "--runs", root)
    assert said.exit_code == 1
    assert "there is no run 'none'" in said.stderr or "has no snapshot 'noon'; it has milestone-one" in said.stderr


def test_a_rollback_needs_a_stack(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = invoke("rollback", "run", "--to", "one", "--runs", root)
    assert said.exit_code == 3
    assert "nothing runs in this directory; start it with: planexe-dag up" in said.stderr
