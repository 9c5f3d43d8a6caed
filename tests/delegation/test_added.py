"""Approvers whom somebody adds to an approval: each is one more, and nothing starts without them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from planexe_dag_factory.delegation.added import (
    counted_on,
    too_few_for,
    who_cannot_add,
    who_cannot_be_added,
    who_cannot_take_back,
)
from planexe_dag_factory.delegation.answers import Answer, AnswerRefusedError, Effect, take_again, take_answer
from planexe_dag_factory.delegation.approval import ApprovalMissingError, require_approvals
from planexe_dag_factory.delegation.desk import ADDED, REASSIGNED, TAKEN_BACK, Named
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.delegation.handing import who_cannot_hand_on
from planexe_dag_factory.delegation.told import who_is_told
from planexe_dag_factory.delegation.votes import POLICY, unmet
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.routing.people import Assigned, People
from tests.delegation.test_desk import ANNA, BERT, CARA, desk_of, do, gated, opened

DORA, EVE = Actor("person", "dora", "Dora"), Actor("person", "eve", "Eve")
PEOPLE = People(
    roles={"Treasurer": Assigned(groups=("board",))},
    groups={"board": ("anna", "bert"), "office": ("cara", "dora"), "eves": ("eve",)},
    owner=Assigned(users=("sid",)),
)
CARAS, OFFICE = Named("user", "cara"), Named("group", "office")


def approve(step: StepRun, who: Actor) -> Effect:
    return take_answer(step, opened(step, "approval"), Answer("Approve", {}, who), PEOPLE)


def add(step: StepRun, to: Named, who: Actor = BERT) -> None:
    do(step, ADDED, who, to=to.as_json(), reason="it touches their budget")


def problem_of_adding(step: StepRun, to: Named, who: Actor = BERT) -> str | None:
    return who_cannot_be_added(step, desk_of(step, opened(step, "approval")), to, who, PEOPLE)


@pytest.mark.parametrize("first", [(ANNA, CARA), (CARA, ANNA)], ids=["who is asked first", "who was added first"])
def test_it_wants_who_was_added_beside_whom_the_policy_asks(tmp_path: Path, first: tuple[Actor, Actor]) -> None:
    step = gated(tmp_path, needed=1)
    opened(step, "approval")
    add(step, CARAS)
    effect = approve(step, first[0])
    assert not effect.go_on
    with pytest.raises(ApprovalMissingError, match="nobody has approved"):
        require_approvals(step)
    assert approve(step, first[1]).go_on
    require_approvals(step)
    (added,) = step.read_json("approval.json")["added"]
    assert (added["to"], added["by"]["id"], added["reason"]) == (CARAS.as_json(), "bert", "it touches their budget")


def test_it_says_who_was_added_and_has_not_approved(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    add(step, CARAS)
    add(step, OFFICE)
    assert approve(step, ANNA).again == (
        "1 of 3 have approved: Anna. Needed still: cara, added by Bert; the group office, added by Bert."
    )
    assert (
        approve(step, CARA).again == "2 of 3 have approved: Anna, Cara. Needed still: the group office, added by Bert."
    )
    assert approve(step, DORA) == Effect(go_on=True)


def test_who_was_added_counts_for_nobody_whom_the_policy_asks(tmp_path: Path) -> None:
    step = gated(tmp_path)  # two of the board
    add(step, OFFICE)
    assert not approve(step, ANNA).go_on
    assert not approve(step, CARA).go_on
    assert approve(step, DORA).again == "3 of 3 have approved: Anna, Cara, Dora."
    assert approve(step, BERT).go_on


def test_one_person_is_not_two(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    add(step, Named("user", "anna"))
    assert not approve(step, ANNA).go_on
    with pytest.raises(AnswerRefusedError, match="you have approved already: 2 different people must"):
        approve(step, ANNA)
    assert approve(step, BERT).go_on


def test_who_was_added_stays_added_to_whomever_the_ticket_is_handed(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    add(step, CARAS)
    do(step, REASSIGNED, ANNA, to={"kind": "user", "name": "bert"}, reason="his")
    assert not approve(step, BERT).go_on
    assert approve(step, CARA).go_on


def test_a_vote_without_the_mark_of_who_was_added_opens_nothing(tmp_path: Path) -> None:
    """The signed approval is counted again by who acts, against what the record says was added."""
    step = gated(tmp_path, needed=1)
    assert approve(step, ANNA).go_on
    require_approvals(step)
    add(step, CARAS)
    with pytest.raises(ApprovalMissingError, match="1 of the 2 different people who must approve it have"):
        require_approvals(step)


def test_who_was_added_may_reject(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    add(step, CARAS)
    rejected = Answer("Reject", {"comment": "no"}, CARA)
    assert take_answer(step, opened(step, "approval"), rejected, PEOPLE) == Effect(go_on=False)
    assert step.read_json("approval.json")["decision"] == "rejected"


def test_what_an_approval_stands_for_is_as_it_was_when_it_was_given(tmp_path: Path) -> None:
    """The process that took it died before the vote was written: the next one has the signed answer alone."""
    step = gated(tmp_path, needed=1)
    add(step, CARAS)
    ticket = opened(step, "approval")
    answer = Answer("Approve", {}, CARA)
    take_answer(step, ticket, answer, PEOPLE)
    kept = step.read_json("tickets", "001", "answer.json")
    (tmp_path / "run" / "steps" / step.id / "votes" / "001.json").unlink()
    again = Answer("Approve", {}, CARA, meets=tuple(kept["stands_for"]))
    assert not take_again(step, ticket, again).go_on
    assert step.read_json("votes", "001.json")["stands_for"] == kept["stands_for"] != [POLICY]


def test_only_who_still_has_to_approve_is_told(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    add(step, CARAS)
    ticket = opened(step, "approval")
    assert who_is_told(step, ticket, desk_of(step, ticket), PEOPLE).members == {"anna", "bert", "cara"}
    approve(step, ANNA)
    assert who_is_told(step, ticket, desk_of(step, ticket), PEOPLE).members == {"cara"}


def test_where_anybody_may_approve_anybody_still_may(tmp_path: Path) -> None:
    step, nobody = gated(tmp_path, needed=1), People()
    add(step, CARAS)
    assert not take_answer(step, opened(step, "approval"), Answer("Approve", {}, EVE), nobody).go_on
    assert take_answer(step, opened(step, "approval"), Answer("Approve", {}, CARA), nobody).go_on


def test_where_anybody_may_approve_anybody_may_be_added(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    desk = desk_of(step, opened(step, "approval"))
    assert who_cannot_be_added(step, desk, CARAS, BERT, People()) is None


@pytest.mark.parametrize(
    ("to", "by", "problem"),
    [
        (Named("user", "bert"), BERT, "you cannot add yourself: approve it, or add somebody else"),
        (OFFICE, BERT, None),
        (CARAS, BERT, None),
        (Named("user", "anna"), BERT, None),
        (Named("group", "nobody"), BERT, "then too few different people would be left to approve it"),
    ],
)
def test_whom_one_may_add(tmp_path: Path, to: Named, by: Actor, problem: str | None) -> None:
    found = problem_of_adding(gated(tmp_path, needed=1), to, by)
    assert found == problem or (problem is not None and found is not None and found.startswith(problem))


def test_nobody_is_added_twice_or_who_has_approved_or_so_that_nobody_is_left(tmp_path: Path) -> None:
    step = gated(tmp_path)
    assert problem_of_adding(step, Named("user", "anna")) == (
        "then too few different people would be left to approve it: each added approver is one more"
    )
    add(step, CARAS)
    assert problem_of_adding(step, CARAS) == "cara has been added already"
    approve(step, ANNA)
    assert problem_of_adding(step, Named("user", "anna")) == "anna has approved already"
    assert problem_of_adding(step, Named("group", "office")) is None
    add(step, OFFICE)
    assert problem_of_adding(step, Named("user", "dora")) is not None


def test_a_hand_over_must_leave_enough_for_who_was_added(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    add(step, CARAS)
    desk = desk_of(step, opened(step, "approval"))
    assert too_few_for(step, replace(desk, asked_by_right=(CARAS,)), PEOPLE)
    assert too_few_for(step, replace(desk, asked_by_right=(Named("user", "anna"),)), PEOPLE) is None


def test_who_is_asked_and_who_stands_above_may_add_and_who_was_added_neither_adds_nor_hands_on(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    add(step, CARAS)
    ticket = opened(step, "approval")
    desk = desk_of(step, ticket)
    assert who_cannot_add(step, desk, ANNA, PEOPLE) is None
    assert who_cannot_add(step, desk, Actor("person", "sid", "Sid"), PEOPLE) is None
    refused = "only the group board, the owner or a senior may add an approver"
    assert who_cannot_add(step, desk, CARA, PEOPLE) == refused
    assert who_cannot_hand_on(step, ticket, desk, ANNA, PEOPLE) is None


def test_it_can_be_taken_back_until_somebody_counts_on_it(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    add(step, CARAS)
    (deed,) = desk_of(step, opened(step, "approval")).added
    assert who_cannot_take_back(deed, BERT, PEOPLE) is None
    assert who_cannot_take_back(deed, ANNA, PEOPLE) == "Bert has added cara, and alone can take that back"
    assert counted_on(step, deed) is None
    do(step, TAKEN_BACK, BERT, added=deed.mark, to=CARAS.as_json())
    assert desk_of(step, opened(step, "approval")).added == ()
    assert approve(step, ANNA).go_on
    require_approvals(step)


def test_once_somebody_has_approved_it_stays(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    add(step, CARAS)
    approve(step, ANNA)
    (deed,) = desk_of(step, opened(step, "approval")).added
    assert counted_on(step, deed) == "Anna has approved since, counting on cara"


def vote(*meets: str) -> Mapping[str, Any]:
    return {"stands_for": list(meets)}


@pytest.mark.parametrize(
    ("needed", "added", "votes", "left"),
    [
        (1, (), [], (POLICY,)),
        (2, (), [vote(POLICY)], (POLICY,)),
        (1, ("a",), [vote(POLICY, "a")], (POLICY,)),
        (1, ("a",), [vote(POLICY, "a"), vote("a")], ()),
        (1, ("a",), [vote("a"), vote("a")], (POLICY,)),
        (1, ("a", "b"), [vote(POLICY, "a"), vote("a", "b"), vote("a")], ()),
        (1, ("a", "b"), [vote("a", "b"), vote("a"), vote(POLICY)], ()),
        (1, (), [{}], ()),  # a vote from before approvers could be added
        (1, ("a",), [{}, {}], ("a",)),
    ],
)
def test_every_want_is_met_by_a_vote_of_its_own(
    needed: int, added: tuple[str, ...], votes: list[Mapping[str, Any]], left: tuple[str, ...]
) -> None:
    assert unmet(needed, added, votes) == left
