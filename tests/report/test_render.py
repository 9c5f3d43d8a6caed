"""The page and the data of a report.

The golden files are written anew by `PLANEXE_UPDATE_GOLDEN=1 pytest tests/report`; look at the pages
in a browser before you commit them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from planexe_dag_factory.report.model import Spent
from planexe_dag_factory.report.render import Report, headline, render_html, render_report
from planexe_dag_factory.report.status import read_status
from planexe_dag_factory.report.story import tell
from tests.report.conftest import FIGURES, MARA
from tests.report.golden_files import same_as_golden

Writer = Any
HOSTILE = (
    "<script>alert(1)</script>\n# Approved\n\n[ok](javascript:x) <h2>Facts</h2> {{ 7*7 }} {% raw %} "
    "\"'><img src=x onerror=y> \u202edesrever\u202c &amp; ]]> --> </style></svg></td>"
)


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    VOID = frozenset(("meta", "br"))

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.headings: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings.append(data)


def at_the_end(writer: Writer) -> Report:
    writer.survey()
    writer.build()
    writer.end()
    return render_report(writer.run, None)


def same_report(name: str, report: Report) -> None:
    same_as_golden(f"{name}.html", report.html)
    same_as_golden(f"{name}.json", json.dumps(report.json, indent=1, ensure_ascii=False) + "\n")


def test_report_after_a_milestone(writer: Writer) -> None:
    writer.survey()
    same_report("milestone", render_report(writer.run, "milestone-survey"))


def test_report_on_a_run_under_way(writer: Writer) -> None:
    writer.survey()
    writer.build()
    same_report("under-way", render_report(writer.run, None))


def test_report_at_the_end(writer: Writer) -> None:
    same_report("final", at_the_end(writer))


def test_the_same_folder_gives_the_same_bytes_in_another_process(writer: Writer) -> None:
    html = at_the_end(writer).html
    program = (
        "import sys; from planexe_dag_factory.record.folder import RunFolder;"
        "from planexe_dag_factory.report.render import render_report;"
        "sys.stdout.buffer.write(render_report(RunFolder(sys.argv[1]), None).html.encode())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    again = subprocess.run(
        [sys.executable, "-c", program, writer.run.root], check=True, capture_output=True, env=environment
    )
    assert again.stdout.decode() == html


def test_the_page_stands_alone_and_cannot_act(writer: Writer) -> None:
    page = Page(at_the_end(writer).html)
    assert not {"script", "link", "img", "iframe", "form", "object", "base"} & set(page.tags)
    names = {name for name, _ in page.attributes}
    assert not [name for name in names if name.startswith("on") or name in ("src", "srcdoc", "action")]
    assert {value for name, value in page.attributes if name == "href"} <= {"#risks"}
    assert "url(" not in at_the_end(writer).html
    assert "default-src 'none'" in next(value or "" for name, value in page.attributes if name == "content")


def test_what_an_agent_wrote_stands_in_a_box_that_names_it(writer: Writer) -> None:
    page = Page(at_the_end(writer).html)
    said = "Written by agent scout · confidence 0.91 · an agent's words, not facts of the record"
    assert said in page.text


def hostile_run(writer: Writer) -> None:
    """A run in which every text that comes from outside is hostile."""
    items = tuple(
        replace(item, title=HOSTILE, route=replace(item.route, assignee=HOSTILE))
        for item in writer.spec.work_items.values()
    )
    spec = replace(
        writer.spec,
        title=HOSTILE,
        owner=HOSTILE,
        summary=HOSTILE,
        work_items={item.id: item for item in items},
        groups=tuple(replace(group, title=HOSTILE) for group in writer.spec.groups),
        milestones=tuple(replace(milestone, title=HOSTILE) for milestone in writer.spec.milestones),
    )
    risk = dict.fromkeys(("area", "description", "likelihood", "severity", "action"), HOSTILE)
    writer.begin(spec, {"start": "2026-04-01", "risks": [risk]})
    evil = {"kind": "person", "id": "x", "name": HOSTILE}
    tried = [
        {"agent": HOSTILE, "action": HOSTILE, "status": status, "reason": HOSTILE} for status in ("failed", HOSTILE)
    ]
    writer.attempt("find-sites", "001", HOSTILE, HOSTILE)
    writer.decide("find-sites", "001", "review", "08:00:20", confidence=0.2, agent=HOSTILE, tried=tried)
    writer.ticket("find-sites", "001", "review", "08:00:30")
    writer.answer("find-sites", "001", "Accept", "08:01:00", by=evil, via=HOSTILE, fields={"comment": HOSTILE})
    said = {HOSTILE: [HOSTILE, {"summary": HOSTILE}], "line": HOSTILE.replace("\n", " ")}
    ended = {"agent": HOSTILE, "accepted_by": evil, "confidence": 0.2, "result": said}
    writer.result("find-sites", {"kind": "agent", "id": HOSTILE}, "08:00:10", "08:01:00", **ended)
    writer.result("milestone-survey-risk", evil, "08:00:10", "08:01:00", result={**said, "existential": True})
    refused = {"status": "refused", "reason": HOSTILE}
    writer.result("rank-sites", evil, "08:00:10", "08:01:00", **refused)
    more = {"assignee": HOSTILE, "ask": HOSTILE, "why": HOSTILE, "unblocks": [HOSTILE] * 6}
    writer.ticket("visit-sites", "001", "work", "08:00:10", **more)


@pytest.mark.parametrize("upto", [None, "milestone-survey"])
def test_hostile_text_everywhere_stays_text(writer: Writer, upto: str | None) -> None:
    hostile_run(writer)
    report = render_report(writer.run, upto)
    page = Page(report.html)
    assert not {"script", "img", "h4", "h5", "h6", "hr"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    ours = {"Waits on people", "What comes next", "Decisions of people", "Re-routed", "Risks"}
    assert ours <= set(page.headings)
    assert "Facts" not in page.headings
    assert "Approved" not in page.headings
    assert "{{ 7*7 }}" in page.text
    assert "\u202e" not in report.html


def test_the_headline_says_how_the_run_stands(writer: Writer) -> None:
    writer.begin()
    begun = read_status(writer.run, None)
    counts = {"done": 4, "refused": 1, "skipped": 1}
    assert [
        headline(begun),
        headline(replace(begun, estimated=False, forecast=None)),
        headline(replace(begun, over=True, counts=counts)),
        headline(replace(begun, over=True, counts={"done": 6})),
    ] == [
        "0 of 6 steps done; expected to end on 10 Apr 2026, as planned; nobody is waited for.",
        "0 of 6 steps done; nobody is waited for.",
        "Ended on 2 Mar 2026: 4 of 6 steps done, 1 refused and 1 not reached.",
        "Finished on 2 Mar 2026: all 6 steps done.",
    ]
    writer.survey()
    writer.build()
    going_on = read_status(writer.run, None)
    assert headline(going_on) == (
        "3 of 6 steps done; expected to end on 31 Mar 2026, 10 days before plan; 1 question open to people."
    )
    writer.answer("buy-sensors", "002", "Refuse", "08:09:00", fields={"comment": "The supplier is bankrupt."})
    writer.result("buy-sensors", MARA, "08:05:10", "08:09:00", status="refused", reason="The supplier is bankrupt.")
    assert headline(read_status(writer.run, None)) == (
        "3 of 6 steps done and 1 refused; the end cannot be reached as things stand; nobody is waited for."
    )


def test_the_final_report_says_whether_the_plan_was_on_time(writer: Writer) -> None:
    writer.survey()
    path = ("steps", "visit-sites", "result.json")
    writer.run.write_json({**writer.run.read_json(*path), "ended_at": "2026-03-15T08:00:00+00:00"}, *path)
    for item, start in (("buy-sensors", "08:06:00"), ("install", "08:07:00"), ("write-manual", "08:08:00")):
        writer.result(item, MARA, start, "08:09:00")
    writer.seal("08:10:00", "final")
    report = render_report(writer.run, None)
    ends = [(one.title, one.planned, one.end, one.reached) for one in tell(report.status).finishes]
    a_moment = pytest.approx(540 / 86400)
    assert ends == [
        ("Survey", 10.0, 13.0, True),
        ("Build", 39.0, a_moment, True),
        ("The whole plan", 39.0, 13.0, True),
    ]
    page = Page(report.html)
    assert "Was the plan on time?" in page.headings
    assert "3 days after plan" in page.text
    assert headline(report.status) == "Finished on 2 Mar 2026: all 6 steps done, 26 days before plan."


def test_what_a_person_reported_stands_under_the_step(writer: Writer) -> None:
    writer.survey()
    assert "<q>Seen both.</q>" in render_report(writer.run, "milestone-survey").html


def test_a_milestones_report_holds_what_came_since_and_what_is_next(writer: Writer) -> None:
    writer.survey()
    for item, start in (("buy-sensors", "08:06:00"), ("install", "08:07:00"), ("write-manual", "08:08:00")):
        writer.result(item, MARA, start, "08:09:00", result={"bought": "twelve"})
    writer.seal("08:10:00", "milestones", "milestone-build")
    first = tell(render_report(writer.run, "milestone-survey").status)
    then = render_report(writer.run, "milestone-build")
    story = tell(then.status)
    assert (first.phases, story.phases) == (("survey", "build"), ("build",))
    assert (first.accepted, len(first.decisions), len(first.rerouted)) == (1, 0, 1)
    assert (story.accepted, story.decisions, story.rerouted) == (0, (), ())
    assert story.results == ("buy-sensors", "install", "write-manual")
    assert "bought: twelve" in then.html
    assert "Two good sites." not in then.html
    assert "Find sites" not in Page(then.html).text.split("Phases, planned against actual")[1]


def test_a_flagged_risk_names_its_rule_and_who_let_the_plan_go_on(writer: Writer) -> None:
    writer.survey()
    writer.assess(FIGURES)
    found = render_report(writer.run, "milestone-survey").html
    assert '<section class="alarm">' in found
    assert "at stake: the base scenario succeeds less often than not. Mara Lind let the plan go on." in found
    for item, start in (("buy-sensors", "08:06:00"), ("install", "08:07:00"), ("write-manual", "08:08:00")):
        writer.result(item, MARA, start, "08:09:00")
    writer.seal("08:10:00", "final")
    over = render_report(writer.run, None).html
    assert '<section class="noted">' in over
    assert "Moves the end by" not in over
    assert "as assessed on 2 Mar 2026" in found
    assert "More work is refused (33%)" in over.split("risk register")[1]


def test_tokens_and_their_cost_are_told(writer: Writer) -> None:
    writer.survey()
    assert "Requests to a language model" not in render_html(read_status(writer.run, None))
    usage = {"model": "tiny", "requests": 2, "input_tokens": 1200, "output_tokens": 300, "cost": 0.0021}
    for number, more in (("001", {}), ("002", {"cost": None, "measured": False})):
        writer.run.write_json({"usage": {**usage, **more}}, "steps", "rank-sites", number, "outcome.json")
    status = read_status(writer.run, None)
    assert next(step.spent for step in status.steps if step.id == "rank-sites") == Spent(
        4, 3000, 0.0021, measured=False
    )
    text = Page(render_html(status)).text
    assert "3,000 in part guessed" in text
    assert "0.0021" in text
