"""The record is written before the effect that it allows: where it cannot be, nothing happens."""

import asyncio
import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from planexe_agents.protocol import Assignment, Outcome

from planexe_dag_factory.delegation.approval import ApprovalMissingError, record_approval, require_approvals
from planexe_dag_factory.delegation.decision import decide
from planexe_dag_factory.delegation.delegate import delegate
from planexe_dag_factory.delegation.lifecycle import INPUTS, begin_run, reach_milestone, seal, seal_run
from planexe_dag_factory.delegation.results import Result, write_result
from planexe_dag_factory.delegation.rollback import find_source, take_over_from
from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.verify import verify_run
from planexe_dag_factory.routing.model import Agent
from tests.delegation.scenes import Scene
from tests.delegation.test_rollback import again
from tests.record.runs import ANNA, FIRST, answer, ask, begun_run, work


def block(scene: Scene, *abouts: str) -> None:
    """Make the record of these things impossible to write, as on a disk that is full or read-only."""
    for about in abouts:
        path = Path(scene.step.execution.run.root) / "audit" / about
        if path.exists():
            path.rename(path.with_name(f"{about}.gone"))
        path.write_bytes(b"")


def files(scene: Scene) -> set[str]:
    return {path for path, _ in scene.step.execution.run.contents() if not path.startswith("audit/")}


def ask_agents(scene: Scene) -> None:
    asyncio.run(delegate(scene.again(), scene.agents.ask, scene.agents.wait, last_try=True))


def open_ticket(scene: Scene) -> None:
    ask(scene, "survey", "work")


def approve(scene: Scene) -> None:
    record_approval(scene.step.execution.step("sail"), ANNA, approved=True, reason="", amount=None)


def end_step(scene: Scene) -> None:
    write_result(scene.step, Result("done", ANNA))


def reach(scene: Scene) -> None:
    reach_milestone(scene.step.execution, FIRST.id)


def snapshot(scene: Scene) -> None:
    seal(scene.step.execution, FIRST.id)


def close(scene: Scene) -> None:
    seal_run(scene.step.execution)


@pytest.mark.parametrize("effect", [ask_agents, open_ticket, approve, end_step, reach, snapshot, close])
def test_nothing_happens_that_cannot_be_put_on_record(tmp_path: Path, effect: Callable[[Scene], None]) -> None:
    scene = begun_run(tmp_path, ({"confidence": 0.95},))
    block(scene, "survey", "sail", "run", FIRST.id)
    before = files(scene)
    with pytest.raises(RecordError, match="cannot be written"):
        effect(scene)
    assert files(scene) == before
    assert scene.agents.asked == []


def test_an_outcome_that_cannot_be_put_on_record_is_not_accepted(tmp_path: Path) -> None:
    scene = begun_run(tmp_path, ({"confidence": 0.95},))
    ask_agents(scene)
    block(scene, "survey")
    with pytest.raises(RecordError, match="cannot be written"):
        decide(scene.again())
    assert not any(path.endswith(("decision.json", "result.json")) for path in files(scene))


def test_an_answer_that_cannot_be_put_on_record_opens_nothing(tmp_path: Path) -> None:
    scene = begun_run(tmp_path)
    gated = scene.step.execution.step("sail")
    ticket = ask(scene, "sail", "approval")
    block(scene, "sail")
    with pytest.raises(RecordError, match="cannot be written"):
        answer(gated, ticket, ANNA, "Approve", {"comment": "go"})
    with pytest.raises((ApprovalMissingError, RecordError)):
        require_approvals(gated)


def test_a_run_that_cannot_be_put_on_record_does_not_begin(tmp_path: Path) -> None:
    (tmp_path / "run").write_bytes(b"")
    scene = begun_run(tmp_path / "other")
    inputs = {name: scene.step.execution.run.read_bytes(name) for name in INPUTS}
    about = {"dag_id": "d", "run_id": "r", "plan_id": "p"}
    with pytest.raises(RecordError, match="cannot be written"):
        begin_run(RunFolder(tmp_path / "run"), scene.step.execution.key, inputs, about)


def test_nothing_is_taken_over_that_cannot_be_put_on_record(tmp_path: Path) -> None:
    scene = begun_run(tmp_path, ({"confidence": 0.95},))
    work(scene, "survey")
    seal(scene.step.execution, FIRST.id)
    execution = again(scene)
    block(replace(scene, step=execution.step("survey")), "survey")
    with pytest.raises(RecordError, match="cannot be written"):
        take_over_from(execution, find_source(scene.step.execution.run, FIRST.id)[0], ANNA)
    assert not execution.run.exists("steps", "survey", "result.json")


@contextmanager
def full_disk() -> Iterator[None]:
    """Let this process write nothing more until the end, as on a disk that is full."""
    least, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (least, most))


def test_an_outcome_that_finds_the_disk_full_is_asked_for_again_under_the_same_key(tmp_path: Path) -> None:
    """The task fails and says why; Airflow starts it again, and the agent has its outcome still."""
    scene = begun_run(tmp_path, ({"confidence": 0.95}, {"confidence": 0.95}))

    async def ask_on_a_full_disk(agent: Agent, assignment: Assignment) -> Outcome:
        found = await scene.agents.ask(agent, assignment)
        full.enter_context(full_disk())
        return found

    with ExitStack() as full, pytest.raises(RecordError, match=r"cannot be written: .*File too large"):
        asyncio.run(delegate(scene.again(), ask_on_a_full_disk, scene.agents.wait, last_try=False))
    assert [path for path in files(scene) if "/." in path or path.startswith(".")] == [], "no half of a file is left"
    ask_agents(scene)
    first, second = scene.agents.asked
    assert first == second
    assert decide(scene.again()).decision == "accept"
    close(scene)
    found = verify_run(scene.step.execution.run, frozenset({scene.step.execution.key.public}))
    assert [problem for problem in found.problems if problem.severity == "error"] == []
