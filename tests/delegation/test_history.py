"""The agents' history as files that any number of processes write at once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.delegation.history import FOLDER, KEPT, SWEPT, History
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.routing.model import Candidate
from tests.delegation.scenes import ITEM, make_scene

COMPUTE = Candidate("first", "compute", 0.9)


def opened(tmp_path: Path) -> tuple[History, StepRun]:
    step = make_scene(tmp_path).step
    return History.beside(step.execution.run), step


def test_what_is_noted_is_read_back_oldest_first(tmp_path: Path) -> None:
    history, step = opened(tmp_path)
    history.add(step, COMPUTE, "asked")
    history.add(step, COMPUTE, "busy", "429", pause_s=12.7)
    history.add(replace(step, item=replace(ITEM, id="other")), COMPUTE, "completed")
    asked, busy, completed = history.read("first")
    assert [asked.fate, busy.fate, completed.fate] == ["asked", "busy", "completed"]
    assert (busy.action, busy.pause) == ("compute", timedelta(seconds=12))
    assert asked.step == busy.step != completed.step
    assert timedelta() <= datetime.now(UTC) - asked.at < timedelta(minutes=1)
    assert history.read("second") == ()


def test_all_runs_of_a_root_share_it(tmp_path: Path) -> None:
    history, step = opened(tmp_path)
    history.add(step, COMPUTE, "asked")
    assert len(History.beside(RunFolder(tmp_path / "another-run")).read("first")) == 1


def test_old_entries_go_a_few_at_a_time(tmp_path: Path) -> None:
    history, step = opened(tmp_path)
    for _ in range(KEPT + 2 * SWEPT):
        history.add(step, COMPUTE, "completed")
    folder = tmp_path / FOLDER / "first"
    newest = sorted(folder.iterdir())[-KEPT:]
    for left in (KEPT + SWEPT, KEPT, KEPT):
        assert len(history.read("first")) == KEPT
        assert len(list(folder.iterdir())) == left
    assert sorted(folder.iterdir()) == newest


def test_files_of_another_kind_say_nothing(tmp_path: Path) -> None:
    history, step = opened(tmp_path)
    history.add(step, COMPUTE, "completed")
    for name in (
        "readme.txt",
        "20260101T000000000000+praised+compute+00000000.json",
        "20261332T000000000000+asked+compute+00000000.json",
    ):
        (tmp_path / FOLDER / "first" / name).write_text("")
    assert [entry.fate for entry in history.read("first")] == ["completed"]


@pytest.mark.parametrize("pause_s", [1e9, float("inf")])
def test_no_pause_is_too_long_to_be_noted(tmp_path: Path, pause_s: float) -> None:
    history, step = opened(tmp_path)
    history.add(step, COMPUTE, "busy", "429", pause_s)
    assert history.read("first")[0].pause == timedelta(seconds=999_999)
