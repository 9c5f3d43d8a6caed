"""What a reader is told first, from the record of a small run."""

from __future__ import annotations

from typing import Any

import pytest

from planexe_dag_factory.report.status import read_status
from planexe_dag_factory.report.story import Story, tell
from tests.report.conftest import FIGURES, MARA, Writer, at


def told(writer: Writer, upto: str | None) -> Story:
    return tell(read_status(writer.run, upto))


def said(points: Any) -> list[tuple[str, str]]:
    return [(point.about, point.what) for point in points]


def at_the_end(writer: Writer) -> Story:
    writer.survey()
    writer.build()
    writer.end()
    return told(writer, None)


def test_after_a_milestone_the_story_tells_what_was_done_decided_and_changed(writer: Writer) -> None:
    writer.survey()
    story = told(writer, "milestone-survey")
    assert story.since is None
    assert said(story.done) == [
        ("Find sites", "done by scout"),
        ("Rank the sites", "done by analyst, accepted by Mara Lind"),
        ("Visit the sites", "done by Mara Lind"),
    ]
    assert (story.decided, story.accepted) == ((), 1)
    assert said(story.changed) == [("Rank the sites", "went from scout (find) to analyst (assess)")]
    assert (story.late, story.timeline) == ((), ())


def test_after_the_next_milestone_only_what_came_since_is_told(writer: Writer) -> None:
    writer.survey()
    for item, start in (("buy-sensors", "08:06:00"), ("install", "08:07:00"), ("write-manual", "08:08:00")):
        writer.result(item, MARA, start, "08:09:00")
    writer.seal("08:10:00", "milestones", "milestone-build")
    story = told(writer, "milestone-build")
    assert story.since is not None
    assert story.since.isoformat() == at("08:05:00")
    assert [point.about for point in story.done] == ["Buy sensors", "Install <b>all</b> sensors", "Write the manual"]
    assert (story.decided, story.changed) == ((), ())


def test_at_the_end_the_story_tells_deviations_and_a_timeline(writer: Writer) -> None:
    story = at_the_end(writer)
    assert said(story.changed) == [
        ("Rank the sites", "went from scout (find) to analyst (assess)"),
        ("Buy sensors", "was refused"),
        ("Install <b>all</b> sensors", "was not reached"),
        ("Write the manual", "failed"),
    ]
    assert said(story.timeline) == [
        ("Harbour air sensors", "the run began"),
        ("Find sites", "was done"),
        ("Rank the sites", "was done, and accepted by Mara Lind"),
        ("Rank the sites", "went from scout (find) to analyst (assess)"),
        ("Visit the sites", "was done"),
        ("Survey", "its risks were assessed"),
        ("Survey", "its milestone was reached"),
        ("Buy sensors", "was approved, 12,000.00 EUR"),
        ("Buy sensors", "was refused"),
        ("Harbour air sensors", "the run ended"),
    ]


def test_an_amount_that_differs_from_the_plan_is_a_deviation(writer: Writer) -> None:
    writer.survey()
    writer.build()
    path = ("steps", "buy-sensors", "approval.json")
    writer.run.write_json({**writer.run.read_json(*path), "amount": 15000.0}, *path)
    writer.end()
    story = told(writer, None)
    assert ("Buy sensors", "15,000.00 EUR approved where 12,000.00 was planned") in said(story.changed)
    (cost,) = story.costs
    assert (cost.planned, cost.approved, cost.currency, cost.by) == (12000.0, 15000.0, "EUR", "Mara Lind")


def test_what_took_longer_than_planned_is_late_the_worst_first(writer: Writer) -> None:
    writer.survey()
    for item, days in (("find-sites", 4.1), ("rank-sites", 8.0), ("visit-sites", 15.0)):
        end = f"2026-03-{2 + int(days):02}T{8 + round((days % 1) * 24):02}:00:00+00:00"
        path = ("steps", item, "result.json")
        result = writer.run.read_json(*path)
        writer.run.write_json({**result, "started_at": at("08:00:00"), "ended_at": end}, *path)
    writer.seal("08:05:00", "milestones", "milestone-survey")
    manifest = writer.run.read_json("milestones", "milestone-survey", "manifest.json")
    sealed = {**manifest, "at": "2026-03-17T08:00:00+00:00"}
    writer.run.write_json(sealed, "milestones", "milestone-survey", "manifest.json")
    assert said(told(writer, "milestone-survey").late) == [
        ("The end of the plan", "expected 5 days after the planned 10 Apr 2026"),
        ("Visit the sites", "ended 5 days after the planned 12 Mar 2026"),
    ]


