"""A process that dies at any write, and starts again: nothing is done twice, nothing is lost, the record is whole."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from airflow.sdk.exceptions import AirflowFailException, DownstreamTasksSkipped, TaskAwaitingInput, TaskDeferred
from planexe_agents.client import AgentUnavailable
from planexe_agents.protocol import Assignment, Outcome

from planexe_dag_factory.airflow import callbacks, operators, sensors
from planexe_dag_factory.airflow.operators import AgentOperator, FinishRunOperator, MilestoneOperator
from planexe_dag_factory.airflow.sensors import ApprovalGateSensor, HumanTicketSensor, TicketSensor
from planexe_dag_factory.delegation.decision import decide
from planexe_dag_factory.delegation.delegate import delegate
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.delegation.lifecycle import reach_milestone, seal
from planexe_dag_factory.record.events import read_events
from planexe_dag_factory.record.verify import Verification, verify_run
from planexe_dag_factory.routing.model import Agent
from planexe_dag_factory.routing.people import People
from tests.delegation.scenes import Scene, outcome
from tests.faults.dying import Clock, every_death
from tests.object_store import BUCKET, object_store
from tests.record.runs import FIRST, begun_run, work

Act = Callable[[Scene, int], None]
RETRIES = 8


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A place in an object store that the environment leads to."""
    with object_store(tmp_path_factory.mktemp("s3") / "log") as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield f"s3://{BUCKET}/{uuid4().hex}"


DISK, STORE = "disk", "object store"


@pytest.fixture(params=[DISK, STORE])
def root(request: pytest.FixtureRequest) -> str | None:
    """Where runs are recorded: None, below a test's own folder; else a place in an object store."""
    return None if request.param == DISK else f"{request.getfixturevalue('bucket')}/{uuid4().hex}"


def at(root: str | None, number: int) -> str | None:
    return f"{root}/{number}" if root else None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@dataclass
class Mill:
    """Agents that know an assignment again: the effect is made once, the answer always given."""

    scene: Scene
    clock: Clock
    silent: bool = False
    effects: Counter[str] = field(default_factory=Counter)
    told: dict[str, Outcome] = field(default_factory=dict)

    async def ask(self, agent: Agent, assignment: Assignment) -> Outcome:
        if self.silent and agent.id == "first":
            raise AgentUnavailable("nobody listens")
        if assignment.id not in self.told:
            self.effects[assignment.id] += 1
            self.told[assignment.id] = outcome(assignment, self.scene.agents.keys[agent.id])
        self.clock.tick()  # it has acted, and its answer has not arrived
        return self.told[assignment.id]


def context(scene: Scene, task_id: str, number: int) -> Any:
    ti = SimpleNamespace(
        id=uuid4(), dag_id="harbour", run_id="run-1", task_id=task_id, try_number=number, max_tries=RETRIES
    )
    ti.get_task_states = lambda **_: {}
    return {"ti": ti, "task": SimpleNamespace(retries=RETRIES), "dag_run": None}


def another_process(scene: Scene) -> Execution:
    return replace(scene.step.execution)


def verified(scene: Scene) -> Verification:
    found = verify_run(scene.step.execution.run, {scene.step.execution.key.public})
    assert [problem.message for problem in found.problems if problem.severity == "error"] == []
    return found


def actions(scene: Scene, about: str) -> Counter[str]:
    return Counter(event["action"] for event in read_events(scene.step.execution.run, about))


@pytest.mark.parametrize(("root", "silent"), [(DISK, False), (DISK, True), (STORE, False)], indirect=["root"])
def test_an_agents_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock, silent: bool, root: str | None
) -> None:
    mills: dict[int, Mill] = {}

    def begin(number: int) -> Scene:
        scene = begun_run(tmp_path / str(number), (), root=at(root, number))
        mills[id(scene)] = Mill(scene, clock, silent)
        return scene

    def act(scene: Scene, number: int) -> None:
        async def asked(step: Any, *_: Any, **__: Any) -> Any:
            return await delegate(step, mills[id(scene)].ask, scene.agents.wait, last_try=False)

        monkeypatch.setattr(operators, "execution_of", lambda _: another_process(scene))
        monkeypatch.setattr(operators, "delegate", asked)
        with pytest.raises(DownstreamTasksSkipped):
            AgentOperator(task_id="survey.work", work_item="survey").execute(context(scene, "survey.work", number))

    deaths = 0
    for scene in every_death(clock, begin, act):
        deaths += 1
        assert list(mills[id(scene)].effects.values()) == [1]
        assert actions(scene, "survey")["step-done"] == 1
        assert scene.step.read_json("result.json")["status"] == "done"
        assert verified(scene)
    assert deaths > 8


