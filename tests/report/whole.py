"""The whole example plan carried out in this process: the real agents, people who answer, and a clock that is set.

All that the operators call is called in the order of the DAG; only Airflow, the network and the clock are left out.
"""

from __future__ import annotations

import asyncio
import heapq
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from planexe_agents.agents import NAMES, load
from planexe_agents.protocol import Assignment, Outcome
from planexe_agents.signing import SigningKey, canonical, digest

from planexe_dag_factory.compile.build import build_plan
from planexe_dag_factory.delegation.answers import Answer, open_ticket, take_answer
from planexe_dag_factory.delegation.asking import Kind
from planexe_dag_factory.delegation.decision import accept_at_once, decide
from planexe_dag_factory.delegation.delegate import delegate
from planexe_dag_factory.delegation.execution import Execution, StepRun
from planexe_dag_factory.delegation.lifecycle import (
    begin_run,
    end_run,
    keep_estimates,
    reach_milestone,
    seal,
    seal_run,
)
from planexe_dag_factory.delegation.tickets import Place, build_ticket
from planexe_dag_factory.plan.native import to_native
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.routing.model import HUMAN, Agent, Registry
from planexe_dag_factory.routing.policy import dump_policy
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.routing.registry_format import dump_registry
from planexe_dag_factory.spec.codec import dump_spec
from planexe_dag_factory.spec.model import TaskSpec, WorkItem

EXAMPLE = Path(__file__).parents[2] / "dags" / "examples" / "harbour_air_watch"
NAME = "20260309T080000Z-harbour-air-watch-0a1b2c3d"
BEGAN = datetime(2026, 3, 9, 8, tzinfo=UTC)
KEY = SigningKey.from_seed(b"orchestrator".ljust(32))
AGENT_KEYS = {name: SigningKey.from_seed(name.encode().ljust(32)) for name in NAMES}
MARA = Actor("person", "mara", "Mara Lind", "planexe page", "auth")
PAUL = Actor("person", "paul", "Paul Ahrens", "planexe page", "auth")
CLOCKS = (
    "planexe_dag_factory.record.folder",
    "planexe_dag_factory.delegation.delegate",
    "planexe_dag_factory.delegation.due",
    "planexe_dag_factory.delegation.turns",
    "planexe_agents.service.agent",
)
PACE = (0.7, 1.0, 1.4, 0.5, 1.1)
"""What people take of the planned days, one after another."""
AGENT_S = 3.0
REVIEW_H = 5.0
APPROVAL_H = 26.0