def test_a_step_is_late_by_its_end_and_an_approval_that_was_waited_for_is_told_apart(writer: Writer) -> None:
    writer.survey()
    writer.build()
    path = ("steps", "buy-sensors", "tickets", "001", "ticket.json")
    ticket = writer.run.read_json(*path)
    writer.answer("buy-sensors", "001", "Approve", "08:06:00", at="2026-04-04T08:05:10+00:00")
    writer.run.write_json({**ticket, "opened_at": at("08:05:10")}, *path)
    writer.result("buy-sensors", MARA, "08:05:10", "08:06:00", ended_at="2026-04-05T08:00:00+00:00")
    late = tell(read_status(writer.run, None)).late
    assert ("Buy sensors", "ended 4 days after the planned 1 Apr 2026, and waited 33 d for its approval") in said(late)
    writer.seal("08:10:00", "milestones", "milestone-build")
    manifest = writer.run.read_json("milestones", "milestone-build", "manifest.json")
    sealed = {**manifest, "at": "2026-04-06T08:00:00+00:00"}
    writer.run.write_json(sealed, "milestones", "milestone-build", "manifest.json")
    assert [one.about for one in told(writer, "milestone-build").late] == ["The end of the plan", "Buy sensors"]


def test_what_stops_or_costs_is_decided_first_and_acceptances_are_counted(writer: Writer) -> None:
    writer.survey()
    writer.ticket("write-manual", "001", "review", "08:05:20")
    writer.answer("write-manual", "001", "Correct", "08:05:30", fields={"comment": "A word."})
    writer.build()
    writer.end()
    story = told(writer, None)
    assert said(story.decided) == [
        ("Buy sensors", "was refused"),
        ("Buy sensors", "was approved, 12,000.00 EUR"),
        ("Write the manual", "was corrected"),
    ]
    assert story.accepted == 1


def test_confidence_is_summed_up_by_phase(writer: Writer) -> None:
    (survey,) = at_the_end(writer).confidence
    assert (survey.phase, survey.results, survey.least, survey.reviewed) == ("Survey", 2, 0.4, 1)
    assert survey.mean == pytest.approx((0.91 + 0.4) / 2)


def test_a_risk_of_the_register_is_found_among_the_drivers(writer: Writer) -> None:
    writer.survey()
    writer.assess(FIGURES)
    changes = {change.risk.area: (change.before, change.now) for change in told(writer, "milestone-survey").risks}
    assert changes == {"Budget": (None, 8.5), "Weather": (None, None)}


def test_before_and_now_are_the_assessments_by_when_they_were_made(writer: Writer) -> None:
    writer.assess_twice(FIGURES, {**FIGURES, "drivers": [{**FIGURES["drivers"][0], "days_if_badly": 20.0}]})
    status = read_status(writer.run, None)
    assert [one.milestone for one in status.assessments] == ["Survey", "Build"]
    changes = {change.risk.area: (change.before, change.now) for change in tell(status).risks}
    assert changes["Budget"] == (8.5, 2.0)


def test_work_that_is_called_like_a_risk_is_none(writer: Writer) -> None:
    writer.survey()
    writer.assess({**FIGURES, "drivers": [{**FIGURES["drivers"][0], "kind": "work"}]})
    assert [change.now for change in told(writer, "milestone-survey").risks] == [None, None]


def test_the_report_names_the_manifest_that_it_follows(writer: Writer) -> None:
    writer.survey()
    sealed = read_status(writer.run, "milestone-survey").sealed
    assert sealed is not None
    assert sealed.manifest.startswith("sha256:")
    assert sealed.files == len(writer.run.read_json("milestones", "milestone-survey", "manifest.json")["files"])
    writer.seal("08:05:01", "milestones", "milestone-survey")
    again = read_status(writer.run, "milestone-survey").sealed
    assert again is not None
    assert again.manifest != sealed.manifest
