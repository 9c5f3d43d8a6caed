from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from planexe_agents.signing import SigningKey

from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.events import Event, append_event
from planexe_dag_factory.report.model import (
    Assessment,
    Days,
    Decision,
    NextStep,
    Reroute,
    RiskRow,
    RunStatus,
    Span,
    StepStatus,
    Try,
    Wait,
)
from planexe_dag_factory.report.status import read_status

Writer = Any
"""The hand of conftest.py that writes run folders."""


def at(hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(2026, 3, 2, hour, minute, second, tzinfo=UTC)


def states(status: RunStatus) -> dict[str, str]:
    return {step.id: step.state for step in status.steps}


def test_a_run_that_has_just_begun_has_everything_to_come(writer: Writer) -> None:
    writer.begin()
    status = read_status(writer.run, None)
    assert status.counts == {"pending": 6}
    assert (status.over, status.as_of, status.plan_start) == (False, at(8, 0), date(2026, 4, 1))
    assert status.next == (
        NextStep("Find sites", "Survey", "scout", None),
        NextStep("Visit the sites", "Survey", "Site manager", None),
    )


def test_a_step_shows_who_did_it_who_accepted_it_and_how_long_a_person_was_waited_for(writer: Writer) -> None:
    writer.survey()
    survey = read_status(writer.run, "milestone-survey").phases[0]
    tried = (Try("scout", "find", "rejected", "no figures to rank"), Try("analyst", "assess", "completed", ""))
    assert survey.steps[1] == StepStatus(
        id="rank-sites",
        title="Rank the sites",
        package="Sites",
        executor="analysis",
        state="done",
        who="analyst",
        planned=Days(4.0, 10.0),
        accepted_by="Mara Lind",
        agent="analyst",
        confidence=0.4,
        threshold=0.7,
        actual=Span(at(8, 0, 20), at(8, 3)),
        waits=(Span(at(8, 1), at(8, 3)),),
        tried=tried,
        said={"best": "Pier 2"},
        forecast=Days(20 / 86400, 180 / 86400),
    )
    assert (survey.planned, survey.actual) == (Days(0.0, 10.0), Span(at(8, 0, 10), at(8, 4)))
    assert (survey.done, survey.reached_at) == (3, at(8, 5))


def test_an_agents_outcome_that_nobody_looked_at_was_accepted_by_nobody(writer: Writer) -> None:
    writer.survey()
    assert read_status(writer.run, None).steps[0].accepted_by is None


def test_states_follow_the_record_while_the_run_goes_on(writer: Writer) -> None:
    writer.survey()
    after_milestone = states(read_status(writer.run, None))
    writer.ticket("buy-sensors", "001", "approval", "08:05:10", assignee="Finance board")
    gate_open = states(read_status(writer.run, None))
    writer.answer("buy-sensors", "001", "Approve", "08:06:00")
    writer.attempt("write-manual", "001", "scout", "find")
    approved = states(read_status(writer.run, None))
    build = ("buy-sensors", "install", "write-manual")
    assert [[found[step] for step in build] for found in (after_milestone, gate_open, approved)] == [
        ["pending", "pending", "pending"],
        ["waiting", "pending", "pending"],
        ["queued", "pending", "running"],
    ]


def test_at_the_end_what_was_begun_has_failed_and_the_rest_was_not_reached(writer: Writer) -> None:
    writer.survey()
    writer.build()
    writer.end()
    status = read_status(writer.run, None)
    assert status.counts == {"done": 3, "refused": 1, "failed": 1, "skipped": 1}
    assert [step.why for step in status.steps if step.state == "refused"] == ["The supplier is bankrupt."]
    assert (status.over, status.as_of, status.waiting, status.next) == (True, at(8, 10), (), ())


def test_a_step_handed_to_a_person_waits_again_after_a_redo_only_when_there_is_a_new_ticket(writer: Writer) -> None:
    writer.begin()
    writer.attempt("find-sites", "001", "scout", "find")
    writer.ticket("find-sites", "001", "review", "08:01:00")
    writer.answer("find-sites", "001", "Redo", "08:02:00", fields={"comment": "Look north."})
    redone = states(read_status(writer.run, None))["find-sites"]
    writer.ticket("find-sites", "002", "review", "08:03:00")
    assert (redone, states(read_status(writer.run, None))["find-sites"]) == ("running", "waiting")


def test_an_answer_that_was_not_enough_leaves_the_ticket_open(writer: Writer) -> None:
    writer.begin()
    writer.ticket("visit-sites", "001", "work", "08:00:10")
    writer.answer("visit-sites", "001", "Done", "08:01:00", accepted=False)
    status = read_status(writer.run, None)
    assert (states(status)["visit-sites"], status.decisions) == ("waiting", ())


def test_a_wait_says_what_is_asked_of_whom_and_whether_it_is_overdue(writer: Writer) -> None:
    writer.begin()
    due = "2026-03-02T08:00:20+00:00"
    writer.ticket("visit-sites", "001", "work", "08:00:10", assignee="Ann", due_at=due, unblocks=["Buy sensors"])
    writer.attempt("find-sites", "001", "scout", "find")
    writer.decide("find-sites", "001", "review", "08:01:00")
    assert read_status(writer.run, None).waiting == (
        Wait(
            about="Visit the sites",
            kind="work",
            ask="Please do it.",
            why="A person is needed.",
            assignee="Ann",
            since=at(8, 0, 10),
            due_at=at(8, 0, 20),
            overdue=True,
            unblocks=("Buy sensors",),
        ),
    )


def test_decisions_are_those_of_people_in_the_order_of_time_and_work_done_is_none(writer: Writer) -> None:
    writer.survey()
    writer.build()
    writer.end()
    assert read_status(writer.run, None).decisions == (
        Decision(at(8, 3), "Mara Lind", "Rank the sites", "review", "Accept", "Pier 2 is right.", via="demo reviewer"),
        Decision(at(8, 6), "Mara Lind", "Buy sensors", "approval", "Approve", "Within budget.", 12000.0, None, "EUR"),
        Decision(at(8, 9), "Mara Lind", "Buy sensors", "work", "Refuse", "The supplier is bankrupt."),
    )


def test_a_rejected_gate_is_a_refusal_with_its_reason(writer: Writer) -> None:
    writer.survey()
    by = {"kind": "person", "id": "mara", "name": "Mara Lind"}
    rejected = {"decision": "rejected", "by": by, "at": "2026-03-02T08:06:00+00:00", "reason": "Too dear."}
    writer.run.write_json(rejected, "steps", "buy-sensors", "approval.json")
    status = read_status(writer.run, None)
    assert [(step.state, step.why) for step in status.steps if step.id == "buy-sensors"] == [("refused", "Too dear.")]
    assert status.decisions[-1] == Decision(at(8, 6), "Mara Lind", "Buy sensors", "approval", "Rejected", "Too dear.")


def test_a_refusal_that_no_person_answered_is_still_told(writer: Writer) -> None:
    writer.begin()
    timed_out = {"status": "refused", "reason": "nobody answered in 3 days"}
    by = {"kind": "orchestrator", "id": "planexe-dag-factory"}
    writer.result("visit-sites", by, "08:00:10", "08:04:00", **timed_out)
    assert read_status(writer.run, None).decisions == (
        Decision(at(8, 4), "planexe-dag-factory", "Visit the sites", "refusal", "Refused", "nobody answered in 3 days"),
    )


def test_a_step_is_re_routed_where_an_agent_did_not_complete_it(writer: Writer) -> None:
    writer.survey()
    tried = (Try("scout", "find", "rejected", "no figures to rank"), Try("analyst", "assess", "completed", ""))
    assert read_status(writer.run, None).rerouted == (Reroute("Rank the sites", tried, "analyst"),)


def test_next_comes_what_nothing_holds_back(writer: Writer) -> None:
    writer.survey()
    assert read_status(writer.run, "milestone-survey").next == (
        NextStep("Buy sensors", "Build", "Site manager", "budget"),
        NextStep("Write the manual", "Build", "scout", None),
    )


def test_risks_stand_by_likelihood_times_severity_beside_the_assessment(writer: Writer) -> None:
    writer.survey()
    status = read_status(writer.run, "milestone-survey")
    assert status.risks == (
        RiskRow("Budget", "Too dear.", "high", "high", "Ask early.", 9),
        RiskRow("Weather", "Storms.", "low", "medium", "Wait.", 2),
    )
    said = {"existential": False, "summary": "All is well."}
    assert status.assessments == (
        Assessment(
            "Survey", "oracle", existential=False, confidence=0.8, said=said, at=at(8, 4, 30), accepted_by="Mara Lind"
        ),
    )


def test_a_milestones_report_is_the_same_after_the_run_has_gone_on(writer: Writer) -> None:
    writer.survey()
    then = read_status(writer.run, "milestone-survey")
    writer.build()
    writer.end()
    writer.seal("08:09:30", "milestones", "milestone-build")
    assert read_status(writer.run, "milestone-survey") == then


def test_a_result_that_was_rewritten_after_the_seal_is_no_part_of_the_report(writer: Writer) -> None:
    writer.survey()
    path = ("steps", "find-sites", "result.json")
    writer.run.write_json({**writer.run.read_json(*path), "confidence": 0.1}, *path)
    named = r"^steps/find-sites/result\.json in .* is not what milestones/milestone-survey/manifest\.json lists"
    with pytest.raises(RecordError, match=named):
        read_status(writer.run, "milestone-survey")
    assert read_status(writer.run, None).steps[0].confidence == 0.1
    writer.seal("08:10:00", "final")
    writer.run.write_json({**writer.run.read_json(*path), "confidence": 0.2}, *path)
    assert read_status(writer.run, None, at(8, 11)).steps[0].confidence == 0.2


@pytest.mark.parametrize("enough", [False, True])
def test_an_answer_may_take_the_place_of_one_that_was_not_enough_and_of_no_other(
    writer: Writer, *, enough: bool
) -> None:
    writer.survey()
    writer.ticket("write-manual", "001", "work", "08:04:50")
    writer.answer("write-manual", "001", "Done", "08:04:55", accepted=enough)
    path = "steps/write-manual/tickets/001/answer.json"
    digests = {path: writer.run.digests("steps", "write-manual")[path]}
    told = Event("ticket-answered", about="write-manual", digests=digests, details={"accepted": enough})
    append_event(writer.run, SigningKey.from_seed(b"k".ljust(32)), told)
    writer.seal("08:05:00", "milestones", "milestone-survey")
    then = read_status(writer.run, "milestone-survey")
    writer.answer("write-manual", "001", "Done", "08:06:00")
    if enough:
        with pytest.raises(RecordError, match=r"answer\.json"):
            read_status(writer.run, "milestone-survey")
    else:
        assert states(read_status(writer.run, "milestone-survey")) == states(then)
        assert states(then)["write-manual"] == "waiting"


def test_a_milestone_that_was_not_sealed_yet_counts_all_that_is_there(writer: Writer) -> None:
    writer.survey()
    writer.run.remove("milestones", "milestone-survey", "manifest.json")
    status = read_status(writer.run, "milestone-survey")
    assert (status.as_of, status.phases[0].reached_at, status.over) == (at(8, 4, 30), at(8, 4, 30), False)


def test_a_milestone_that_the_run_does_not_have_is_refused(writer: Writer) -> None:
    writer.survey()
    with pytest.raises(RecordError) as caught:
        read_status(writer.run, "milestone-lunch")
    assert str(caught.value) == (
        "20260302T080000Z-harbour-0a1b2c3d has no milestone 'milestone-lunch'; "
        "it has ['milestone-survey', 'milestone-build']"
    )


def test_a_file_that_is_not_what_it_should_be_is_named(writer: Writer) -> None:
    writer.survey()
    writer.run.write_json({"status": "perhaps"}, "steps", "find-sites", "result.json")
    with pytest.raises(RecordError, match=r"^steps/find-sites/result\.json in .* cannot be read: 4 validation errors"):
        read_status(writer.run, None)
