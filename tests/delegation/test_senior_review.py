"""Who may let a run go on past a flagged risk: not who started it, nor who did the work that was looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from planexe_dag_factory.delegation.answers import Answer, AnswerRefusedError, Effect, person_problem, take_answer
from planexe_dag_factory.delegation.approval import too_few_left
from planexe_dag_factory.delegation.asked import who_is_asked
from planexe_dag_factory.delegation.desk import Desk, Named
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.delegation.handing import who_cannot_be_handed, who_cannot_hand_on
from planexe_dag_factory.delegation.results import Result, write_result
from planexe_dag_factory.delegation.told import who_is_told
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.routing.people import Assigned, People
from planexe_dag_factory.spec.codec import dump_spec
from planexe_dag_factory.spec.model import MilestoneSpec
from tests.delegation.scenes import ITEM, ROUTE, make_scene
from tests.delegation.test_absences import away
from tests.delegation.test_desk import desk_of, opened

STARTER, DOER, SENIOR = (Actor("person", name, name) for name in ("stan", "dora", "sid"))
BOARD = People(groups={"board": ("stan", "dora", "sid")}, senior=Assigned(groups=("board",)))
RISK = replace(ITEM, id="risk", route=replace(ROUTE, step="risk"), milestone="milestone-one")
HELD = MilestoneSpec("milestone-one", 1, "One", "phase", critical=True, work_items=("survey", "risk"))
NOT_STARTER = "whoever started the run cannot let it go on past a flagged risk: somebody else must"
NOT_DOER = "whoever did a step of the phase cannot let the run go on past its risks: somebody else must"


def held(folder: Path, policy: dict[str, Any] | None = None) -> StepRun:
    """A milestone whose one step dora did, in a run that stan started."""
    scene = make_scene(folder, others=(RISK,))
    run = scene.step.execution.run
    run.write_bytes(dump_spec(replace(scene.step.execution.spec, milestones=(HELD,))), "dagspec.json")
    run.write_json(policy or {}, "policy.json")
    execution = replace(scene.step.execution)
    execution.log("run-started", "run", STARTER)
    write_result(execution.step("survey"), Result("done", DOER, DOER))
    write_result(execution.step("risk"), Result("done", Actor("agent", "risk_assessment")))
    return execution.step("risk")


def proceed(step: StepRun, who: Actor, people: People = BOARD) -> Effect:
    return take_answer(step, opened(step, "senior_review"), Answer("Proceed", {"comment": "seen"}, who), people)


@pytest.mark.parametrize(("who", "reason"), [(STARTER, NOT_STARTER), (DOER, NOT_DOER)])
@pytest.mark.parametrize("people", [BOARD, People()])
def test_whoever_started_the_run_or_did_the_work_does_not_lift_a_hold(
    tmp_path: Path, who: Actor, reason: str, people: People
) -> None:
    step = held(tmp_path)
    with pytest.raises(AnswerRefusedError, match=reason):
        proceed(step, who, people)
    assert person_problem(step, opened(step, "senior_review"), Desk(()), who, People()) == reason
    assert proceed(step, SENIOR, people).go_on


def test_in_an_office_of_one_whoever_did_the_work_looks_at_its_risks_but_not_who_started_the_run(
    tmp_path: Path,
) -> None:
    step = held(tmp_path, {"separate_doer": False})
    with pytest.raises(AnswerRefusedError, match=NOT_STARTER):
        proceed(step, STARTER)
    assert proceed(step, DOER).go_on


def test_nor_do_they_hand_it_on_or_get_it_or_answer_it_for_others(tmp_path: Path) -> None:
    step = held(tmp_path)
    ticket = opened(step, "senior_review")
    for who, reason in ((STARTER, NOT_STARTER), (DOER, NOT_DOER)):
        assert who_cannot_hand_on(step, ticket, desk_of(step, ticket), who, BOARD) == f"{reason}, whom others choose"
        asked = who_cannot_be_handed(step, ticket, {"kind": "user", "name": who.id}, BOARD)
        assert asked == f"{who.id} cannot be asked: {reason}"
    away(step, "sid", "stan")
    only_sid = replace(BOARD, senior=Assigned(users=("sid",)), roles={"Clerk": Assigned(users=("stan",))})
    with pytest.raises(AnswerRefusedError):
        proceed(step, STARTER, only_sid)


def test_only_those_are_told_who_may_decide_it(tmp_path: Path) -> None:
    step = held(tmp_path)
    ticket = opened(step, "senior_review")
    assert who_is_told(step, ticket, desk_of(step, ticket), BOARD).members == {"sid"}


def test_it_is_not_left_to_those_who_cannot_decide_it(tmp_path: Path) -> None:
    step = held(tmp_path)
    ticket = opened(step, "senior_review")
    to_both = who_is_asked([Named("user", "stan"), Named("user", "dora")], BOARD)
    assert (
        too_few_left(step, ticket, to_both) == "nobody of stan or dora could decide it: name a group, or somebody else"
    )
    assert too_few_left(step, ticket, who_is_asked([Named("group", "board")], BOARD)) is None
