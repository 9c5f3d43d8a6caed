"""Records in which every kind of event is there: by the product's own functions, wherever they need no Airflow."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from planexe_agents.signing import SigningKey

from planexe_dag_factory.delegation.approval import ApprovalMissingError, require_approvals
from planexe_dag_factory.delegation.decision import decide
from planexe_dag_factory.delegation.delegate import delegate
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.delegation.lifecycle import end_run, reach_milestone, seal, seal_run
from planexe_dag_factory.delegation.rollback import find_source, take_over_from
from planexe_dag_factory.pipeline.recording import Attempt, keep_plan, record_failure, record_success
from planexe_dag_factory.record.events import RUN, Actor, list_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.keys import KeyRing, take_over
from planexe_dag_factory.spec.model import DagSpec
from tests.delegation.scenes import Scene
from tests.delegation.test_rollback import again
from tests.pipeline.plans import whole
from tests.record.runs import ANNA, BEN, FIRST, LAST, answer, approve, ask, begun_run, refused, work

POLICY = {"model_budget_tokens": 50_000}
DEEDS = ("claimed", "released", "reassigned", "delegated", "asked", "question-withdrawn", "commented", "escalated")
"""What people, and the time, do to a ticket: the inbox writes it, beside its tables in Airflow's database."""


@dataclass(frozen=True, slots=True)
class Records:
    """Runs of one plan; those that go on from others lie beside them."""

    runs: tuple[RunFolder, ...]

    def ours(self) -> frozenset[str]:
        """Return the keys that they were begun with."""
        return frozenset(run.read_json("run.json")["orchestrator_key"] for run in self.runs)

    def kinds(self) -> Iterator[tuple[RunFolder, str, str]]:
        """Yield of each kind of event one: its run, action and path."""
        seen = set[str]()
        for run in self.runs:
            for file in reversed(list_events(run)):
                if file.action not in seen:
                    seen.add(file.action)
                    yield run, file.action, file.path


def every_kind(folder: Path) -> Records:
    """Carry out a run with all that can happen in it, and two that go on from its first milestone."""
    scene = _whole_run(folder)
    first = scene.step.execution
    source = find_source(first.run, FIRST.id)[0]
    taken = again(scene)
    take_over_from(taken, source, ANNA)
    _end_with_next(scene, taken)
    other = again(scene, _read_another_table, by="anna", folder="other")
    take_over_from(other, source, ANNA)
    end_run(other, ["survey failed"])
    _close(other)
    waiting = _with_an_approval(folder / "waiting")
    return Records((first.run, taken.run, other.run, *waiting))


def _read_another_table(spec: DagSpec) -> DagSpec:
    survey = replace(spec.work_items["survey"], description="Read another table")
    return replace(spec, work_items={**spec.work_items, "survey": survey})


def _whole_run(folder: Path) -> Scene:
    scene = begun_run(folder, policy=POLICY)
    execution = _with_another_key(scene)
    execution.record("estimates-learned", RUN, {"estimates.json": {"kinds": {}}}, kinds=0)
    assert keep_plan(execution, whole(folder / "plan")) is None
    scene = replace(scene, step=execution.step("survey"))
    work(scene, "survey")
    review = ask(scene, "survey", "review")
    _deal_with(execution, review)
    answer(execution.step("survey"), review, BEN, "Redo", {"comment": "look again"})
    asyncio.run(delegate(execution.step("survey"), scene.agents.ask, scene.agents.wait, last_try=True))
    decide(execution.step("survey"), accept=False)
    second = ask(scene, "survey", "review")
    refused(execution.step("survey"), second, ANNA, "Correct", {"result": "7"})
    answer(execution.step("survey"), ask(scene, "survey", "review"), ANNA, "Accept", {})
    _hold(execution)
    answer(execution.step("sail"), ask(scene, "sail", "approval"), BEN, "Reject", {"comment": "storm"})
    approve(scene, "sail")
    work(scene, "sail")
    _reach(execution, FIRST.id)
    _do_by_hand(execution)
    answer(execution.step("next"), ask(scene, "next", "work"), ANNA, "Refuse", {"comment": "no paper"})
    answer(execution.step("next"), ask(scene, "next", "work"), ANNA, "Done", {"comment": "done", "result": "{}"})
    _reach(execution, LAST.id)
    assert keep_plan(execution, folder / "none.json") is not None
    end_run(execution, [])
    _close(execution)
    return scene


