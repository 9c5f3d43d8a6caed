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

from planexe_dag_factory.report.render import Report, headline, render_report
from planexe_dag_factory.report.status import read_status
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
        headline(replace(begun, over=True, counts=counts)),
        headline(replace(begun, over=True, counts={"done": 6})),
    ] == [
        "Under way: 0 of 6 steps done.",
        "Ended: 4 of 6 steps done, 1 refused and 1 not reached.",
        "Finished: all 6 steps done.",
    ]
