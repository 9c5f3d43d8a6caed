"""The report that a milestone leaves: page, data and paper, of which none can undo what was reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.signing import SigningKey, digest_bytes

from planexe_dag_factory.airflow.callbacks import ATTEMPTS, write_report
from planexe_dag_factory.cli.reports import report
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.record.events import read_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.routing.model import Registry
from tests.report.conftest import Writer

MILESTONE = "milestone-survey"
PLACE = ("milestones", MILESTONE, "report")


@pytest.fixture
def execution(tmp_path: Path) -> Execution:
    writer = Writer(RunFolder(tmp_path / "run"))
    writer.survey()
    return Execution(writer.run, Registry, SigningKey.generate())


def test_the_report_is_a_page_its_data_and_a_paper_and_each_is_on_record(execution: Execution) -> None:
    write_report(execution, MILESTONE)
    assert execution.run.names(*PLACE) == ["report.html", "report.json", "report.pdf"]
    written = [event for event in read_events(execution.run, MILESTONE) if event["action"] == "report-written"]
    digests = {name: mark for event in written for name, mark in event["digests"].items()}
    assert digests == {name: digest_bytes(execution.run.read_bytes(*name.split("/"))) for name in digests}
    assert sorted(digests) == ["/".join((*PLACE, name)) for name in ("report.html", "report.json", "report.pdf")]


def test_the_command_makes_the_same_bytes_again(
    execution: Execution, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_report(execution, MILESTONE)
    assert report(execution.run.root, None, milestone="1", target=tmp_path / "again", as_json=True) == 0
    assert [one["same_as_recorded"] for one in json.loads(capsys.readouterr().out)] == [True] * 3


def test_a_paper_that_cannot_be_made_leaves_the_page_and_says_so(
    execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(status: Any) -> bytes:
        raise OSError("no room on the device")

    monkeypatch.setattr("planexe_dag_factory.report.pdf.render_pdf", broken)
    write_report(execution, MILESTONE)
    assert execution.run.names(*PLACE) == ["report.html", "report.json"]
    said = read_events(execution.run, MILESTONE)[-1]
    assert (said["action"], said["details"]) == (
        "report-failed",
        {"error": "no room on the device", "attempt": ATTEMPTS},
    )


def test_a_report_that_cannot_be_made_at_all_is_not_set_on_paper(execution: Execution) -> None:
    execution.run.write_bytes(b"{", "plan.json")
    write_report(execution, MILESTONE)
    assert execution.run.names(*PLACE) == []
    assert [event["action"] for event in read_events(execution.run, MILESTONE)][-ATTEMPTS:] == ["report-failed"] * 3
