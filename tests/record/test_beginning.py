"""A run that begins: whenever its process dies, nothing lies there that no event names, and the next try mends it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from planexe_agents.signing import SigningKey

from planexe_dag_factory.delegation.lifecycle import INPUTS, begin_run
from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.events import RUN, read_events
from planexe_dag_factory.record.folder import RunFolder, is_draft
from planexe_dag_factory.record.storage import Disk
from planexe_dag_factory.record.verify import verify_run
from tests.faults.dying import Clock, Death, every_death
from tests.record.runs import begun_run

KEY = SigningKey.generate()
ABOUT = {"dag_id": "harbour", "run_id": "run-1", "plan_id": "harbour", "by": "carl"}


@pytest.fixture
def inputs(tmp_path: Path) -> Mapping[str, bytes]:
    run = begun_run(tmp_path / "other").step.execution.run
    return {name: run.read_bytes(name) for name in INPUTS}


@pytest.fixture(params=["disk", "object store"])
def stored(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let drafts be written, or none, as in an object store."""
    if request.param == "object store":
        monkeypatch.setattr(Disk, "stage", lambda *_: None)
        monkeypatch.setattr(Disk, "settle", lambda disk, content, _, path: disk.write(content, path, replace=True))


def unnamed(run: RunFolder) -> set[str]:
    """Return the files that no event names."""
    named = {path for event in read_events(run) for path in event["digests"]}
    return {path for path in run.paths() if not path.startswith("audit/") and not is_draft(path)} - named


@pytest.mark.usefixtures("stored")
def test_whenever_a_run_dies_at_its_beginning_the_next_try_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: Mapping[str, bytes]
) -> None:
    clock = Clock(monkeypatch)
    at_death: list[set[str]] = []

    def act(run: RunFolder, number: int) -> None:
        try:
            begin_run(run, KEY, inputs, ABOUT)
        except Death:
            at_death.append(unnamed(run))
            raise

    deaths = 0
    for run in every_death(clock, lambda number: RunFolder(tmp_path / str(number)), act):
        deaths += 1
        found = verify_run(run, [KEY.public])
        assert [one.message for one in found.problems if one.severity == "error"] == []
        assert [event["action"] for event in read_events(run, RUN)] == ["plan-read", "plan-routed", "run-started"]
        assert {name: run.read_bytes(name) for name in INPUTS} == inputs
        assert run.read_json("run.json")["run"] == run.name
    assert deaths > 8
    assert not any(at_death), "a file was there before its event"


@pytest.mark.parametrize("name", ["plan.json", "policy.json"])
@pytest.mark.parametrize("deaths", range(3, 9))
def test_two_plans_are_never_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: Mapping[str, bytes], name: str, deaths: int
) -> None:
    """The plan was changed between two tries: the run is of the one or of the other, or does not begin."""
    clock, run = Clock(monkeypatch), RunFolder(tmp_path / "run")
    clock.left = deaths
    with pytest.raises(Death):
        begin_run(run, KEY, inputs, ABOUT)
    clock.left = None
    changed = {**inputs, name: inputs[name].replace(b"{", b"{ ", 1)}
    try:
        begin_run(run, KEY, changed, ABOUT)
    except RecordError as error:
        assert "the plan, or the key, has changed since; trigger the plan again" in str(error)  # noqa: PT017
        assert not run.exists("run.json")
    else:
        assert {one: run.read_bytes(one) for one in INPUTS} in (dict(inputs), changed)


def test_a_run_that_has_begun_keeps_what_it_began_with(tmp_path: Path, inputs: Mapping[str, bytes]) -> None:
    """Its first task is cleared by hand, when the plan has changed."""
    run = RunFolder(tmp_path / "run")
    begin_run(run, KEY, inputs, ABOUT)
    begin_run(run, KEY, {**inputs, "plan.json": b"{}"}, {**ABOUT, "by": "dora"})
    assert run.read_bytes("plan.json") == inputs["plan.json"]
    assert len(read_events(run)) == 3
    assert verify_run(run, [KEY.public]).ok


def test_a_draft_that_cannot_be_read_is_an_error_and_stays_for_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a shared disk that fails for a moment."""
    scene = begun_run(tmp_path)
    execution, content = scene.step.execution, b"<p>The end</p>"
    clock = Clock(monkeypatch)
    clock.left = 2  # staged, and named by its event
    with pytest.raises(Death):
        execution.record("report-written", RUN, {"final/report.html": content})
    clock.left = None
    with monkeypatch.context() as patch:
        patch.setattr(Disk, "read", _fail_for_drafts(Disk.read))
        with pytest.raises(RecordError, match=r"final/\.report\.html\.[0-9a-f]{8} cannot be read in .*: gone"):
            execution.finish_writes(RUN)
    assert [path.rpartition(".")[0] for path in execution.run.drafts()] == ["final/.report.html"]
    execution.finish_writes(RUN)
    assert execution.run.read_bytes("final", "report.html") == content
    assert execution.run.drafts() == []


def _fail_for_drafts(read: Callable[[Disk, str], bytes]) -> Callable[[Disk, str], bytes]:
    def failing(disk: Disk, path: str) -> bytes:
        if is_draft(path):
            raise OSError("gone")
        return read(disk, path)

    return failing
