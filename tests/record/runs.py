"""A whole run's folder without Airflow: every kind of event, through the same functions as in a real one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from planexe_agents.client import AgentProtocolError
from planexe_agents.signing import canonical, digest_bytes

from planexe_dag_factory.delegation.answers import Answer, AnswerRefusedError, open_ticket, take_answer
from planexe_dag_factory.delegation.asking import Kind
from planexe_dag_factory.delegation.decision import decide
from planexe_dag_factory.delegation.delegate import delegate
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.delegation.lifecycle import begin_run, end_run, reach_milestone, seal, seal_run
from planexe_dag_factory.delegation.tickets import Place, build_ticket
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.routing.model import Gate, Registry
from planexe_dag_factory.routing.registry_format import dump_registry
from planexe_dag_factory.spec.codec import dump_spec
from planexe_dag_factory.spec.model import DagSpec, MilestoneSpec
from tests.delegation.scenes import ITEM, NEXT, PLAN, ROUTE, Scene, make_scene

ANNA = Actor("person", "anna", "Anna", "planexe", "SimpleAuthManager")
BEN = Actor("person", "ben", "Ben", "planexe", "SimpleAuthManager")
GATE = Gate("irreversible", "cannot be undone", "Treasurer")
SAIL = replace(ITEM, id="sail", title="Sail", route=replace(ROUTE, step="sail", gate=GATE), upstream=("survey",))
FIRST = MilestoneSpec("milestone-one", 1, "One", "phase", critical=False, work_items=("survey", "sail"))
LAST = MilestoneSpec("milestone-two", 2, "Two", "phase", critical=False, work_items=("next",))
SCRIPT: tuple[Any, ...] = (
    {"status": "rejected", "reason": "no tide table", "result": {}},
    {"confidence": 0.5},
    {"confidence": 0.95},
    AgentProtocolError("not JSON"),
    {"confidence": 0.9},
)


def finished_run(folder: Path) -> Scene:
    """Carry out three steps, one of them gated, up to two milestones and the end."""
    scene = begun_run(folder)
    work(scene, "survey")
    review = ask(scene, "survey", "review")
    answer(scene.again(), review, BEN, "Redo", {"comment": "look again"})
    asyncio.run(delegate(scene.again(), scene.agents.ask, scene.agents.wait, last_try=True))
    decide(scene.again(), accept=False)
    again = ask(scene, "survey", "review")
    refused(scene.again(), again, ANNA, "Correct", {"result": "7"})
    answer(scene.again(), ask(scene, "survey", "review"), ANNA, "Accept", {})
    approve(scene, "sail")
    work(scene, "sail")
    execution = scene.step.execution
    reach_milestone(execution, FIRST.id)
    seal(execution, FIRST.id)
    execution.record("report-written", FIRST.id, {f"milestones/{FIRST.id}/report/report.html": b"<p>One</p>"})
    person = execution.step("next")
    answer(person, ask(scene, "next", "work"), ANNA, "Done", {"comment": "done", "result": '{"boats": 2}'})
    reach_milestone(execution, LAST.id)
    seal(execution, LAST.id)
    end_run(execution, [])
    seal(execution, None)
    execution.record("report-written", "run", {"final/report.html": b"<p>The end</p>"})
    seal_run(execution)
    return scene


def begun_run(
    folder: Path,
    script: tuple[Any, ...] = SCRIPT,
    change: Callable[[DagSpec], DagSpec] = replace,
    policy: Mapping[str, Any] = MappingProxyType({}),
    root: str | None = None,
) -> Scene:
    """Open the run of the scene, and record its beginning; `change` is to the spec that it begins with."""
    scene = make_scene(folder, list(script), others=(SAIL,), root=root)
    execution = scene.step.execution
    made_from = {
        "plan": canonical(PLAN),
        "policy": canonical(dict(policy)),
        "registry": canonical(dump_registry(Registry(execution.registry.agents))),
    }
    digests: dict[str, Any] = {f"{name}_digest": digest_bytes(content) for name, content in made_from.items()}
    spec = change(replace(execution.spec, milestones=(FIRST, LAST), **digests))
    inputs = {f"{name}.json": content for name, content in made_from.items()} | {"dagspec.json": dump_spec(spec)}
    execution.run.write_bytes(inputs["dagspec.json"], "dagspec.json")
    execution.__dict__.pop("spec", None)
    about = {"dag_id": "harbour", "run_id": "run-1", "plan_id": "harbour", "by": "carl"}
    begin_run(execution.run, execution.key, inputs, about)
    return scene


def work(scene: Scene, step: str) -> None:
    item = scene.step.execution.step(step)
    asyncio.run(delegate(item, scene.agents.ask, scene.agents.wait, last_try=True))
    decide(item)


def ask(scene: Scene, step: str, kind: Kind) -> Mapping[str, Any]:
    item = scene.step.execution.step(step)
    ticket = build_ticket(item, kind, Place("harbour", "run-1", f"{step}.human"), "because")
    open_ticket(item, ticket)
    return ticket


def approve(scene: Scene, step: str) -> None:
    answer(scene.step.execution.step(step), ask(scene, step, "approval"), ANNA, "Approve", {"comment": "go"})


def answer(step: StepRun, ticket: Mapping[str, Any], by: Actor, option: str, fields: Mapping[str, Any]) -> None:
    take_answer(step, ticket, Answer(option, fields, by))


def refused(step: StepRun, ticket: Mapping[str, Any], by: Actor, option: str, fields: Mapping[str, Any]) -> None:
    try:
        answer(step, ticket, by, option, fields)
    except AnswerRefusedError:
        return
    raise AssertionError("the answer was taken")


def record_of(scene: Scene) -> RunFolder:
    return scene.step.execution.run


__all__ = ["ANNA", "FIRST", "LAST", "NEXT", "answer", "approve", "ask", "begun_run", "finished_run", "record_of"]
