from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from planexe_dag_factory.compile.build import Build, build_plan
from planexe_dag_factory.delegation.cards import Health
from planexe_dag_factory.delegation.readiness import WEIGHTS, assess_readiness
from planexe_dag_factory.routing.model import Agent, Capability, Registry
from planexe_dag_factory.routing.people import Assigned, People

ORACLE = Capability(
    "oracle",
    "oracle",
    "foretell",
    "Foretells.",
    input_schema={
        "type": "object",
        "properties": {"title": {"type": "string"}, "question": {"type": "string"}, "depth": {"type": "integer"}},
        "required": ["title", "depth"],
    },
)
REGISTRY = Registry((Agent("oracle", "oracle", "http://127.0.0.1:1", capabilities=(ORACLE,)),))
WHOLE: dict[str, Any] = {
    "title": "Fete",
    "owner": "Dana",
    "documents": [{"name": "rules.md", "text": "No fires."}],
    "steps": [
        {
            "id": "ask",
            "title": "Ask",
            "description": "Will it rain?",
            "action": "oracle.foretell",
            "inputs": {"depth": 1},
            "estimate": {"days_min": 1, "days_likely": 1, "days_max": 2},
        },
        {
            "id": "buy",
            "title": "Buy a tent for EUR 200",
            "description": "A large one.",
            "human_required": True,
            "assignee": "Treasurer",
            "depends_on": ["ask"],
            "estimate": {"days_min": 1, "days_likely": 1, "days_max": 2},
        },
    ],
}
BUDGET = [{"name": "plan.txt", "text": "A fete.\nWe have a budget of EUR 500 in all."}]
PEOPLE = People({"Treasurer": Assigned(("tess",)), "Dana": Assigned(("dana",))}, {}, Assigned(("dana",)))
WELL = (Health("oracle", "ok"),)


def build(tmp_path: Path, policy: dict[str, Any] | None = None, **changes: Any) -> Build:
    steps = [
        {name: value for name, value in (step | changes.get(step["id"], {})).items() if value is not None}
        for step in WHOLE["steps"]
    ]
    plan = WHOLE | {name: value for name, value in changes.items() if name not in {"ask", "buy"}} | {"steps": steps}
    plan = {name: value for name, value in plan.items() if value is not None}
    (tmp_path / "fete.json").write_text(json.dumps(plan))
    (tmp_path / "fete.policy.json").write_text(json.dumps(policy or {}))
    return build_plan(tmp_path / "fete.json", REGISTRY)


def test_a_plan_with_nothing_missing_is_ready_in_full(tmp_path: Path) -> None:
    found = assess_readiness(build(tmp_path), PEOPLE, WELL)

    assert (found.verdict, found.advice, found.problems) == ("ready", (), ())
    assert found.score == pytest.approx(1.0)
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)
    for part in WEIGHTS:
        assert sum(one.share for one in found.measures if one.part == part) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("changes", "part", "gain", "code"),
    [
        ({"ask": {"inputs": {}}}, "evidence", 0.15, "missing-inputs"),
        ({"buy": {"description": ""}}, "evidence", 0.045, None),
        ({"documents": []}, "evidence", 0.06, None),
        ({"buy": {"assignee": "Plumber"}}, "capacity", 0.125, "unmapped-role"),
        ({"owner": "Ed"}, "gates", 0.2, "no-approver"),
        ({"policy": {"rules": [{"step": "buy", "approvals_needed": 2}]}}, "gates", 0.2, "too-few-approvers"),
        ({"buy": {"estimate": None}}, "dependencies", 0.03, "no-estimate"),
        ({"buy": {"title": "Buy a tent"}, "documents": BUDGET}, "finance", 0.05, None),
    ],
)
def test_each_thing_that_is_missing_costs_its_part_and_says_what_to_do(
    tmp_path: Path, changes: dict[str, Any], part: str, gain: float, code: str | None
) -> None:
    found = assess_readiness(build(tmp_path, **changes), PEOPLE, WELL)

    (advice,) = found.advice
    assert advice.part == part
    assert advice.gain == pytest.approx(gain)
    assert advice.remedy
    assert found.score == pytest.approx(1 - gain)
    assert code is None or code in {problem.code for problem in found.problems}


@pytest.mark.parametrize(("separate", "warned"), [(None, True), (True, True), (False, False)])
def test_a_step_that_one_person_would_approve_and_do_is_named(
    tmp_path: Path, separate: bool | None, warned: bool
) -> None:
    policy = {"approvers": ["cook"], "rules": [{"step": "buy", "executor": "human", "assignee": "cook"}]}
    one = People(roles={"cook": Assigned(users=("ed",))})
    chosen = policy if separate is None else {**policy, "separate_doer": separate}
    found = assess_readiness(build(tmp_path, policy=chosen), one, WELL)
    said = [problem.message for problem in found.problems if problem.code == "same-person"]
    assert said == (["step 'buy' is approved and done by 'ed' alone, who may not do both"] if warned else [])