@dataclass
class Office:
    """Airflow's requests, and a person who answers each as soon as its task is parked, or while it is not."""

    early: bool
    option: str
    open: bool = False
    answer: dict[str, Any] | None = None
    asked: int = 0

    def upsert(self, **_: Any) -> None:
        self.open, self.answer = True, None
        if self.early:
            self.say()

    def say(self) -> None:
        if self.open and self.answer is None:
            self.asked += 1
            fields = {"comment": "so be it"}
            by = {"id": "anna", "name": "Anna"}
            self.answer = {"chosen_options": [self.option], "params_input": fields, "responded_by_user": by}

    def carry(self, sensor: TicketSensor, told: Any) -> str:
        """Carry a task from leg to leg to its end, as Airflow does."""
        event: dict[str, Any] | None = None
        while True:
            try:
                return sensor.execute(told) if event is None else sensor.resume(told, event)
            except TaskAwaitingInput:
                self.say()
                event = self.answer
            except TaskDeferred:  # AnswerTrigger looks what was kept
                event = self.answer or {"open": self.open}


CASES = [
    pytest.param(HumanTicketSensor, "next", "Done", id="work"),
    pytest.param(HumanTicketSensor, "next", "Refuse", id="refused"),
    pytest.param(ApprovalGateSensor, "sail", "Approve", id="approval"),
    pytest.param(ApprovalGateSensor, "sail", "Reject", id="rejection"),
]


@pytest.mark.parametrize(("root", "early"), [(DISK, False), (DISK, True), (STORE, False)], indirect=["root"])
@pytest.mark.parametrize(("kind", "item", "option"), CASES)
def test_a_persons_answer(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    clock: Clock,
    kind: type[TicketSensor],
    item: str,
    option: str,
    early: bool,
    root: str | None,
) -> None:
    offices: dict[int, Office] = {}
    monkeypatch.setattr(sensors, "people", People)
    monkeypatch.setattr(sensors, "notify_path", lambda: None)

    def begin(number: int) -> Scene:
        scene = begun_run(tmp_path / str(number), (), root=at(root, number))
        offices[id(scene)] = Office(early, option)
        return scene

    def act(scene: Scene, number: int) -> None:
        office = offices[id(scene)]
        monkeypatch.setattr(sensors, "execution_of", lambda _: another_process(scene))
        monkeypatch.setattr(sensors, "upsert_hitl_detail", office.upsert)
        sensor = kind(task_id=f"{item}.human", work_item=item)
        try:
            assert office.carry(sensor, context(scene, sensor.task_id, number)) == option
        except AirflowFailException:
            assert option in ("Refuse", "Reject")

    deaths = 0
    for scene in every_death(clock, begin, act):
        deaths += 1
        step = scene.step.execution.step(item)
        assert offices[id(scene)].asked == 1
        assert step.names("tickets") == ["001"]
        assert step.read_json("tickets", "001", "answer.json")["accepted"]
        if option == "Approve":
            assert step.read_json("approval.json")["decision"] == "approved"
        else:
            assert step.read_json("result.json")["status"] == ("done" if option == "Done" else "refused")
        assert verified(scene)
    assert deaths > 6


def test_a_milestone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock, root: str | None) -> None:
    def begin(number: int) -> Scene:
        scene = begun_run(tmp_path / str(number), ({"confidence": 0.95},), root=at(root, number))
        work(scene, "survey")
        return scene

    def act(scene: Scene, number: int) -> None:
        monkeypatch.setattr(operators, "execution_of", lambda _: another_process(scene))
        operator = MilestoneOperator(task_id=FIRST.id, milestone=FIRST.id)
        operator.execute(context(scene, FIRST.id, number))

    for scene in every_death(clock, begin, act):
        assert actions(scene, FIRST.id)["milestone-reached"] == 1
        assert scene.step.execution.run.exists("milestones", FIRST.id, "manifest.json")


def test_the_end_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(callbacks, "_render_page", lambda *_: {"report.html": b"<p>", "report.json": b"{}"})
    monkeypatch.setattr(callbacks, "_render_pdf", lambda *_: {"report.pdf": b"%PDF"})

    def begin(number: int) -> Scene:
        scene = begun_run(tmp_path / str(number), ({"confidence": 0.95},))
        asyncio.run(delegate(scene.again(), scene.agents.ask, scene.agents.wait, last_try=True))
        decide(scene.again())
        reach_milestone(scene.step.execution, FIRST.id)  # its callback died with its process
        seal(scene.step.execution, FIRST.id)
        return scene

    def act(scene: Scene, number: int) -> None:
        monkeypatch.setattr(operators, "execution_of", lambda _: another_process(scene))
        FinishRunOperator(task_id="finish").execute(context(scene, "finish", number))

    reports = {"report.html", "report.json", "report.pdf"}
    for scene in every_death(clock, begin, act):
        run = scene.step.execution.run
        assert (actions(scene, "run")["run-ended"], actions(scene, "run")["run-sealed"]) == (1, 1)
        assert reports <= set(run.names("final"))
        assert reports <= set(run.names("milestones", FIRST.id, "report"))
        found = verify_run(run, {scene.step.execution.key.public})
        assert found.state == "sealed"
