"""The risk picture: drawn from figures that an agent sent, whatever else it sent.

The golden pictures are written anew by `PLANEXE_UPDATE_GOLDEN=1 pytest tests/report`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from planexe_dag_factory.report.figures import RiskFigures, read_figures
from planexe_dag_factory.report.plots import draw_cost, draw_drivers, draw_finish, draw_scenarios
from planexe_dag_factory.report.render import render_report
from planexe_dag_factory.report.status import read_status
from tests.report.conftest import FIGURES, Writer
from tests.report.golden_files import same_as_golden

FIRST = date(2026, 3, 2)
SVG = "{http://www.w3.org/2000/svg}"


def figures(**changes: Any) -> RiskFigures:
    found = read_figures({**FIGURES, **changes})
    assert found is not None
    return found


def drawn(found: RiskFigures) -> dict[str, str]:
    assert found.schedule
    assert found.cost
    return {
        "finish": draw_finish(found.schedule, FIRST),
        "cost": draw_cost(found.cost),
        "drivers": draw_drivers(found.drivers),
        "scenarios": draw_scenarios(found.scenarios),
    }


@pytest.mark.parametrize("name", ["finish", "cost", "drivers", "scenarios"])
def test_each_picture_is_as_it_was_looked_at(name: str) -> None:
    same_as_golden(f"risk-{name}.svg", drawn(figures())[name])


@pytest.mark.parametrize(("name", "svg"), drawn(figures()).items())
def test_each_picture_has_a_title_and_says_in_words_what_it_shows(name: str, svg: str) -> None:
    root = ET.fromstring(svg)  # noqa: S314 - our own
    assert root.get("role") == "img"
    assert root.get("aria-label") == root.findtext("title")
    assert len(root.findtext("desc") or "") > 20, name


def test_the_marks_stand_where_their_days_are() -> None:
    root = ET.fromstring(drawn(figures())["finish"])  # noqa: S314 - our own
    labels = {(text.text or "").split(":")[0]: text for text in root.iter("text") if ":" in (text.text or "")}
    assert {name: text.text for name, text in labels.items()} == {
        "P50": "P50: 23 Mar 2026",
        "P80": "P80: 29 Mar 2026",
        "planned": "planned: 16 Mar 2026",
    }
    x = {name: float(text.get("x", "0")) for name, text in labels.items()}
    days = {"planned": 14, "P50": 21, "P80": 27}
    slopes = {(x[b] - x[a]) / (days[b] - days[a]) for a, b in (("planned", "P50"), ("P50", "P80"))}
    assert max(slopes) == pytest.approx(min(slopes), abs=0.01)


def test_labels_stand_on_their_own_side_where_marks_are_near() -> None:
    near = {**FIGURES["schedule"], "p80": 27.0, "planned": 27.5}
    root = ET.fromstring(drawn(figures(schedule=near))["finish"])  # noqa: S314 - our own
    sides = {(text.text or "").split(":")[0]: text.get("text-anchor") for text in root.iter("text")}
    assert (sides["P80"], sides["planned"]) == ("end", None)


def test_the_bars_have_their_own_scale() -> None:
    root = ET.fromstring(drawn(figures())["finish"])  # noqa: S314 - our own
    labels = [text.text for text in root.iter("text") if float(text.get("x", "0")) > 960]
    assert labels == ["20 %", "40 %"]  # the highest bar holds 400 of 1,000
    assert any("the bars (on the right)" in (text.text or "") for text in root.iter("text"))


def test_the_curve_ends_at_all_draws() -> None:
    root = ET.fromstring(drawn(figures())["finish"])  # noqa: S314 - our own
    curve = [line for line in root.iter("line") if line.get("class") == "cumulative"]
    assert (float(curve[0].get("y1", "0")), float(curve[-1].get("y2", "0"))) == (222, 46)


@pytest.mark.parametrize(
    "changes",
    [
        {"resilience": "high"},
        {"scenarios": []},
        {"scenarios": [{"name": "x" * 500, **{k: v for k, v in FIGURES["scenarios"][0].items() if k != "name"}}]},
        {"schedule": {**FIGURES["schedule"], "p50": float("nan")}},
        {"schedule": {**FIGURES["schedule"], "planned": 1e300}},
        {"schedule": {**FIGURES["schedule"], "histogram": []}},
        {"cost": {**FIGURES["cost"], "histogram": [FIGURES["cost"]["histogram"][0]] * 61}},
        {"drivers": [{"kind": "script"}]},
        {"rules": None},
        {"so_far": {**FIGURES["so_far"], "left": 7}},
    ],
)
def test_figures_that_do_not_hold_are_not_drawn(changes: Mapping[str, Any]) -> None:
    assert read_figures({**FIGURES, **changes}) is None


def test_figures_at_their_limits_can_be_drawn() -> None:
    odd = {"mean": 0, "p10": -1e6, "p50": 0, "p80": 1e6, "p90": 1e6, "planned": 1e6}
    bins = [{"start": -1e6, "end": 1e6, "count": 0}]
    flat = {**FIGURES["drivers"][0], "days_if_well": 5, "days_if_badly": 5}
    found = figures(schedule={**odd, "histogram": bins}, cost={**odd, "histogram": bins}, drivers=[flat])
    for svg in drawn(found).values():
        assert "nan" not in svg
        ET.fromstring(svg)  # noqa: S314 - our own


def test_the_report_of_a_milestone_shows_the_picture_and_its_figures(writer: Writer) -> None:
    writer.survey()
    hostile = {**FIGURES["drivers"][0], "title": "<script>alert(1)</script> \u202e"}
    writer.assess({**FIGURES, "drivers": [hostile, *FIGURES["drivers"][1:]], "summary": "Look at the permit."})
    report = render_report(writer.run, "milestone-survey")
    same_as_golden("risk.html", report.html)
    assert "<script" not in report.html
    assert "\u202e" not in report.html


def test_what_is_drawn_is_not_said_again(writer: Writer) -> None:
    writer.survey()
    writer.assess({**FIGURES, "summary": "Look at the permit."})
    (assessment,) = read_status(writer.run, "milestone-survey").assessments
    assert assessment.beside == {"summary": "Look at the permit."}
