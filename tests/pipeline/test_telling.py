"""What PlanExe's own files are told of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from planexe_dag_factory.pipeline.telling import risks_of, summary_text
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.report.status import read_status
from tests.report.conftest import FIGURES, Writer


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(RunFolder(tmp_path / "20260302T080000Z-harbour-0a1b2c3d"))


def test_the_register_tells_the_last_assessment_and_the_one_before(writer: Writer) -> None:
    writer.assess_twice(FIGURES, {**FIGURES, "drivers": [{**FIGURES["drivers"][0], "days_if_badly": 20.0}]})
    register = {"risks": [{"risk_area": "Budget", "risk_description": "Too dear.", "action": "Ask early."}]}
    (risk,) = risks_of(register, read_status(writer.run, None))["risks"]
    assert risk["action"] == (
        "Ask early. Assessed while the plan is carried out: it moves the end by 2 days; "
        "at the milestone before 8.5 days."
    )


def test_the_summary_begins_with_how_the_plan_stands_and_who_is_waited_for(writer: Writer) -> None:
    writer.survey()
    writer.build()
    told = summary_text("# Summary", read_status(writer.run, None))
    assert "3 of 6 steps done; expected to end on 31 Mar 2026, 10 days before plan; 1 question open" in told
    assert "### Accepted in review\n\n- 1 work of agents" in told
    assert "### Waits on\n\n- Site manager: Buy sensors" in told
    assert told.endswith("# Summary")
