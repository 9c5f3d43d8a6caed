from datetime import UTC, datetime
from pathlib import Path

import pytest

from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.folder import RunFolder, run_name


def test_a_run_is_named_by_time_plan_and_run() -> None:
    started = datetime(2026, 3, 1, 12, 30, 5, 123456, tzinfo=UTC)
    assert run_name("harbour", "manual__1", started) == "20260301T123005Z-harbour-3102b961"
    assert run_name("harbour", "manual__2", started) != run_name("harbour", "manual__1", started)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write_json({"b": 1, "a": "å"}, "steps", "survey", "result.json")
    assert (tmp_path / "steps/survey/result.json").read_text() == '{"a":"å","b":1}'
    assert run.read_json("steps", "survey", "result.json") == {"a": "å", "b": 1}
    assert run.names("steps", "survey") == ["result.json"]
    assert run.names("nothing", "here") == []


@pytest.mark.parametrize("segment", ["..", "../x", "a/b", "", "/etc", ".hidden", "a\0b", "a..b", "x" * 300])
def test_no_name_leaves_the_folder(tmp_path: Path, segment: str) -> None:
    with pytest.raises(RecordError, match="cannot be a name in the run folder"):
        RunFolder(tmp_path).read_bytes("steps", segment)


def test_creating_never_overwrites(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.create_json({"n": 1}, "run.json")
    assert not run.create_json({"n": 2}, "run.json")
    assert run.read_json("run.json") == {"n": 1}


def test_what_another_process_is_still_writing_is_not_listed(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write_json({}, "audit", "first.json")
    (tmp_path / "audit/.0.json.1f2e3d4c").write_text("{")
    assert run.names("audit") == ["first.json"]


def test_a_missing_or_broken_file_says_which(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with pytest.raises(RecordError, match=r"run\.json cannot be read"):
        run.read_json("run.json")
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(RecordError, match=r"run\.json in .* is not JSON"):
        run.read_json("run.json")
    assert run.find_json("plan.json") is None


def test_an_unwritable_folder_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "steps").write_text("a file where a folder should be")
    with pytest.raises(RecordError, match="cannot be written"):
        RunFolder(tmp_path).write_json({}, "steps", "survey", "result.json")


def test_digests_cover_every_file_but_drafts(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write_json({}, "steps", "a", "result.json")
    run.write_json({}, "steps", "b", "001", "outcome.json")
    (tmp_path / "steps" / ".draft").write_text("x")
    assert sorted(run.digests("steps")) == ["steps/a/result.json", "steps/b/001/outcome.json"]
