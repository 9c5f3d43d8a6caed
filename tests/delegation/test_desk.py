"""Who may answer, four eyes, several approvals, reminders: from the record alone."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.signing import SigningKey

from planexe_dag_factory.delegation.answers import Answer, AnswerRefusedError, Effect, open_ticket, take_answer
from planexe_dag_factory.delegation.approval import ApprovalMissingError, require_approvals, settle, too_few_left
from planexe_dag_factory.delegation.asked import who_is_asked
from planexe_dag_factory.delegation.asking import Kind
from planexe_dag_factory.delegation.desk import (
    CLAIMED,
    DELEGATED,
    ESCALATED,
    REASSIGNED,
    RELEASED,
    REMINDED,
    Desk,
    Named,
    read_desk,
)
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.delegation.reminders import free_to_remind, nudges, outstanding, take_nudges, time_until_next
from planexe_dag_factory.delegation.tickets import Place, build_ticket
from planexe_dag_factory.delegation.told import who_is_told
from planexe_dag_factory.record.events import Actor, Event, append_event, names_of
from planexe_dag_factory.routing.model import Reminders
from planexe_dag_factory.routing.people import Assigned, People
from planexe_dag_factory.spec.codec import dump_spec
from tests.delegation.scenes import GATE, ITEM, ROUTE, make_scene

ANNA, BERT, CARA = (Actor("person", name.lower(), name) for name in ("Anna", "Bert", "Cara"))
PEOPLE = People(
    roles={"Treasurer": Assigned(users=("anna",)), "Harbour master": Assigned(groups=("masters",))},
    groups={"masters": ("bert", "cara"), "board": ("cara",)},
    owner=Assigned(users=("dora",)),
    senior=Assigned(users=("sid",)),
)
PLACE = Place("harbour", "run", "survey.human")
TWO = replace(GATE, approvals_needed=2)


def opened(step: StepRun, kind: Kind = "work") -> dict[str, Any]:
    ticket = build_ticket(step, kind, PLACE, "why")
    open_ticket(step, ticket)
    return ticket


def gated(folder: Path, needed: int = 2) -> StepRun:
    item = replace(ITEM, route=replace(ROUTE, gate=replace(GATE, approvals_needed=needed, amount=None)))
    return make_scene(folder, item=item).step


def desk_of(step: StepRun, ticket: dict[str, Any]) -> Desk:
    return read_desk(step.execution.run, step.execution.ours, ticket)


def do(step: StepRun, action: str, who: Actor = ANNA, **details: Any) -> None:
    step.log(action, who, task=PLACE.task_id, n=1, **details)


def approve(step: StepRun, who: Actor) -> Effect:
    return take_answer(step, opened(step, "approval"), Answer("Approve", {}, who))


def test_who_rejected_a_step_has_not_done_it_and_may_approve_it_once_it_is_asked_anew(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    assert not take_answer(step, opened(step, "approval"), Answer("Reject", {"comment": "too dear"}, ANNA)).go_on
    assert approve(step, ANNA).go_on


@pytest.mark.parametrize(
    ("named", "users", "groups", "mapped"),
    [
        (Named("role", "treasurer!"), ("anna",), (), True),
        (Named("role", "Harbour master"), (), ("masters",), True),
        (Named("role", "Nobody knows"), ("dora",), (), False),
        (Named("senior", "Nobody knows"), ("sid",), (), True),
        (Named("role", "senior"), ("sid",), (), True),
        (Named("user", "eve"), ("eve",), (), True),
        (Named("group", "board"), (), ("board",), True),
        (Named("group", "gone"), (), ("gone",), True),
    ],
)
def test_a_name_means_whom_the_people_file_says(
    named: Named, users: tuple[str, ...], groups: tuple[str, ...], mapped: bool
) -> None:
    asked = who_is_asked([named], PEOPLE)
    assert (asked.users, asked.groups, asked.mapped) == (users, groups, mapped)


def test_a_group_without_members_lets_nobody_answer() -> None:
    assert not who_is_asked([Named("group", "gone")], PEOPLE).holds(ANNA)
    assert who_is_asked([Named("role", "x")], People()).holds(ANNA)


def test_the_number_that_fab_gives_a_user_is_nobodys_name() -> None:
    """Somebody else may log in with a personnel number."""
    assert names_of(Actor("person", "7", "anna")) == {"anna"}
    assert names_of(Actor("person", "12", "7")) == names_of(Actor("person", "7")) == {"7"}
    assert names_of(Actor("person", "0b5e-4f", "bert")) == {"0b5e-4f", "bert"}
    asked = who_is_asked([Named("user", "7")], People())
    assert asked.holds(Actor("person", "12", "7"))
    assert not asked.holds(Actor("person", "7", "anna"))


def test_an_answer_of_somebody_else_does_not_count(tmp_path: Path) -> None:
    step = make_scene(tmp_path).step
    ticket, answer = opened(step), {"comment": "done"}
    with pytest.raises(AnswerRefusedError, match="the group masters is asked, and Anna is not among them"):
        take_answer(step, ticket, Answer("Done", answer, ANNA), PEOPLE)
    assert take_answer(step, ticket, Answer("Done", answer, BERT), PEOPLE) == Effect(go_on=True)


def test_a_claim_keeps_others_out_until_it_is_released(tmp_path: Path) -> None:
    step = make_scene(tmp_path).step
    ticket = opened(step)
    do(step, CLAIMED, ANNA)
    do(step, CLAIMED, BERT)
    with pytest.raises(AnswerRefusedError, match="Anna has claimed this ticket"):
        take_answer(step, ticket, Answer("Done", {"comment": "x"}, BERT))
    do(step, RELEASED, ANNA)
    assert desk_of(step, ticket).claim is None
    assert take_answer(step, ticket, Answer("Done", {"comment": "x"}, BERT)).go_on


def test_reassigning_replaces_and_delegating_adds_for_a_while(tmp_path: Path) -> None:
    step = make_scene(tmp_path).step
    ticket = opened(step)
    do(step, CLAIMED, ANNA)
    do(step, REASSIGNED, ANNA, to={"kind": "user", "name": "bert"}, reason="x")
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    do(step, DELEGATED, BERT, to={"kind": "user", "name": "eve"}, until=soon, reason="x")
    desk = desk_of(step, ticket)
    assert desk.claim is None
    assert who_is_asked(desk.asked, PEOPLE).users == ("bert", "eve")
    later = datetime.now(UTC) + timedelta(hours=2)
    assert who_is_asked(desk.asked, PEOPLE, later).users == ("bert",)


def test_an_answer_is_judged_as_of_when_it_was_given(tmp_path: Path) -> None:
    step = make_scene(tmp_path).step
    ticket = opened(step)
    until = datetime.now(UTC) + timedelta(seconds=0.5)
    do(step, DELEGATED, BERT, to={"kind": "user", "name": "anna"}, until=until.isoformat(), reason="x")
    given = datetime.now(UTC)
    do(step, REASSIGNED, BERT, to={"kind": "user", "name": "eve"}, reason="too late")
    time.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()))
    with pytest.raises(AnswerRefusedError, match="eve is asked, and Anna is not among them"):
        take_answer(step, ticket, Answer("Done", {"comment": "x"}, ANNA, datetime.now(UTC)), PEOPLE)
    assert take_answer(step, ticket, Answer("Done", {"comment": "x"}, ANNA, given), PEOPLE).go_on
    said = step.read_json("tickets", "001", "answer.json")
    assert datetime.fromisoformat(said["given_at"]) == given < datetime.fromisoformat(said["at"])


def test_an_event_that_the_orchestrator_did_not_sign_has_no_effect(tmp_path: Path) -> None:
    step = make_scene(tmp_path).step
    ticket = opened(step)
    details = {"task": PLACE.task_id, "to": {"kind": "user", "name": "eve"}}
    append_event(step.execution.run, SigningKey.generate(), Event(REASSIGNED, ANNA, step.id, {}, details))
    assert desk_of(step, ticket).asked == (Named("role", "Harbour master"),)


def test_two_different_people_must_approve(tmp_path: Path) -> None:
    step = gated(tmp_path)
    assert approve(step, ANNA) == Effect(go_on=False, again="1 of 2 have approved: Anna.")
    with pytest.raises(ApprovalMissingError, match="nobody has approved"):
        require_approvals(step)
    with pytest.raises(AnswerRefusedError, match="you have approved already: 2 different people must"):
        approve(step, ANNA)
    asked = opened(step, "approval")["approvals"]
    assert (asked["needed"], [vote["by"]["id"] for vote in asked["given"]]) == (2, ["anna"])
    assert approve(step, BERT) == Effect(go_on=True)
    require_approvals(step)
    approval = step.read_json("approval.json")
    assert [vote["by"]["id"] for vote in approval["votes"]] == ["anna", "bert"]
    assert not settle(step)


def test_one_rejection_rejects_and_earlier_votes_are_spent(tmp_path: Path) -> None:
    step = gated(tmp_path)
    approve(step, ANNA)
    refused = take_answer(step, opened(step, "approval"), Answer("Reject", {"comment": "no"}, BERT))
    assert refused == Effect(go_on=False)
    with pytest.raises(ApprovalMissingError, match="another decision"):
        require_approvals(step)
    assert approve(step, CARA).again == "1 of 2 have approved: Cara."


def test_a_last_vote_before_a_crash_opens_the_gate_when_the_task_starts_again(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    assert approve(step, ANNA).go_on
    (Path(step.execution.run.root) / "steps" / step.id / "approval.json").unlink()
    assert settle(step)
    require_approvals(step)


def test_too_few_voters_hold_the_step_however_well_they_are_signed(tmp_path: Path) -> None:
    one = gated(tmp_path, needed=1)
    approve(one, ANNA)
    spec = one.execution.spec
    item = replace(one.item, route=replace(one.item.route, gate=replace(TWO, amount=None)))
    one.execution.run.write_bytes(
        dump_spec(replace(spec, work_items={**spec.work_items, item.id: item})), "dagspec.json"
    )
    again = replace(one.execution).step(one.id)
    assert again.payload_digest == one.payload_digest
    with pytest.raises(ApprovalMissingError, match="1 of the 2 different people"):
        require_approvals(again)


@pytest.mark.parametrize("changed", [{"plan_digest": "sha256:other"}, {"policy_digest": "sha256:other"}])
def test_a_vote_is_void_when_what_it_was_given_for_has_changed(tmp_path: Path, changed: dict[str, Any]) -> None:
    step = gated(tmp_path)
    approve(step, ANNA)
    run = step.execution.run
    run.write_bytes(dump_spec(replace(step.execution.spec, **changed)), "dagspec.json")
    again = replace(step.execution).step(step.id)
    assert approve(again, BERT).again == "1 of 2 have approved: Bert."


def test_whoever_started_the_run_or_did_the_step_cannot_approve(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    step.execution.log("run-started", "run", ANNA)
    with pytest.raises(AnswerRefusedError, match="whoever started the run"):
        approve(step, ANNA)
    step.execution.run.write_json({"status": "done", "by": BERT.as_json()}, "steps", step.id, "result.json")
    with pytest.raises(AnswerRefusedError, match="whoever did the step"):
        approve(step, BERT)
    assert approve(step, CARA).go_on


@pytest.mark.parametrize(
    ("to", "said"),
    [
        (Named("user", "bert"), "2 more approvals are needed, and only bert of bert could give them"),
        (Named("group", "masters"), None),
        (Named("group", "board"), "only cara of the group board"),
        (Named("group", "gone"), "nobody of the group gone could give them"),
    ],
)
def test_an_approval_of_several_is_not_left_to_too_few(tmp_path: Path, to: Named, said: str | None) -> None:
    step = gated(tmp_path)
    problem = too_few_left(step, opened(step, "approval"), who_is_asked([to], PEOPLE))
    assert (said in problem) if said and problem else problem is said


def test_who_has_approved_or_started_the_run_is_not_counted_as_left(tmp_path: Path) -> None:
    step = gated(tmp_path)
    step.execution.log("run-started", "run", CARA)
    approve(step, BERT)
    ticket = opened(step, "approval")
    masters = too_few_left(step, ticket, who_is_asked([Named("group", "masters")], PEOPLE))
    assert masters is not None
    assert masters.startswith("1 more approval is needed, and nobody of the group masters could give it")
    assert too_few_left(step, ticket, who_is_asked([Named("user", "anna")], PEOPLE)) is None


def test_the_work_of_an_approved_step_is_not_left_to_its_approver(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    approve(step, ANNA)
    ticket = opened(step)
    to_anna = too_few_left(step, ticket, who_is_asked([Named("user", "anna")], PEOPLE))
    assert to_anna == "anna approved the step, and cannot do it too"
    assert too_few_left(step, ticket, who_is_asked([Named("user", "bert")], PEOPLE)) is None


def test_nobody_is_told_who_has_approved_or_where_somebody_has_taken_the_ticket(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=3)
    office = replace(PEOPLE, roles={"Treasurer": Assigned(users=("anna", "dora"), groups=("masters",))})

    def told(ticket: dict[str, Any]) -> tuple[str, list[str]]:
        found = who_is_told(step, ticket, desk_of(step, ticket), office)
        return str(found), sorted(found.members)

    assert told(opened(step, "approval")) == ("anna or dora or the group masters", ["anna", "bert", "cara", "dora"])
    approve(step, ANNA)
    approve(step, BERT)
    assert told(opened(step, "approval")) == ("dora or the group masters", ["cara", "dora"])
    do(step, CLAIMED, CARA)
    assert told(opened(step, "work")) == ("Cara", ["Cara", "cara"])


def test_the_owner_is_told_where_nobody_is_left_to_approve(tmp_path: Path) -> None:
    step = gated(tmp_path)
    approve(step, ANNA)
    ticket = opened(step, "approval")
    assert str(who_is_told(step, ticket, desk_of(step, ticket), PEOPLE)) == "dora"
    nobody = replace(PEOPLE, owner=None)
    found = who_is_told(step, ticket, desk_of(step, ticket), nobody)
    assert (str(found), found.members) == ("anna", frozenset())


NOT_BOTH = "whoever approved the step cannot do it too"


def done(step: StepRun, who: Actor, option: str = "Done") -> Effect:
    fields = {"comment": "x"} if option == "Done" else {"result": '{"answer": 7}'}
    return take_answer(step, opened(step, "work" if option == "Done" else "review"), Answer(option, fields, who))


@pytest.mark.parametrize("option", ["Done", "Correct"])
def test_whoever_approved_a_step_alone_does_not_do_it_too(tmp_path: Path, option: str) -> None:
    step = gated(tmp_path, needed=1)
    approve(step, ANNA)
    with pytest.raises(AnswerRefusedError, match=NOT_BOTH):
        done(step, ANNA, option)
    assert done(step, BERT, option).go_on


def test_to_accept_what_an_agent_brought_is_not_to_do_it(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    approve(step, ANNA)
    assert take_answer(step, opened(step, "review"), Answer("Accept", {}, ANNA)).go_on


@pytest.mark.parametrize(("separate", "may"), [(None, True), (True, False), (False, True)])
def test_one_of_several_approvers_may_do_the_step_unless_the_policy_says_no(
    tmp_path: Path, separate: bool | None, may: bool
) -> None:
    step = gated(tmp_path)
    step.execution.run.write_json({"separate_doer": separate}, "policy.json")
    approve(step, ANNA)
    approve(step, BERT)
    if may:
        assert done(step, ANNA).go_on
    else:
        with pytest.raises(AnswerRefusedError, match=NOT_BOTH):
            done(step, ANNA)
        assert done(step, CARA).go_on


def test_in_an_office_of_one_the_policy_lets_the_approver_do_it(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    step.execution.run.write_json({"separate_doer": False}, "policy.json")
    approve(step, ANNA)
    assert done(step, ANNA).go_on


def test_a_correction_keeps_what_was_changed(tmp_path: Path) -> None:
    step = make_scene(tmp_path).step
    take_answer(step, opened(step, "review"), Answer("Correct", {"result": '{"answer": 7}'}, ANNA))
    assert step.read_json("result.json")["correction"] == [{"op": "add", "path": "/answer", "value": 7}]


REMINDERS = Reminders(after_hours=(2.0, 1.0), escalate_after_hours=3.0, ladder=("board", "senior"))


def reminding(folder: Path, hours_ago: float) -> tuple[StepRun, dict[str, Any]]:
    step = make_scene(folder).step
    spec = replace(step.execution.spec, reminders=REMINDERS)
    step.execution.run.write_bytes(dump_spec(spec), "dagspec.json")
    step = replace(step.execution).step(step.id)
    ticket = opened(step)
    since = datetime.now(UTC) - timedelta(hours=hours_ago)
    return step, {**ticket, "asked_since": since.isoformat(timespec="microseconds")}


def test_reminders_and_escalations_have_their_times_and_an_end(tmp_path: Path) -> None:
    _, ticket = reminding(tmp_path, 0)
    since = datetime.fromisoformat(ticket["asked_since"])
    due = [(one.kind, one.to, (one.at - since) / timedelta(hours=1)) for one in nudges(ticket, REMINDERS)]
    assert due == [
        ("reminder", None, 1),
        ("reminder", None, 2),
        ("escalation", "board", 3),
        ("escalation", "senior", 6),
    ]
    assert nudges(ticket, None) == ()


def test_what_has_fallen_due_is_recorded_once_and_asks_others_too(tmp_path: Path) -> None:
    step, ticket = reminding(tmp_path, 4)
    do(step, CLAIMED, BERT)
    taken = take_nudges(step, ticket, desk_of(step, ticket))
    assert [(one.kind, one.number) for one in taken] == [("reminder", 2), ("escalation", 1)]
    desk = desk_of(step, ticket)
    assert [deed.action for deed in desk.deeds] == [CLAIMED, REMINDED, ESCALATED]
    assert desk.claim is None
    assert who_is_asked(desk.asked, PEOPLE).groups == ("masters", "board")
    assert take_nudges(step, ticket, desk) == ()
    assert [one.to for one in outstanding(ticket, REMINDERS, desk)] == ["senior"]
    wait = time_until_next(ticket, REMINDERS, desk)
    assert wait is not None
    assert timedelta(hours=1.9) < wait <= timedelta(hours=2)


def test_a_reminder_by_hand_takes_the_place_of_none_that_is_planned_and_is_sent_in_four_hours_again(
    tmp_path: Path,
) -> None:
    step, ticket = reminding(tmp_path, 1.5)
    assert free_to_remind(desk_of(step, ticket)) is None
    do(step, REMINDED, ANNA)
    desk = desk_of(step, ticket)
    free = free_to_remind(desk)
    assert free is not None
    assert timedelta(hours=3.9) < free - datetime.now(UTC) <= timedelta(hours=4)
    assert [(one.kind, one.number) for one in take_nudges(step, ticket, desk)] == [("reminder", 1)]


def test_after_the_last_rung_a_ticket_waits_as_long_as_it_takes(tmp_path: Path) -> None:
    step, ticket = reminding(tmp_path, 100)
    take_nudges(step, ticket, desk_of(step, ticket))
    assert time_until_next(ticket, REMINDERS, desk_of(step, ticket)) is None


@pytest.mark.parametrize(
    ("option", "fields", "problem"),
    [
        ("Done", {"comment": "half a \ud800 character"}, "comment: this cannot be put on record"),
        ("Done", {"comment": "x", "result": '{"n": 1' + "0" * 40 + "}"}, "result: a number in it is too large"),
        ("Done", {"comment": "x", "result": '{"n": NaN}'}, "result: a number in it is too large"),
    ],
)
def test_what_cannot_be_recorded_is_refused_and_the_refusal_is_recorded(
    tmp_path: Path, option: str, fields: dict[str, Any], problem: str
) -> None:
    step = make_scene(tmp_path).step
    with pytest.raises(AnswerRefusedError, match=problem):
        take_answer(step, opened(step), Answer(option, fields, ANNA))
    assert step.read_json("tickets", "001", "answer.json")["accepted"] is False


def test_an_amount_beyond_all_numbers_is_refused(tmp_path: Path) -> None:
    item = replace(ITEM, route=replace(ROUTE, gate=GATE))
    step = make_scene(tmp_path, item=item).step
    with pytest.raises(AnswerRefusedError, match="amount: this cannot be put on record"):
        take_answer(step, opened(step, "approval"), Answer("Reject", {"comment": "no", "amount": 10**40}, ANNA))
