"""Agents beyond the four that ship: registered by address, and followed for as long as they take."""

from pathlib import Path

import pytest

from planexe_dag_factory.stack.agents import register
from tests.agents.serving import Served
from tests.airflow.following import agreeable, drop, start, wait_for
from tests.conftest import POOLED, RunningStack

pytestmark = pytest.mark.airflow
SLOW = str(Path(__file__).with_name("slow_agent.py"))
BOUNDED = str(Path(__file__).with_name("bounded_agent.py"))
MANY = 12


def test_an_agent_that_takes_its_time_holds_no_worker(stack: RunningStack, tmp_path: Path) -> None:
    proceed = tmp_path / "proceed"
    before = stack.home.registry.read_bytes()
    plan = {
        "id": "live-slow",
        "title": "Live slow",
        "steps": [{"id": "translate", "title": "Translate the rules", "action": "slow.translate"}],
    }
    with Served(tmp_path / "state", "--wait", "0.5", command=(SLOW,), PROCEED=str(proceed)) as slow:
        register(stack.home.registry, [slow.url])
        dropped = drop(stack.plans_dir, plan)
        try:
            run = start(stack.client, plan)
            task = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/translate.work"
            wait_for("the task to leave its worker", lambda: stack.client.get(task)["state"] == "deferred")
            proceed.touch()
            assert run.to_the_end(agreeable) == "success"
        finally:
            dropped.unlink()
            stack.home.registry.write_bytes(before)
    result = run.record.read_json("steps", "translate", "result.json")
    assert (result["by"]["id"], result["result"]) == ("slow", {"words": "TRANSLATE THE RULES"})
    assert run.seen == []  # nobody was asked


def test_a_pool_bounds_how_many_steps_lie_at_an_agent_that_takes_its_time(stack: RunningStack, tmp_path: Path) -> None:
    counted = tmp_path / "counted"
    before = stack.home.registry.read_bytes()
    steps = [
        {"id": f"translate-{n}", "title": f"Translate rule {n}", "package": f"rule-{n}", "action": "bounded.translate"}
        for n in range(MANY)
    ]
    plan = {
        "id": "live-pool",
        "title": "Live pool",
        "phases": [{"id": "rules", "title": "Rules"}],
        "packages": [{"id": f"rule-{n}", "title": f"Rule {n}", "phase": "rules"} for n in range(MANY)],
        "steps": steps,
    }
    with Served(tmp_path / "state", "--wait", "0.2", command=(BOUNDED,), COUNTED=str(counted)) as bounded:
        register(stack.home.registry, [bounded.url])
        dropped = drop(stack.plans_dir, plan)
        try:
            run = start(stack.client, plan)
            assert run.to_the_end(agreeable) == "success"
        finally:
            dropped.unlink()
            stack.home.registry.write_bytes(before)
    assert run.seen == []
    at_most, done = map(int, counted.read_text().split())
    assert (at_most, done) == (POOLED, MANY)
