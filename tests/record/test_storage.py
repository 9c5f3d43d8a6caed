"""The same promises on a disk and in an object store."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from planexe_agents.signing import SigningKey
from typer.testing import CliRunner

from planexe_dag_factory.cli import app
from planexe_dag_factory.delegation.history import History
from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.learning.lessons import Lesson, Lessons
from planexe_dag_factory.record.events import Event, append_event, list_events
from planexe_dag_factory.record.folder import RunFolder, now
from planexe_dag_factory.record.keys import make_ring, pin_ring
from planexe_dag_factory.record.storage import Bucket, open_storage
from planexe_dag_factory.record.verify import verify_run
from planexe_dag_factory.routing.model import Candidate
from tests.object_store import BUCKET, object_store
from tests.record.runs import ANNA, finished_run, record_of


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A run root in an object store that the environment leads to."""
    with object_store(tmp_path_factory.mktemp("s3") / "log") as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield f"s3://{BUCKET}/{uuid4().hex}"


@pytest.fixture(params=["disk", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A run root of either kind."""
    return str(tmp_path / "root") if request.param == "disk" else f"{request.getfixturevalue('s3')}/{uuid4().hex}"


@pytest.fixture(scope="module")
def recorded(s3: str, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A whole run, file by file in the object store."""
    local = record_of(finished_run(tmp_path_factory.mktemp("runs")))
    run = RunFolder(f"{s3}/runs/{local.name}")
    for path, content in local.contents():
        run.write_bytes(content, *path.split("/"))
    return run


def test_a_folder_reads_what_was_written_by_any_name_of_it(place: str) -> None:
    run = RunFolder(f"{place}/one")
    run.write_json({"a": 1}, "steps", "survey", "result.json")
    run.write_json({"a": 2}, "steps", "survey", "result.json")
    again = RunFolder(run.root)
    assert (again.root, again.name, again.above.root) == (f"{place}/one", "one", place)
    assert again.read_json("steps", "survey", "result.json") == {"a": 2}
    assert again.exists("steps", "survey", "result.json")
    assert not again.exists("steps", "survey", "other.json")
    assert again.find_json("steps", "survey", "other.json") is None
    assert (again.names("steps"), again.names("none")) == (["survey"], [])
    assert again.paths() == ["steps/survey/result.json"]
    assert dict(RunFolder(place).contents("one")) == {"one/steps/survey/result.json": b'{"a":2}'}
    with pytest.raises(RecordError, match=r"other\.json cannot be read"):
        again.read_bytes("other.json")
    again.remove("steps", "survey", "result.json")
    again.remove("steps", "survey", "result.json")
    assert again.names("steps", "survey") == []


def test_of_many_who_create_a_file_at_once_one_does(place: str) -> None:
    run = RunFolder(place)
    with ThreadPoolExecutor(8) as threads:
        created = list(threads.map(lambda number: run.create_json({"by": number}, "run.json"), range(24)))
    assert created.count(True) == 1
    assert run.read_json("run.json") == {"by": created.index(True)}


def test_events_follow_each_other(place: str) -> None:
    run, key = RunFolder(f"{place}/run"), SigningKey.generate()
    first = append_event(run, key, Event("run-started"))
    append_event(run, key, Event("run-ended"))
    assert run.read_json(*list_events(run)[1].segments)["follows"] == [first]


def test_what_runs_share_lies_beside_them(place: str, tmp_path: Path) -> None:
    scene = finished_run(tmp_path)
    run, ring = RunFolder(f"{place}/run"), make_ring(tmp_path / "keys")
    History.beside(run).add(scene.step, Candidate("first", "survey", 1.0), "completed")
    assert [entry.fate for entry in History.beside(run).read("first")] == ["completed"]
    lesson = Lesson("corrected", "Count", "Survey", "first", "survey", "plan", "run", "survey", ANNA.as_json(), now())
    lessons = Lessons.below(run.above, ring.public)
    lessons.add(lesson, ring.current)
    assert [one.text for one in lessons.read()] == ["Count"]
    assert lessons.remove(lesson.id)
    pin_ring(run.above, ring)
    with pytest.raises(RecordError, match="was signed with another key"):
        pin_ring(run.above, make_ring(tmp_path / "other"))


def test_a_record_in_an_object_store_is_verified_like_one_on_a_disk(recorded: RunFolder) -> None:
    assert verify_run(recorded).ok
    name = ("steps", "survey", "result.json")
    content = recorded.read_bytes(*name)
    recorded.remove(*name)
    assert verify_run(recorded).problems[0].where.file == "/".join(name)
    recorded.write_bytes(content, *name)
    assert verify_run(recorded).ok


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["audit", "verify"], "whole, from the beginning to its seal"),
        (["audit", "show"], "run-sealed"),
        (["snapshots"], "milestone-one"),
    ],
)
def test_the_commands_take_a_run_by_address_and_by_name(recorded: RunFolder, words: list[str], said: str) -> None:
    for run in ([recorded.root], [recorded.name, "--runs", recorded.above.root]):
        done = CliRunner().invoke(app, [*words, *run], env={"COLUMNS": "200"})
        assert done.exit_code == 0, done.output
        assert said in done.output


def test_runs_differences_and_reports_come_from_an_object_store(recorded: RunFolder, tmp_path: Path) -> None:
    root = recorded.above.root
    listed = CliRunner().invoke(app, ["runs", "--runs", root, "--json"])
    assert [one["run"] for one in json.loads(listed.stdout)] == [recorded.name]
    told = CliRunner().invoke(app, ["diff", recorded.name, "milestone-one", "final", "--runs", root, "--json"])
    assert {one["part"] for one in json.loads(told.stdout)} == {"result", "decision"}
    words = ["report", recorded.name, "--runs", root, "--to", str(tmp_path), "--json"]
    made = CliRunner().invoke(app, words)
    assert made.exit_code == 0, made.output
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_a_bucket_that_is_not_there_or_cannot_be_one_is_an_error(s3: str) -> None:
    missing = RunFolder("s3://nobody-made-this/run")
    with pytest.raises(RecordError, match=r"run\.json cannot be written: .*NoSuchBucket") as caught:
        missing.write_json({}, "run.json")
    assert "Debug source" not in str(caught.value)
    with pytest.raises(RecordError, match="NoSuchBucket"):
        missing.names()
    with pytest.raises(RecordError, match="cannot be opened as an object store"):
        RunFolder("nonsense://bucket/run")


def test_another_environment_is_another_store(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(endpoint: str) -> object:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        storage = open_storage(f"s3://{BUCKET}/run")
        assert isinstance(storage, Bucket)
        return storage.store

    first = opened("http://127.0.0.1:1")
    assert opened("http://127.0.0.1:2") is not first
    assert opened("http://127.0.0.1:1") is first, "the same is opened once"


def test_a_process_that_was_forked_says_so_rather_than_wait_for_ever(s3: str) -> None:
    storage = open_storage(s3)
    storage.names("")
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            storage.names("")
        except OSError as error:
            os.write(writing, str(error).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert b"forked from one that used an object store" in os.read(reading, 200)
