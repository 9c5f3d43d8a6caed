"""The final report of the whole example plan: page, data and paper, and the Gantt by its dates."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from xml.etree import ElementTree as ET

import pypdfium2
import pytest
from planexe_agents.signing import digest

from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.verify import verify_run
from planexe_dag_factory.report.gantt import GAP, LABELS, LEAST, PANEL
from planexe_dag_factory.report.model import RunStatus
from planexe_dag_factory.report.pdf import render_pdf
from planexe_dag_factory.report.render import Report, render_html, render_json, render_report
from planexe_dag_factory.report.schedule import steps_in_order
from planexe_dag_factory.spec.codec import load_spec
from tests.report.golden_files import same_as_golden
from tests.report.whole import carry_out_example

PIXEL = 0.02
SEAL = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return carry_out_example(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def report(run: RunFolder) -> Report:
    return render_report(run, None)


@pytest.fixture(scope="module")
def looked_at(report: Report) -> RunStatus:
    """The status, but for the digest of the record: it changes with every word of a ticket that no report shows."""
    assert report.status.sealed
    return replace(report.status, sealed=replace(report.status.sealed, manifest=SEAL))


def test_the_page_and_its_data_are_those_that_were_looked_at(looked_at: RunStatus) -> None:
    same_as_golden("whole.html", render_html(looked_at))
    same_as_golden("whole.json", json.dumps(render_json(looked_at), indent=1, ensure_ascii=False) + "\n")


def test_the_paper_is_the_one_that_was_looked_at(looked_at: RunStatus) -> None:
    document = pypdfium2.PdfDocument(render_pdf(looked_at))
    pages = [page.get_textpage().get_text_range().replace("\r\n", "\n") for page in document]
    same_as_golden("whole.pdf.txt", "\n\f".join(pages) + "\n")


def test_the_record_that_it_is_made_from_is_whole(run: RunFolder, report: Report) -> None:
    found = verify_run(run)
    assert (found.ok, found.state, found.problems) == (True, "sealed", ())
    assert report.status.sealed
    assert report.status.sealed.manifest == digest(run.read_json("final", "manifest.json"))


def charts(report: Report) -> list[ET.Element]:
    """The pictures of the phases as they stand in the page, the overview first."""
    parts = report.html.split('<svg class="gantt"')[1:]
    return [ET.fromstring('<svg class="gantt"' + part.split("</svg>")[0] + "</svg>") for part in parts]  # noqa: S314 - ours


def stretches(chart: ET.Element, kind: str) -> list[tuple[float, float, float]]:
    """Where the bars of a kind lie: top, left and right."""
    found = [bar.attrib for bar in chart.iter("rect") if f"bar {kind}" in bar.attrib["class"]]
    return [(float(one["y"]), float(one["x"]), float(one["x"]) + float(one["width"])) for one in found]


def test_every_bar_of_the_gantt_lies_on_the_dates_of_the_report(report: Report) -> None:
    status = report.status
    began = status.started_at.timestamp()
    a_day = (2 * PANEL + GAP) / max(step.planned.end for step in status.steps)
    a_second = a_day / 86400  # the run took weeks of the plan, and lies on one axis with it
    real = LABELS
    overview, *by_phase = charts(report)
    assert len(stretches(overview, "plan")) == len(by_phase) == len(status.phases)
    for chart, phase in zip(by_phase, status.phases, strict=True):
        planned, actual = stretches(chart, "plan")[1:], stretches(chart, "real")[1:]
        assert len(planned) == len(actual) == len(phase.steps)
        for step, (_, left, right), (_, start, end) in zip(phase.steps, planned, actual, strict=True):
            assert left == pytest.approx(LABELS + step.planned.start * a_day, abs=PIXEL)
            assert right == pytest.approx(LABELS + step.planned.end * a_day, abs=PIXEL)
            assert step.actual
            first, last = (real + (one.timestamp() - began) * a_second for one in (step.actual.start, step.actual.end))
            assert start == pytest.approx(first, abs=PIXEL)
            assert end == pytest.approx(max(last, first + LEAST), abs=PIXEL)


def test_no_step_was_planned_or_done_before_those_it_waits_for(run: RunFolder, report: Report) -> None:
    spec = load_spec(run.read_bytes("dagspec.json"))
    steps = {step.id: step for step in report.status.steps}
    pairs = [(steps[one], steps[name]) for name in steps for one in spec.work_items[name].upstream if one in steps]
    assert len(pairs) > len(steps) / 2
    for before, after in pairs:
        assert before.planned.end <= after.planned.start
        assert before.actual
        assert after.actual
        assert before.actual.end <= after.actual.start
    assert set(steps_in_order(spec)) == set(steps)


def test_what_each_step_took_is_what_the_record_says(run: RunFolder, report: Report) -> None:
    for step in report.status.steps:
        result = run.read_json("steps", step.id, "result.json")
        assert step.actual
        assert step.actual.start == datetime.fromisoformat(result["started_at"])
        assert step.actual.end == datetime.fromisoformat(result["ended_at"])


def test_planned_dates_are_the_longest_way_through_the_plan(report: Report) -> None:
    """By hand from the example's own estimates: 14 days to know the limits, then 25 for the permission and 12 to
    install and calibrate, then 32 for the trial and 2 to open.
    """
    assert ends(report.status) == {"Evidence and Design": 14, "Build the Network": 51, "Trial and Opening": 85}


def ends(status: RunStatus) -> dict[str, float]:
    return {phase.title: phase.planned.end for phase in status.phases}
