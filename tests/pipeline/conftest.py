"""A run of the example plan at its first milestone, and a stand-in for PlanExe beside it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.signing import SigningKey, canonical

from planexe_dag_factory.compile.build import build_plan
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.delegation.lifecycle import begin_run, reach_milestone, seal
from planexe_dag_factory.pipeline.job import Workplace
from planexe_dag_factory.pipeline.process import ProcessPipeline
from planexe_dag_factory.pipeline.recording import keep_plan
from planexe_dag_factory.plan.native import to_native
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.routing.model import Registry
from planexe_dag_factory.routing.policy import dump_policy
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.routing.registry_format import dump_registry
from planexe_dag_factory.spec.codec import dump_spec
from tests.pipeline.plans import STAND_IN, whole

HOSTILE = "</script><script>alert(1)</script> **[click](https://evil.example)**"


MARA = Actor("person", "mara", HOSTILE)


@dataclass(frozen=True)
class Reached:
    """A run that has reached its first milestone; `done` is when each step of the phase was carried out."""

    execution: Execution
    milestone: str
    done: Mapping[str, tuple[datetime, datetime]]
    source: Path

    @property
    def run(self) -> RunFolder:
        return self.execution.run

    def source_ids(self) -> dict[str, str]:
        """Return the id in PlanExe's files of every step."""
        return {step["id"]: step["source_id"] for step in self.run.read_json("plan.json")["steps"]}


def reach(source: Path, root: Path, key: SigningKey | None = None) -> Reached:
    """Run a plan up to its first milestone, without an Airflow: side by side, three hours a step."""
    registry = load_registry(None)
    build = build_plan(source, registry)
    assert build.plan
    assert build.policy
    assert build.spec
    execution = Execution(RunFolder(root), Registry, key or SigningKey.generate())
    inputs = {
        "plan.json": canonical(to_native(build.plan)),
        "policy.json": canonical(dump_policy(build.policy)),
        "registry.json": canonical(dump_registry(registry)),
        "dagspec.json": dump_spec(build.spec),
    }
    about = {"dag_id": build.spec.dag_id, "run_id": "manual__1", "plan_id": build.plan.id, "by": "anna"}
    begin_run(execution.run, execution.key, inputs, about)
    milestone = build.spec.milestones[0]
    start = datetime.now(UTC).replace(microsecond=0)
    done = {}
    for number, item in enumerate(milestone.work_items):
        done[item] = (start + timedelta(minutes=number), start + timedelta(minutes=number, hours=3))
        _do(execution, item, _result(item, *done[item]))
    reach_milestone(execution, milestone.id)
    seal(execution, milestone.id)
    return Reached(execution, milestone.id, done, source)


def _do(execution: Execution, item: str, result: Mapping[str, Any]) -> None:
    """Let a person do a step, as if each of their tickets was answered at once."""
    for n, event in enumerate(("gate-opened", "step-done"), start=1):
        execution.log("ticket-opened", item, n=n)
        execution.log("ticket-answered", item, MARA, n=n, accepted=True)
        files = {f"steps/{item}/result.json": result} if event == "step-done" else {}
        execution.record(event, item, files, MARA)


def _result(item: str, start: datetime, end: datetime) -> dict[str, Any]:
    by = MARA.as_json()
    times = {"started_at": start.isoformat(), "ended_at": end.isoformat()}
    return {"work_item": item, "status": "done", "by": by, "accepted_by": by, "note": HOSTILE} | times


def reach_and_keep(plan: Path, folder: Path, key: SigningKey | None = None) -> Reached:
    """Run a plan up to its first milestone, with what PlanExe can go on with in the record."""
    made = reach(plan, folder / "run" / "20260302T080000Z-harbour-0a1b2c3d", key)
    assert keep_plan(made.execution, plan) is None
    return made


@pytest.fixture
def reached(tmp_path: Path) -> Reached:
    return reach_and_keep(whole(tmp_path / "harbour_air_watch"), tmp_path)


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace.of("run-milestone", tmp_path / "work", None)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A PlanExe of its own, to give a behaviour."""
    shutil.copytree(STAND_IN, tmp_path / "planexe")
    return tmp_path / "planexe"


@pytest.fixture
def pipeline(home: Path) -> ProcessPipeline:
    return ProcessPipeline(home, Path(sys.executable), limit_s=60, quiet=600, grace_s=1)


def behave(home: Path, behaviour: str) -> None:
    (home / "behaviour.txt").write_text(behaviour)
