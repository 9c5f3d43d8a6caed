"""The parts of the load benchmarks that need no Airflow beside them: sizes, meters, and what is compared."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks import agent_run, hour, inbox_site, runs
from benchmarks.load_dag import load
from benchmarks.meter import cpu_seconds, measured, memory
from benchmarks.processes import EXAMPLES, environment, run_module
from benchmarks.scale import Scale
from planexe_dag_factory.compile.build import build_plan
from planexe_dag_factory.routing.registry import load_registry

WORK = """
import subprocess, sys
child = "import time; end = time.process_time() + 0.3\\nwhile time.process_time() < end: pass"
subprocess.run([sys.executable, "-c", child])
print("done", flush=True)
sys.stdin.read()
"""


def test_sizes_are_small_where_it_must_be_quick() -> None:
    assert (Scale().of(200, 8), Scale(quick=True).of(200, 8)) == (200, 8)


def test_what_an_ended_child_took_counts_for_who_started_it() -> None:
    with subprocess.Popen([sys.executable, "-c", WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdin
        assert started.stdout
        assert started.stdout.readline()
        process = psutil.Process(started.pid)
        assert cpu_seconds(process) > 0.3
        assert memory(process) > 0
        with measured({"it": process}, lambda: {"running": 1}, every=0.01) as usage:
            pass
        started.stdin.close()
    assert usage.total == pytest.approx(0, abs=0.3)
    assert usage.memory > 0
    assert usage.held["running"] > 0


@pytest.mark.parametrize("plan", [agent_run.plan(4), runs.plan("bench-run-0"), inbox_site.plan(1, 8)])
def test_the_plans_of_the_benchmarks_are_plans(plan: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    build = build_plan(tmp_path / "plan.json", load_registry(None))
    assert build.spec, build.problems
    assert len(build.spec.work_items) == len(plan["steps"])


def test_every_dag_by_hand_is_a_dag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "assignments.json"
    told.write_text(json.dumps({name: {"title": "Find it"} for name in sorted(runs.AGENT_STEPS)}))
    common = {"assignments": str(told), "connection": "agent"}
    by_hand = tmp_path / "by_hand.py"
    by_hand.write_text(runs.HAND_DAG.format(dag_id="by-hand", person=runs.PERSON, **common))
    dag = load(str(by_hand))
    order = ("ask-first", "ask-second", runs.PERSON, runs.NEXT)
    assert {task.task_id: task.downstream_task_ids for task in dag.tasks} == {
        name: {after} if after else set() for name, after in zip(order, (*order[1:], None), strict=True)
    }

    told.write_text(json.dumps([{"title": "Find it"}, {"title": "Find it too"}]))
    by_hand.write_text(agent_run.HAND_DAG.format(dag_id="by-hand", **common))
    assert len(load(str(by_hand)).tasks) == 2
    by_hand.write_text(
        hour.HAND_DAG.format(hand="by-hand", blocking="blocking", steps=1, blocked=2, connection="agent")
    )
    assert len(load(str(by_hand)).tasks) == 2


def test_a_folder_by_hand_holds_a_dag_for_every_plan(tmp_path: Path) -> None:
    plan = next(path for path in sorted(EXAMPLES.iterdir()) if path.is_dir())
    made = run_module("folder_forms", str(tmp_path / "forms"), "2", str(plan), env=environment(tmp_path))
    plans = {json.loads(path.read_text())["id"] for path in Path(made["plans"]).iterdir()}
    dags = [load(str(path)) for path in sorted(Path(made["by_hand"]).iterdir())]
    assert len(plans) == 2
    assert {dag.dag_id for dag in dags} == plans
    assert len({len(dag.tasks) for dag in dags}) == 1
