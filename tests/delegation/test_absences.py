"""Whoever is away is answered for by one deputy, on record, who gets no second vote by it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.signing import SigningKey, digest

from planexe_dag_factory.delegation.absences import FOLDER, Absence, Absences
from planexe_dag_factory.delegation.answers import Answer, AnswerRefusedError, standing_answer, take_again, take_answer
from planexe_dag_factory.delegation.approval import ApprovalMissingError, require_approvals
from planexe_dag_factory.delegation.desk import CLAIMED
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.delegation.handing import TO_ANYONE
from planexe_dag_factory.delegation.told import who_is_told
from planexe_dag_factory.record.events import Actor, read_events
from planexe_dag_factory.record.folder import now
from planexe_dag_factory.report import words
from planexe_dag_factory.routing.people import Assigned, People
from planexe_dag_factory.ui.wording import what_happened
from tests.delegation.scenes import make_scene
from tests.delegation.test_desk import ANNA, BERT, CARA, desk_of, do, gated, opened

DORA = Actor("person", "dora", "Dora")
EVE = Actor("person", "eve", "Eve")
PEOPLE = People(
    roles={"Treasurer": Assigned(groups=("board",)), "Harbour master": Assigned(users=("anna",))},
    groups={"board": ("anna", "bert", "cara"), "office": ("dora", "eve")},
    owner=Assigned(users=("sid",)),
)
DONE = {"comment": "done"}


def away(step: StepRun, user: str, deputy: str, **more: Any) -> Absence:
    moment = datetime.now(UTC)
    said: dict[str, Any] = {
        "since": (moment - timedelta(hours=1)).isoformat(),
        "until": (moment + timedelta(days=7)).isoformat(),
        "kinds": [],
        "by": Actor("person", user, user).as_json(),
        "at": now(),
    }
    absence = Absence(user, deputy, **(said | more))
    kept(step).add(absence, step.execution.key)
    return absence


def kept(step: StepRun) -> Absences:
    return Absences.below(step.execution.root, step.execution.ours)


def approve(step: StepRun, who: Actor) -> Any:
    return take_answer(step, opened(step, "approval"), Answer("Approve", {}, who), PEOPLE)


def test_a_deputy_answers_for_who_is_away_and_the_record_says_so(tmp_path: Path) -> None:
    step = make_scene(tmp_path).step
    ticket = opened(step)
    with pytest.raises(AnswerRefusedError, match="anna is asked, and Dora is not among them"):
        take_answer(step, ticket, Answer("Done", DONE, DORA), PEOPLE)
    absence = away(step, "anna", "dora")
    assert take_answer(step, opened(step), Answer("Done", DONE, DORA), PEOPLE).go_on
    event = [one for one in read_events(step.execution.run, step.id) if one["action"] == "ticket-answered"][-1]
    until = words.moment(datetime.fromisoformat(absence.until))
    assert what_happened(event) == f"answered Done for anna, who is away until {until}, by standing instruction"
    instruction = step.read_json("tickets", "002", "answer.json")["instead_of"]
    assert (instruction["deputy"], step.execution.is_ours(instruction)) == ("dora", True)


def test_who_is_away_may_answer_all_the_same_and_then_nobody_did_it_for_them(tmp_path: Path) -> None:
    step = make_scene(tmp_path).step
    away(step, "anna", "dora")
    assert take_answer(step, opened(step), Answer("Done", DONE, ANNA), PEOPLE).go_on
    assert step.read_json("tickets", "001", "answer.json")["instead_of"] is None


@pytest.mark.parametrize(
    ("said", "who"),
    [
        ({"until": now()}, DORA),
        ({"since": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}, DORA),
        ({"kinds": ["review"]}, DORA),
        ({"at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}, DORA),
        ({}, EVE),
    ],
    ids=["over", "not yet", "another kind", "said later", "somebody else"],
)
def test_a_deputy_answers_nothing_else_and_at_no_other_time(tmp_path: Path, said: dict[str, Any], who: Actor) -> None:
    step = make_scene(tmp_path).step
    away(step, "anna", "dora", **said)
    with pytest.raises(AnswerRefusedError, match="anna is asked"):
        take_answer(step, opened(step), Answer("Done", DONE, who), PEOPLE)


def test_what_was_said_last_counts(tmp_path: Path) -> None:
    step = make_scene(tmp_path).step
    moment = datetime.now(UTC)
    away(step, "anna", "dora")
    away(step, "anna", "eve")
    assert [one.deputy for one in kept(step).of({"anna"}, datetime.now(UTC))] == ["eve"]
    away(step, "anna", "")
    assert kept(step).of({"anna"}, datetime.now(UTC)) == kept(step).coming(datetime.now(UTC)) == ()
    assert kept(step).of({"anna"}, moment) == ()


def test_a_deputys_deputy_is_nobodys_and_a_stranger_is_none(tmp_path: Path) -> None:
    step = make_scene(tmp_path).step
    away(step, "anna", "dora")
    away(step, "dora", "eve")
    with pytest.raises(AnswerRefusedError, match="anna is asked"):
        take_answer(step, opened(step), Answer("Done", DONE, EVE), PEOPLE)
    away(step, "anna", "mallory")
    mallory = Actor("person", "mallory", "mallory")
    with pytest.raises(AnswerRefusedError, match="anna is asked"):
        take_answer(step, opened(step), Answer("Done", DONE, mallory), PEOPLE)


def test_a_forged_or_renamed_instruction_counts_for_nothing(tmp_path: Path) -> None:
    step = make_scene(tmp_path).step
    away(step, "anna", "dora")
    away(step, "anna", "")
    forged = replace(away(step, "bert", "eve"), user="anna", at=now())
    kept(step).add(forged, SigningKey.generate())
    folder = tmp_path / FOLDER
    first = min(folder.glob("*+anna-*"))
    late = first.with_name(f"20991231T000000000000+{first.name.split('+', 1)[1]}")
    late.write_bytes(first.read_bytes())
    (folder / f"20991231T000000000001+anna-{digest('anna')[7:15]}+00000000.json").write_text("{")
    assert kept(step).of({"anna"}, datetime(2100, 1, 2, tzinfo=UTC) - timedelta(days=1)) == ()
    assert kept(step).of({"anna"}, datetime.now(UTC)) == ()


def test_a_claim_of_who_is_away_keeps_no_deputy_out(tmp_path: Path) -> None:
    step = make_scene(tmp_path).step
    ticket = opened(step)
    do(step, CLAIMED, ANNA)
    away(step, "anna", "dora")
    assert take_answer(step, ticket, Answer("Done", DONE, DORA), PEOPLE).go_on


def test_a_claim_of_somebody_else_does(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    ticket = opened(step, "approval")
    do(step, CLAIMED, CARA)
    away(step, "anna", "sid")
    with pytest.raises(AnswerRefusedError, match="the group board is asked, and sid is not among them"):
        take_answer(step, ticket, Answer("Approve", {}, Actor("person", "sid", "sid")), PEOPLE)


class TestApprovals:
    def test_a_deputy_is_no_second_vote_of_their_own(self, tmp_path: Path) -> None:
        step = gated(tmp_path)
        away(step, "anna", "bert")
        assert approve(step, BERT).again == "1 of 2 have approved: Bert."
        with pytest.raises(AnswerRefusedError, match="you have approved already"):
            approve(step, BERT)
        assert approve(step, CARA).go_on

    def test_nor_of_two_who_are_away(self, tmp_path: Path) -> None:
        step = gated(tmp_path)
        sid = Actor("person", "sid", "Sid")
        away(step, "anna", "sid")
        away(step, "bert", "sid")
        assert approve(step, sid).again == "1 of 2 have approved: Sid."
        with pytest.raises(AnswerRefusedError, match="you have approved already"):
            approve(step, sid)
        with pytest.raises(ApprovalMissingError):
            require_approvals(step)

    def test_who_was_answered_for_has_no_vote_left(self, tmp_path: Path) -> None:
        """Else somebody approves twice, with a friend for a deputy."""
        step = gated(tmp_path)
        away(step, "anna", "sid")
        approve(step, Actor("person", "sid", "Sid"))
        with pytest.raises(AnswerRefusedError, match="Sid has approved already for you, while you were away"):
            approve(step, ANNA)
        assert approve(step, CARA).go_on
        votes = step.read_json("approval.json")["votes"]
        assert [vote["instead_of"] and vote["instead_of"]["user"] for vote in votes] == ["anna", None]

    def test_nor_has_a_deputy_of_who_has_voted(self, tmp_path: Path) -> None:
        step = gated(tmp_path)
        approve(step, ANNA)
        away(step, "anna", "sid")
        with pytest.raises(AnswerRefusedError, match="Anna has approved already for anna"):
            approve(step, Actor("person", "sid", "Sid"))

    @pytest.mark.parametrize("starter", ["sid", "anna", "root"], ids=["deputy", "who is away", "who said so"])
    def test_who_started_the_run_approves_by_no_deputy(self, tmp_path: Path, starter: str) -> None:
        step = gated(tmp_path, needed=1)
        step.execution.log("run-started", "run", Actor("person", starter, starter))
        away(step, "anna", "sid", by=Actor("person", "root", "root").as_json())
        with pytest.raises(AnswerRefusedError, match="whoever started the run cannot approve"):
            approve(step, Actor("person", "sid", "sid"))

    def test_only_those_who_may_decide_it_answer_for_others(self, tmp_path: Path) -> None:
        step = gated(tmp_path, needed=1)
        away(step, "anna", "dora")
        with pytest.raises(AnswerRefusedError, match="you answer for anna, who is away, but this is for those"):
            approve(step, DORA)
        step.execution.run.write_json({TO_ANYONE: True}, "policy.json")
        assert approve(replace(step.execution).step(step.id), DORA).go_on

    def test_an_answer_that_was_interrupted_keeps_for_whom_it_was(self, tmp_path: Path) -> None:
        step = gated(tmp_path)
        away(step, "anna", "sid")
        approve(step, Actor("person", "sid", "Sid"))
        (tmp_path / "run" / "steps" / step.id / "votes" / "001.json").unlink()
        ticket = step.read_json("tickets", "001", "ticket.json")
        answer = standing_answer(step, ticket)
        assert answer
        take_again(step, ticket, answer)
        assert step.read_json("votes", "001.json")["instead_of"]["user"] == "anna"


def test_deputies_are_told_too(tmp_path: Path) -> None:
    step = make_scene(tmp_path).step
    ticket = opened(step)
    absence = away(step, "anna", "dora")
    away(step, "bert", "eve")
    told = who_is_told(step, ticket, desk_of(step, ticket), PEOPLE)
    assert str(told) == f"anna or dora for anna, who is away until {absence.until}"
    assert told.members == {"anna", "dora"}