@pytest.mark.parametrize(
    ("changes", "scores"),
    [
        ({"buy": {"title": "Buy a tent"}}, (0, 0)),
        ({"buy": {"title": "Buy a tent"}, "summary": "Funding: EUR 500"}, (1, 0)),
        ({"buy": {"title": "Buy a tent"}, "summary": "Each of EUR 500 visitors"}, (0, 0)),
        ({"buy": {"title": "Buy a tent"}, "summary": "A risk: the budget overruns by EUR 500"}, (0, 0)),
        ({"buy": {"title": "Look at a tent"}}, (1, 1)),
    ],
    ids=["unknown", "known-as-a-whole", "another-amount", "a-risk", "nothing-is-spent"],
)
def test_money_is_known_in_whole_and_in_parts_and_a_plan_that_spends_none_lacks_nothing(
    tmp_path: Path, changes: dict[str, Any], scores: tuple[int, int]
) -> None:
    found = assess_readiness(build(tmp_path, **changes), PEOPLE, WELL)
    assert tuple(one.score for one in found.measures if one.part == "finance") == scores


def test_an_agent_that_does_not_answer_costs_capacity_and_one_that_was_not_asked_is_believed(tmp_path: Path) -> None:
    built = build(tmp_path)
    silent = assess_readiness(built, PEOPLE, (Health("oracle", "unreachable", ("connection refused",)),))

    assert [one.part for one in silent.advice] == ["capacity"]
    assert silent.score == pytest.approx(0.875)
    assert [problem.message for problem in silent.problems] == [
        "the agent oracle is unreachable: connection refused (first to be asked in 1 of the steps)"
    ]
    assert assess_readiness(built, PEOPLE, None).score == pytest.approx(1.0)


def test_what_is_missing_of_an_agents_inputs_is_named_by_its_path(tmp_path: Path) -> None:
    found = assess_readiness(build(tmp_path, ask={"inputs": {"depth": "deep"}}), PEOPLE, WELL)

    assert [problem.message for problem in found.problems] == [
        "the agent's inputs of step 'ask': $.depth: 'deep' is not of type 'integer'"
    ]


def test_without_a_people_file_a_name_is_enough_but_nobody_is_not(tmp_path: Path) -> None:
    named = assess_readiness(build(tmp_path), None, WELL)
    nobody = assess_readiness(build(tmp_path, owner=None, buy={"assignee": None}), None, WELL)

    assert named.score == pytest.approx(1.0)
    assert {one.part for one in nobody.advice} == {"capacity", "gates"}


def test_advice_comes_in_the_order_of_what_it_gains_and_the_verdict_follows_the_score(tmp_path: Path) -> None:
    bare: dict[str, Any] = {"inputs": {}, "estimate": None, "description": ""}
    built = build(tmp_path, owner=None, documents=[], ask=bare, buy={"estimate": None, "assignee": None})

    found = assess_readiness(built, None, (Health("oracle", "unreachable"),))

    gains = [one.gain for one in found.advice]
    assert gains == sorted(gains, reverse=True)
    assert found.verdict == "not ready"
    assert assess_readiness(build(tmp_path, owner="Ed", ask={"inputs": {}}), PEOPLE, WELL).verdict == "conditional"


def test_a_plan_with_errors_is_invalid_and_keeps_its_problems(tmp_path: Path) -> None:
    found = assess_readiness(build(tmp_path, ask={"depends_on": ["nobody"]}), PEOPLE, WELL)

    assert (found.verdict, found.score, found.measures) == ("invalid", 0.0, ())
    assert [problem.code for problem in found.problems] == ["unknown-dependency"]


@pytest.mark.parametrize(
    ("senior", "separate", "warned"), [("cook", None, True), ("sid", None, False), ("cook", False, False)]
)
def test_a_milestone_that_only_its_own_worker_could_let_go_is_named(
    tmp_path: Path, senior: str, separate: bool | None, warned: bool
) -> None:
    policy = {"critical_phases": ["work"], **({} if separate is None else {"separate_doer": separate})}
    people = People(roles={"Treasurer": Assigned(("cook",))}, senior=Assigned((senior,)))
    found = assess_readiness(build(tmp_path, policy=policy), people, WELL)
    said = [problem.message for problem in found.problems if "flagged risk" in problem.message]
    assert bool(said) is warned
