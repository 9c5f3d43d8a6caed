"""Whom an approval may be handed to, and by whom: nobody chooses who approves what they asked for themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from planexe_dag_factory.delegation.desk import DELEGATED, REASSIGNED
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.delegation.handing import TO_ANYONE, who_cannot_be_handed, who_cannot_hand_on
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.routing.model import Reminders
from planexe_dag_factory.routing.people import People
from planexe_dag_factory.spec.codec import dump_spec
from tests.delegation.scenes import make_scene
from tests.delegation.test_desk import ANNA, BERT, CARA, PEOPLE, desk_of, do, gated, opened

DORA, SID, EVE = (Actor("person", name, name) for name in ("dora", "sid", "eve"))
OFFICE = People(
    {**PEOPLE.roles}, {**PEOPLE.groups, "seniors": ("sid", "dora"), "all": ("anna", "eve")}, PEOPLE.owner, PEOPLE.senior
)
SOON = (datetime.now(UTC) + timedelta(hours=1)).isoformat()


def user(name: str) -> dict[str, str]:
    return {"kind": "user", "name": name}


def group(name: str) -> dict[str, str]:
    return {"kind": "group", "name": name}


def with_ladder(step: StepRun) -> StepRun:
    spec = replace(step.execution.spec, reminders=Reminders((), 1.0, ("Harbour master",)))
    step.execution.run.write_bytes(dump_spec(spec), "dagspec.json")
    return replace(step.execution).step(step.id)


@pytest.mark.parametrize(
    ("to", "fault"),
    [
        (user("anna"), None),
        (user("dora"), None),
        (user("sid"), None),
        (user("bert"), None),
        (group("masters"), None),
        (group("seniors"), None),
        (user("eve"), "eve may not decide this: choose among anna, those whom the policy asks next"),
        (group("all"), "eve may not decide this"),
    ],
)
def test_an_approval_goes_only_to_those_who_may_decide_it(
    tmp_path: Path, to: dict[str, str], fault: str | None
) -> None:
    step = with_ladder(gated(tmp_path, needed=1))
    problem = who_cannot_be_handed(step, opened(step, "approval"), to, OFFICE)
    assert problem == fault if fault is None else str(problem).startswith(fault)


@pytest.mark.parametrize(("kind", "free"), [("senior_review", False), ("work", True), ("review", True)])
def test_so_does_a_senior_review_and_other_tickets_go_to_anybody(tmp_path: Path, kind: Any, free: bool) -> None:
    step = make_scene(tmp_path).step
    assert (who_cannot_be_handed(step, opened(step, kind), user("eve"), OFFICE) is None) is free


def test_a_policy_lets_approvals_go_to_anyone_but_who_started_the_run(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    step.execution.run.write_json({TO_ANYONE: True}, "policy.json")
    step.execution.log("run-started", "run", EVE)
    ticket = opened(step, "approval")
    assert who_cannot_be_handed(step, ticket, user("cara"), OFFICE) is None
    assert who_cannot_be_handed(step, ticket, user("eve"), OFFICE) == (
        "eve cannot be asked: whoever started the run cannot approve its steps: somebody else must"
    )


def test_where_anybody_may_answer_anybody_may_be_asked(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    assert who_cannot_be_handed(step, opened(step, "approval"), user("eve"), People()) is None


def test_who_started_the_run_or_did_the_step_chooses_nobody_to_approve_it(tmp_path: Path) -> None:
    step = gated(tmp_path, needed=1)
    step.execution.log("run-started", "run", DORA)
    step.execution.run.write_json({"status": "done", "by": ANNA.as_json()}, "steps", step.id, "result.json")
    ticket = opened(step, "approval")
    desk = desk_of(step, ticket)
    for who in (DORA, ANNA):
        problem = who_cannot_hand_on(step, ticket, desk, who, OFFICE)
        assert str(problem).endswith("somebody else must, whom others choose")
    assert who_cannot_hand_on(step, ticket, desk, SID, OFFICE) is None


def test_a_delegate_hands_nothing_on(tmp_path: Path) -> None:
    step = make_scene(tmp_path).step
    ticket = opened(step)
    do(step, REASSIGNED, BERT, to=user("bert"), reason="x")
    do(step, DELEGATED, BERT, to=user("cara"), until=SOON, reason="x")
    do(step, DELEGATED, BERT, to=user("sid"), until=SOON, reason="x")
    desk = desk_of(step, ticket)
    assert who_cannot_hand_on(step, ticket, desk, BERT, OFFICE) is None
    assert who_cannot_hand_on(step, ticket, desk, CARA, OFFICE) == (
        "you are asked only for a while, and cannot hand on what was lent to you"
    )
    assert who_cannot_hand_on(step, ticket, desk, SID, OFFICE) is None  # a senior may in any case