def _with_another_key(scene: Scene) -> Execution:
    old = scene.step.execution
    new = take_over(old.run, KeyRing(SigningKey.generate(), (old.key,)))
    return Execution(old.run, old.read_registry, new, frozenset({old.key.public}))


def _deal_with(execution: Execution, ticket: Any) -> None:
    step, about = execution.step("survey"), {"task": "survey.other", "n": ticket["n"]}
    for deed in DEEDS:
        step.log(f"ticket-{deed}", BEN, to={"kind": "user", "name": "ben"}, text="why?", **about)
    step.log("ticket-approver-added", BEN, to={"kind": "user", "name": "ben"}, reason="his budget", **about)
    step.log("ticket-approver-taken-back", BEN, to={"kind": "user", "name": "ben"}, added="sha256:0", **about)
    step.log("ticket-put-off", BEN, until="2026-03-04T09:00:00+00:00", **about)
    step.log("ticket-ranked", BEN, priority="urgent", reason="", **about)
    step.record("ticket-attached", {"attachments/0123abcd": b"a picture"}, BEN, title="picture.png", **about)
    step.log("ticket-reminded", number=1, **about)
    for sent in ("notice-sent", "notice-failed"):
        step.log(sent, channel="mail", occasion="opened", **about)


def _hold(execution: Execution) -> None:
    try:
        require_approvals(execution.step("sail"))
    except ApprovalMissingError:
        return
    raise AssertionError("the gate was open")


def _reach(execution: Execution, milestone: str) -> None:
    reach_milestone(execution, milestone)
    seal(execution, milestone)
    execution.log("report-failed", milestone, error="no fonts", attempt=1)
    execution.record("report-written", milestone, {f"milestones/{milestone}/report/report.html": b"<p>One</p>"})
    record_failure(execution, milestone, "no model", {f"planexe/{milestone}/log.txt": b"no model"}, Attempt(1, 3))
    record_success(execution, milestone, {f"planexe/{milestone}/report.html": b"<p>Theirs</p>"}, Attempt(2, 3))


def _do_by_hand(execution: Execution) -> None:
    """What Airflow's API server and a task that starts again write."""
    person = Actor("person", "admin", via="Airflow", auth="SimpleAuthManager")
    execution.log("marked-in-airflow", "next", person, task="next.human", state="success")
    execution.log("cleared-in-airflow", RUN, person, tasks=["next.human"])
    execution.log("task-cleared", "next", person, task="next.human", attempt=2)
    execution.log("task-retried", "next", task="next.human", attempt=3)


def _close(execution: Execution) -> None:
    seal(execution, None)
    execution.record("report-written", RUN, {"final/report.html": b"<p>The end</p>"})
    seal_run(execution)


def _end_with_next(scene: Scene, execution: Execution) -> None:
    _reach(execution, FIRST.id)
    new = replace(scene, step=execution.step("next"))
    answer(execution.step("next"), ask(new, "next", "work"), ANNA, "Done", {"comment": "again"})
    end_run(execution, [])
    _close(execution)


def _with_an_approval(folder: Path) -> tuple[RunFolder, RunFolder]:
    """A run that ended before its gated step was done, and one that takes the approval over."""
    scene = begun_run(folder, ({"confidence": 0.95},))
    work(scene, "survey")
    approve(scene, "sail")
    seal(scene.step.execution, FIRST.id)
    source = find_source(scene.step.execution.run, FIRST.id)[0]
    end_run(scene.step.execution, ["it was stopped"])
    _close(scene.step.execution)
    taken = again(scene)
    take_over_from(taken, source, ANNA)
    end_run(taken, ["it was stopped"])
    _close(taken)
    return scene.step.execution.run, taken.run