@dataclass
class Clock:
    """The time of the play; every look takes a millisecond, so that nothing happens at once."""

    moment: datetime = BEGAN

    def look(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment

    @contextmanager
    def instead(self) -> Iterator[None]:
        """Let all that asks for the time ask this clock."""
        clock = self

        class Set(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Any:
                return clock.look().astimezone(tz)

        patches = [patch(f"{module}.datetime", Set) for module in CLOCKS]
        for one in patches:
            one.start()
        try:
            yield
        finally:
            for one in patches:
                one.stop()


async def ask(agent: Agent, assignment: Assignment) -> Outcome:
    """Ask an agent of the package in this process."""
    asked = digest(assignment.model_dump(mode="json"))
    return load(agent.id).perform(assignment, asked, AGENT_KEYS[agent.id], threading.Event())


async def wait(_seconds: float) -> None:
    raise AssertionError("nobody has to be waited for")


@dataclass
class Play:
    """The tasks of the example's DAG, carried out one after another as their turn comes."""

    execution: Execution
    clock: Clock
    skipped: set[str] = field(default_factory=set)
    people: int = 0

    def carry_out(self) -> None:
        """Begin each task when those before it have ended, and end it when its time has come."""
        tasks = {task.id: task for task in self.execution.spec.tasks}
        before: dict[str, set[str]] = {task: set() for task in tasks}
        for earlier, later in self.execution.spec.edges:
            before[later].add(earlier)
        coming: list[tuple[datetime, int, str, Callable[[], object]]] = []
        begun: set[str] = set()
        ended: set[str] = set()
        while len(ended) < len(tasks):
            for task in (one for one in tasks if one not in begun and before[one] <= ended):
                begun.add(task)
                lasting, end = self._begin(tasks[task])
                heapq.heappush(coming, (self.clock.moment + lasting, len(begun), task, end))
            at, _, task, end = heapq.heappop(coming)
            self.clock.moment = max(self.clock.moment, at)
            end()
            ended.add(task)

    def _begin(self, task: TaskSpec) -> tuple[timedelta, Callable[[], object]]:
        """Begin a task; return how long it lasts and what ends it."""
        if task.id in self.skipped or task.kind in ("start", "done"):
            return timedelta(), lambda: None
        if task.work_item is None:
            return timedelta(), partial(self._reach, task.milestone) if task.milestone else self._finish
        return self._begin_work(task, self.execution.step(task.work_item))

    def _begin_work(self, task: TaskSpec, step: StepRun) -> tuple[timedelta, Callable[[], object]]:
        if task.kind == "gate":
            return self._ask(step, "approval", task, step.item.route.gate.why if step.item.route.gate else "")
        if task.kind == "work":
            asyncio.run(delegate(step, ask, wait, last_try=True))
            return timedelta(seconds=AGENT_S), partial(self._accept, step)
        if task.kind == "check":
            return timedelta(), partial(self._check, step)
        decision = None if step.item.route.executor == HUMAN else decide(step)
        kind: Kind = "work" if decision is None or decision.decision == "ticket" else "review"
        kind = "senior_review" if kind == "review" and step.item.milestone else kind
        return self._ask(step, kind, task, decision.why if decision else step.item.route.why)

    def _accept(self, step: StepRun) -> None:
        if accept_at_once(step):
            self.skipped |= {f"{step.id}.check", f"{step.id}.human"}

    def _check(self, step: StepRun) -> None:
        if decide(step).decision == "accept":
            self.skipped.add(f"{step.id}.human")

    def _ask(self, step: StepRun, kind: Kind, task: TaskSpec, why: str) -> tuple[timedelta, Callable[[], object]]:
        spec = self.execution.spec
        ticket = build_ticket(step, kind, Place(spec.dag_id, "manual__1", task.id), why)
        open_ticket(step, ticket)
        lasting = {"approval": APPROVAL_H, "work": 24 * self._days(step.item)}.get(kind, REVIEW_H)
        return timedelta(hours=lasting), partial(self._answer, step, ticket)

    def _days(self, item: WorkItem) -> float:
        self.people += 1
        return (item.days[1] if item.days else 1.0) * PACE[self.people % len(PACE)]

    def _answer(self, step: StepRun, ticket: Mapping[str, Any]) -> None:
        option = {"work": "Done", "review": "Accept", "approval": "Approve", "senior_review": "Proceed"}
        said = {
            "work": "Done as described; the notes are with the harbour office.",
            "review": "Read against its sources, and good enough to go on with.",
            "approval": "Within the budget that the board agreed to.",
            "senior_review": "The risks are known, and the plan may go on.",
        }
        fields = {"comment": said[ticket["kind"]]} | ({"amount": ticket["amount"]} if ticket["amount"] else {})
        by = PAUL if ticket["kind"] in ("approval", "senior_review") else MARA
        take_answer(step, ticket, Answer(option[ticket["kind"]], fields, by))

    def _reach(self, milestone: str) -> None:
        reach_milestone(self.execution, milestone)
        seal(self.execution, milestone)

    def _finish(self) -> None:
        end_run(self.execution, [])
        seal(self.execution, None)
        seal_run(self.execution)


def carry_out_example(root: Path) -> RunFolder:
    """Carry the example out below a run root; the same every time."""
    agents = load_registry(None).agents
    registry = Registry(
        tuple(replace(one, public_key=AGENT_KEYS[one.id].public, url="http://127.0.0.1:1") for one in agents)
    )
    built = build_plan(EXAMPLE, registry)
    assert built.plan
    assert built.policy
    assert built.spec
    inputs = {
        "plan.json": canonical(to_native(built.plan)),
        "policy.json": canonical(dump_policy(built.policy)),
        "registry.json": canonical(dump_registry(registry)),
        "dagspec.json": dump_spec(built.spec),
    }
    run = RunFolder(root / NAME)
    clock = Clock()
    with clock.instead():
        about = {"dag_id": built.spec.dag_id, "run_id": "manual__1", "plan_id": built.plan.id, "by": "mara"}
        begin_run(run, KEY, inputs, about)
        execution = Execution(run, lambda: registry, KEY)
        keep_estimates(execution)
        Play(execution, clock).carry_out()
    return run
