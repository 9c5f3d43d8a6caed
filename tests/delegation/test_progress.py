"""What a milestone's assignment says of the run so far: read from a run folder as the operators leave it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from planexe_agents.agents import load
from planexe_agents.agents.progress import Progress
from planexe_agents.protocol import Assignment
from planexe_agents.signing import SigningKey

from planexe_dag_factory.delegation.assignment import build_assignment
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.delegation.progress import progress_of
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.routing.model import Registry
from planexe_dag_factory.routing.registry_cards import read_cards
from tests.report.conftest import Writer, at

MINUTE = 1 / 1440


def _execution(writer: Writer) -> Execution:
    return Execution(writer.run, Registry, SigningKey.generate())


def _rows(progress: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["step"]: row for row in progress["work"]}


def test_progress_tells_what_was_planned_and_what_came_of_each_step(tmp_path: Path) -> None:
    writer = Writer(RunFolder(tmp_path / "run"))
    writer.survey()
    writer.run.write_json({"status": "rejected", "agent": "scout"}, "steps", "rank-sites", "001", "outcome.json")
    progress = progress_of(_execution(writer))
    rows = _rows(progress)
    assert {name: progress[name] for name in ("steps", "done", "refused", "by_people", "mean_confidence")} == {
        "steps": 6, "done": 3, "refused": 0, "by_people": 1, "mean_confidence": 0.655,
    }  # fmt: skip
    assert progress["day"] == round(4 * MINUTE, 6)  # the visit ended last, the assessment itself does not count
    assert rows["rank-sites"] == {
        "step": "rank-sites",
        "title": "Rank the sites",
        "package": "sites",
        "planned_days": 6.0,
        "started_day": round(MINUTE / 3, 6),
        "ended_day": round(3 * MINUTE, 6),
        "status": "done",
        "by": "agent",
        "refusals": 1,
        "confidence": 0.4,
        "amount": None,
        "approved": None,
        "currency": None,
    }
    assert (rows["buy-sensors"]["status"], rows["buy-sensors"]["amount"]) == ("open", 12000.0)


def test_progress_tells_what_was_approved_and_refused(tmp_path: Path) -> None:
    writer = Writer(RunFolder(tmp_path / "run"))
    writer.survey()
    writer.build()
    approval = ("steps", "buy-sensors", "approval.json")
    assert _rows(progress_of(_execution(writer)))["buy-sensors"]["approved"] == 12000.0
    writer.run.write_json({**writer.run.read_json(*approval), "amount": 15000.0}, *approval)
    writer.end()
    row = _rows(progress_of(_execution(writer)))["buy-sensors"]
    assert (row["status"], row["refusals"], row["approved"]) == ("refused", 1, 15000.0)


def test_a_gate_that_was_refused_ends_its_step(tmp_path: Path) -> None:
    writer = Writer(RunFolder(tmp_path / "run"))
    writer.survey()
    writer.run.write_json({"decision": "rejected", "at": at("08:06:00")}, "steps", "buy-sensors", "approval.json")
    row = _rows(progress_of(_execution(writer)))["buy-sensors"]
    assert (row["status"], row["refusals"], row["ended_day"]) == ("refused", 1, round(6 * MINUTE, 6))


def test_the_risk_agent_takes_what_the_orchestrator_tells(tmp_path: Path) -> None:
    writer = Writer(RunFolder(tmp_path / "run"))
    writer.survey()
    card = load("risk_assessment").card(SigningKey.from_seed(bytes(32)).public)
    registry = Registry(read_cards({"http://127.0.0.1:1": card}))
    (agent,) = registry.agents
    step = _execution(writer).step("milestone-survey-risk")
    sent = build_assignment(step, agent, agent.capabilities[0], 1)
    assert isinstance(sent, Assignment), sent
    assert Progress.model_validate(sent.inputs["progress"]).work[0].step == "find-sites"
    assert sent == build_assignment(step, agent, agent.capabilities[0], 1)
