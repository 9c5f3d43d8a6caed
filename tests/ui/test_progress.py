"""States of tasks, read as states of steps, milestones and phases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planexe_dag_factory.report.model import STATES
from planexe_dag_factory.routing.model import Candidate, Gate, Route
from planexe_dag_factory.spec.model import DagSpec, GroupSpec, MilestoneSpec, TaskKind, TaskSpec, WorkItem
from planexe_dag_factory.ui.progress import RunFacts, TaskRow, count_states, open_work, phases_of
from planexe_dag_factory.ui.wire import MilestoneProgress, PhaseProgress, StepProgress

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
AGENT: tuple[TaskKind, ...] = ("gate", "work", "check", "human", "done")


def _item(name: str, executor: str, gate: Gate | None = None, phase: str = "build") -> WorkItem:
    candidates = () if executor == "human" else (Candidate(executor, "do", 0.9),)
    return WorkItem(
        name, name.title(), "", phase, "pack", Route(name, executor, "", 1.0, "Legal", candidates=candidates, gate=gate)
    )


def _spec(*items: tuple[WorkItem, tuple[TaskKind, ...]]) -> DagSpec:
    tasks = [
        TaskSpec(f"{item.id}.{kind}", kind, item.title, item.id, item.id) for item, kinds in items for kind in kinds
    ]
    return DagSpec(
        dag_id="d",
        plan_id="d",
        title="D",
        summary="",
        owner="o",
        plan_digest="",
        policy_digest="",
        registry_digest="",
        senior_approval=None,
        groups=(GroupSpec("build", "Building"), GroupSpec("pack", "Package", "build")),
        tasks=(*tasks, TaskSpec("milestone-build", "milestone", "Building", milestone="milestone-build")),
        edges=(),
        work_items={item.id: item for item, _ in reversed(items)},
        milestones=(MilestoneSpec("milestone-build", 1, "Built", "build", critical=False, work_items=()),),
    )


def _phases(spec: DagSpec, states: dict[str, str], refused: str = "", report: str = "") -> tuple[PhaseProgress, ...]:
    rows = {task: TaskRow(state, NOON) for task, state in states.items()}
    return phases_of(spec, RunFacts(rows, lambda name: name == refused, lambda name: name == report))


GATED = _item("order", "analysis", Gate("budget", "it costs", "Finance"))


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({}, ("pending", "order.done", None)),
        ({"gate": "queued"}, ("queued", "order.gate", None)),
        ({"gate": "awaiting_input"}, ("waiting", "order.gate", "Finance")),
        ({"gate": "success"}, ("queued", "order.done", None)),
        ({"gate": "success", "work": "deferred"}, ("running", "order.work", None)),
        ({"gate": "success", "work": "up_for_retry"}, ("running", "order.work", None)),
        ({"gate": "success", "work": "a state of tomorrow"}, ("running", "order.work", None)),
        (
            {"gate": "success", "work": "success", "check": "success", "human": "awaiting_input"},
            ("waiting", "order.human", "Legal"),
        ),
        (
            {"gate": "success", "work": "success", "check": "success", "human": "deferred"},
            ("running", "order.human", None),
        ),
        (
            {"gate": "success", "work": "success", "check": "success", "human": "skipped", "done": "success"},
            ("done", "order.done", None),
        ),
        (
            {"gate": "failed"} | dict.fromkeys(("work", "check", "human", "done"), "upstream_failed"),
            ("failed", "order.gate", None),
        ),
        (dict.fromkeys(AGENT, "upstream_failed"), ("skipped", "order.done", None)),
    ],
)
def test_a_step_is_what_its_tasks_say(states: dict[str, str], expected: tuple[str, str, str | None]) -> None:
    spec = _spec((GATED, AGENT))
    [phase] = _phases(spec, {f"order.{kind}": state for kind, state in states.items()})
    [step] = phase.steps
    assert (step.state, step.task_id, step.waits_on) == expected


def test_a_failed_step_that_a_person_refused_is_refused() -> None:
    spec = _spec((_item("paint", "human"), ("human",)))
    [phase] = _phases(spec, {"paint.human": "failed"}, refused="paint")
    assert (phase.state, phase.steps[0].state) == ("refused", "refused")


def test_a_phase_shows_its_steps_in_the_order_of_the_dag_and_its_milestone() -> None:
    spec = _spec((GATED, AGENT), (_item("look", "human"), ("human",)))
    done = {f"order.{kind}": "success" for kind in AGENT}
    assert _phases(spec, done | {"look.human": "running"}, report="milestone-build") == (
        PhaseProgress(
            id="build",
            title="Building",
            state="running",
            milestone=MilestoneProgress(id="milestone-build", title="Built", state="pending", report=True),
            steps=(
                StepProgress(
                    id="order",
                    title="Order",
                    package="Package",
                    executor="analysis",
                    gate="budget",
                    state="done",
                    task_id="order.done",
                    since=NOON,
                    waits_on=None,
                ),
                StepProgress(
                    id="look",
                    title="Look",
                    package="Package",
                    executor="human",
                    gate=None,
                    state="running",
                    task_id="look.human",
                    since=NOON,
                    waits_on=None,
                ),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("one", "other", "milestone", "expected"),
    [
        ("success", "success", "success", "done"),
        ("success", "success", "queued", "done"),
        ("success", "none", "none", "running"),
        ("failed", "awaiting_input", "none", "waiting"),
        ("failed", "success", "upstream_failed", "failed"),
        ("upstream_failed", "upstream_failed", "upstream_failed", "skipped"),
        ("none", "none", "none", "pending"),
    ],
)
def test_a_phase_goes_on_while_anything_does(one: str, other: str, milestone: str, expected: str) -> None:
    spec = _spec((_item("a", "human"), ("human",)), (_item("b", "human"), ("human",)))
    states = {"a.human": one, "b.human": other, "milestone-build": milestone}
    [phase] = _phases(spec, {task: state for task, state in states.items() if state != "none"})
    assert phase.state == expected


def test_the_look_at_a_milestones_risks_is_no_step_and_its_waiting_shows() -> None:
    assess = replace(_item("milestone-build-risk", "risk_assessment"), milestone="milestone-build")
    spec = _spec((GATED, AGENT), (assess, ("work", "check", "human", "done")))
    done = {f"order.{kind}": "success" for kind in AGENT}
    (phase,) = _phases(spec, done | {"milestone-build-risk.human": "awaiting_input"})
    assert ([step.id for step in phase.steps], phase.state) == (["order"], "waiting")
    assert phase.milestone
    assert phase.milestone.assessment
    assert (phase.milestone.assessment.state, phase.milestone.assessment.waits_on) == ("waiting", "Legal")
    assert count_states([phase]) == {"done": 1}
    assert [one.id for one in open_work([phase])] == ["order", "milestone-build-risk"]


def test_whoever_has_the_ticket_now_is_waited_for() -> None:
    rows = {"order.gate": TaskRow("awaiting_input", NOON)}
    facts = RunFacts(rows, lambda _: False, lambda _: False, holders={"order.gate": "bert"})
    (phase,) = phases_of(_spec((GATED, AGENT)), facts)
    assert phase.steps[0].waits_on == "bert"


def test_the_approval_of_a_refused_plan_stands_before_its_phases() -> None:
    spec = _spec((_item("plan", "human", phase=""), ("gate",)), (_item("look", "human"), ("human",)))
    phases = _phases(spec, {"plan.gate": "awaiting_input"})
    assert [(phase.id, phase.title, phase.state, phase.milestone is None) for phase in phases] == [
        ("start", "Before the plan starts", "waiting", True),
        ("build", "Building", "pending", False),
    ]


AIRFLOW_STATES = ["success", "failed", "upstream_failed", "skipped", "running", "queued", "deferred", "awaiting_input"]


@settings(derandomize=True)
@given(st.dictionaries(st.sampled_from([f"order.{kind}" for kind in AGENT]), st.sampled_from(AIRFLOW_STATES)))
def test_every_step_has_one_state_whatever_the_tasks_say(states: dict[str, str]) -> None:
    counts = count_states(_phases(_spec((GATED, AGENT)), states))
    assert sum(counts.values()) == 1
    assert set(counts) <= set(STATES)
