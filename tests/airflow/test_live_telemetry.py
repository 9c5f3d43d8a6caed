"""Traces and metrics of a real run, as a collector on loopback gets them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from planexe_dag_factory.airflow import metrics
from planexe_dag_factory.record.events import read_events
from planexe_dag_factory.stack import lifecycle
from planexe_dag_factory.stack.agents import register
from planexe_dag_factory.stack.client import AirflowClient
from planexe_dag_factory.stack.configuration import ADMIN, Settings, read_passwords
from planexe_dag_factory.stack.home import Home
from planexe_dag_factory.ui import gauges
from tests.agents.serving import Served
from tests.airflow.collector import Collected, Span, collector
from tests.airflow.following import Followed, agreeable, drop, start, wait_for

pytestmark = pytest.mark.airflow
SLOW = str(Path(__file__).with_name("slow_agent.py"))
PLAN: dict[str, Any] = {
    "id": "observed",
    "title": "Observed",
    "steps": [
        {"id": "translate", "title": "Translate the rules", "action": "slow.translate"},
        {
            "id": "compare",
            "title": "Compare the boats",
            "action": "compare_options",
        },  # it rejects: there are no options
        {"id": "doubt", "title": "Find the tides", "action": "find_evidence", "confidence_threshold": 1.0},
        {"id": "sign", "title": "Sign the lease for EUR 1,000", "human_required": True, "impact": "budget"},
    ],
}
NAMES = {
    value
    for module in (metrics, gauges)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str)
}


@dataclass
class Observed:
    home: Home
    run: Followed
    got: Collected

    def spans(self, name: str) -> list[Span]:
        return [span for span in self.got.spans if span.name == name]

    def ancestry(self, span: Span) -> list[str]:
        """Name a span and those above it, up to the root of its trace."""
        above = {one.id: one for one in self.got.spans if one.trace == span.trace}
        line = [span]
        while line[-1].parent:
            line.append(above[line[-1].parent])
        return [one.name for one in line]


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    folder = tmp_path_factory.mktemp("observed")
    home = Home.below(folder)
    settings = Settings(
        plans=(folder / "dags", home.plans), run_root=folder / "run", users={ADMIN: "admin", "op": "op"}
    )
    proceed = folder / "proceed"
    with pytest.MonkeyPatch.context() as patch, collector() as got:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", got.url)
        patch.setenv("OTEL_TRACES_EXPORTER", "otlp_proto_http")
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "500")
        patch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "500")
        with (
            lifecycle.ensured(home, settings) as state,
            Served(folder / "slow", "--wait", "0.5", command=(SLOW,), PROCEED=str(proceed)) as slow,
        ):
            assert state.url
            register(home.registry, [slow.url])
            drop(settings.plans[0], PLAN)
            passwords = read_passwords(home)
            clients = [AirflowClient(state.url, name, passwords[name]) for name in (ADMIN, "op")]
            run = start(clients[0], PLAN, clients[1])
            task = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/translate.work"
            wait_for("the task to leave its worker", lambda: clients[0].get(task)["state"] == "deferred")
            proceed.touch()
            assert run.to_the_end(agreeable) == "success"
            seen = Observed(home, run, got)
            assert clients[0].health()["problems"] == []
            wait_for("the span of the run", lambda: seen.spans("dag_run.observed"))
            wait_for("every metric", lambda: {point.name.removeprefix("airflow.") for point in got.points} >= NAMES)
            yield seen
            for client in clients:
                client.close()


def test_one_trace_leads_from_the_task_through_the_agent_to_its_outcome(observed: Observed) -> None:
    parts = [span for name in ("agent.verify", "agent.act", "agent.write") for span in observed.spans(name)]
    assert {(span.name, span.about["planexe.step"]) for span in parts} == {
        (name, step)
        for name in ("agent.verify", "agent.act", "agent.write")
        for step in ("translate", "compare", "doubt")
    }
    for span in parts:
        step, asked = span.about["planexe.step"], f"{span.about['planexe.agent']}.{span.about['planexe.action']}"
        above = [f"assignment {asked}", f"worker.{step}.work", f"task_run.{step}.work", "dag_run.observed"]
        assert observed.ancestry(span) == [span.name, *above]


def test_an_assignment_that_was_parked_has_one_span_from_its_record_to_its_outcome(observed: Observed) -> None:
    [span] = observed.spans("assignment slow.translate")
    [act] = [one for one in observed.spans("agent.act") if one.about["planexe.agent"] == "slow"]
    assert span.start <= act.start < act.end <= span.end
    assert span.about == {
        "planexe.plan": "observed",
        "planexe.run": observed.run.record.name,
        "planexe.step": "translate",
        "planexe.agent": "slow",
        "planexe.action": "translate",
        "planexe.attempt": 1,
        "planexe.status": "completed",
        "planexe.confidence": 0.95,
    }
    [sent] = [event for event in read_events(observed.run.record, "translate") if event["action"] == "assignment-sent"]
    assert sent["details"]["trace"].split("-")[1:3] == [span.trace, span.id]


def test_the_log_of_a_task_and_of_an_agent_name_the_same_work_and_trace(observed: Observed) -> None:
    logs = observed.home.logs / "airflow" / f"dag_id={observed.run.dag_id}"
    lines = [
        json.loads(line) for file in logs.rglob("*translate.work/*.log*") for line in file.read_text().splitlines()
    ]
    [act] = [one for one in observed.spans("agent.act") if one.about["planexe.agent"] == "slow"]
    work = {"step": "translate", "agent": "slow", "attempt": 1, "run": observed.run.record.name, "plan": "observed"}
    assert any({**line, **work, "trace_id": act.trace} == line for line in lines)
    agents = [json.loads(line) for line in observed.home.log("agents").read_text().splitlines()]
    [doubt] = [one for one in observed.spans("agent.act") if one.about["planexe.step"] == "doubt"]
    ended = [line for line in agents if line.get("step") == "doubt"]
    assert [(line["run"], line["attempt"], line["trace_id"]) for line in ended] == [(work["run"], 1, doubt.trace)]


def test_every_metric_comes_with_ids_and_words_of_ours_alone(observed: Observed) -> None:
    points = {point.name.removeprefix("airflow."): point for point in observed.got.points}
    assert set(points) >= NAMES  # the fixture has waited for them
    texts = {str(value) for name in NAMES for value in points[name].tags.values()}
    assert not any(observed.run.run_id in text or " " in text for text in texts)
    latency = points[metrics.LATENCY].tags
    assert set(latency) == {"plan", "agent", "status"}
