"""`planexe-dag report`: what it writes, and what it says about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from planexe_dag_factory.cli.reports import report
from planexe_dag_factory.record.folder import RunFolder
from tests.report.conftest import Writer


def test_the_command_makes_a_report_again_and_compares_it_with_the_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = Writer(RunFolder(tmp_path / "run"))
    writer.survey()
    target = tmp_path / "again"
    assert report(writer.run.root, None, milestone="1", target=target, as_json=False) == 0
    assert "record" not in capsys.readouterr().out
    place = ("milestones", "milestone-survey", "report")
    for name in ("report.html", "report.pdf", "report.json"):
        writer.run.write_bytes((target / name).read_bytes(), *place, name)
    writer.run.write_bytes(b"{}", *place, "report.json")
    assert report(writer.run.root, None, milestone="milestone-survey", target=target, as_json=False) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[1] for line in said] == [
        "the same as in the record",
        "the same as in the record",
        "differs from the record: another version wrote that one, or it was changed",
    ]
    writer.run.write_json({"status": "done"}, "steps", "find-sites", "result.json")
    assert report(writer.run.root, None, milestone="1", target=target, as_json=False) == 1
    assert "steps/find-sites/result.json" in capsys.readouterr().err
    for wrong, why in (("2", "has not reached the milestone 'milestone-build' yet"), ("7", "has no milestone '7'")):
        assert report(writer.run.root, None, milestone=wrong, target=target, as_json=False) == 1
        assert why in capsys.readouterr().err
