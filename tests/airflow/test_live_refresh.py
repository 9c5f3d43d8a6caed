"""PlanExe's own report, brought up to date by a real Airflow after a milestone."""

from __future__ import annotations

from typing import Any

import pytest

from planexe_dag_factory.airflow.planexe import DAG_ID
from planexe_dag_factory.pipeline.folder import REPORT
from planexe_dag_factory.pipeline.state import Freshness, read_freshness, refreshed_file
from planexe_dag_factory.record.events import read_events
from planexe_dag_factory.record.verify import verify_run
from tests.airflow.following import agreeable, start, wait_for
from tests.conftest import RunningStack
from tests.pipeline.plans import corner

pytestmark = pytest.mark.airflow


def test_after_a_milestone_planexes_report_holds_what_really_happened(stack: RunningStack) -> None:
    corner(stack.plans_dir / "planexe_corner", "A corner of the harbour")
    run = start(stack.client, {"id": "a-corner-of-the-harbour", "title": "A corner of the harbour"})
    assert run.to_the_end(agreeable) == "success"
    (milestone,) = [event["about"] for event in read_events(run.record) if event["action"] == "milestone-reached"]

    fresh = wait_for("the refresh", lambda: known(read_freshness(run.record, milestone)))
    assert fresh.state == "fresh", fresh
    where = refreshed_file(run.record, milestone, REPORT)
    assert where
    page = run.record.read_bytes(*where).decode()
    for step in run.record.names("steps"):
        if step in {one["id"] for one in run.record.read_json("plan.json")["steps"]}:
            ended = run.record.read_json("steps", step, "result.json")["ended_at"]
            assert ended[:16].replace("T", " ") in page
    (event,) = [event for event in read_events(run.record, milestone) if event["action"] == "planexe-report-refreshed"]
    assert "/".join(where) in event["digests"]
    assert verify_run(run.record).ok
    assert upkeep(stack) == ["success"]


def known(freshness: Freshness | None) -> Freshness | None:
    return freshness


def upkeep(stack: RunningStack) -> list[Any]:
    """Return how the runs of our own DAG ended."""

    def look() -> list[Any] | None:
        runs = stack.client.get(f"/api/v2/dags/{DAG_ID}/dagRuns", limit=100)["dag_runs"]
        states = [one["state"] for one in runs]
        return states if states and not {"queued", "running"} & set(states) else None

    return wait_for("our own DAG", look)
