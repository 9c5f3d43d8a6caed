from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from planexe_dag_factory.plan.model import Phase, Plan, Step, WorkPackage
from planexe_dag_factory.routing.model import Override, Policy, Reminders, Rule
from planexe_dag_factory.routing.policy import dump_policy, policy_schema, read_policy
from planexe_dag_factory.routing.policy_file import policy_path
from planexe_dag_factory.routing.selectors import steps_of

ONE_SELECTOR = "a rule needs exactly one of step, package, phase, pattern, role"
STEPS = (
    Step("survey-seabed", "Survey the seabed", "prepare", "surveys", resources=("Marine surveyor", "Boat")),
    Step("draft-permit", "Draft the permit application", "prepare", "permits", assignee="Legal Counsel"),
    Step("dredge", "Dredge the basin [north]", "build", "works"),
)
PLAN = Plan(
    "harbour",
    "Harbour",
    (
        Phase(
            "prepare",
            "Prepare",
            (
                WorkPackage("surveys", "Surveys", "prepare", STEPS[:1]),
                WorkPackage("permits", "Permits", "prepare", STEPS[1:2]),
            ),
        ),
        Phase("build", "Build", (WorkPackage("works", "Works", "build", STEPS[2:]),)),
    ),
)


def read(tmp_path: Path, document: object) -> tuple[Policy, list[str]]:
    path = tmp_path / "harbour.policy.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document, indent=1))
    policy, problems = read_policy(path, PLAN)
    assert all(problem.severity == "error" for problem in problems)
    assert all(problem.where.file == "harbour.policy.json" for problem in problems)
    return policy, [str(problem) for problem in problems]


def test_without_a_file_the_defaults_hold() -> None:
    assert read_policy(None, PLAN) == (Policy(), ())


def test_everything_that_a_policy_can_say_is_read(tmp_path: Path) -> None:
    document = {
        "owner": "Dana",
        "sequencing": "waterfall",
        "confidence_threshold": 0.8,
        "caution": 0.9,
        "critical_phases": ["build"],
        "approvers": ["Board"],
        "approvals_needed": 2,
        "approvals_may_be_handed_to_anyone": True,
        "budget_limit": {"EUR": 500, "*": 800.5},
        "reminders": {"after_hours": [4, 24], "escalate_after_hours": 48, "ladder": ["Harbour Master", "Board"]},
        "rules": [
            {"step": "dredge", "executor": "human", "gate": "irreversible", "approver": "Harbour Master"},
            {"step": "dredge", "approvals_needed": 3, "approvers": ["Board", "Harbour Master", "anna"]},
            {"package": "permits", "action": "reporting.draft_document", "inputs": {"style": {"length": 2}}},
            {"phase": "prepare", "threshold": 1, "assignee": "Ann", "due_days": 2},
            {"pattern": "*PERMIT*", "agent": "reporting"},
            {"role": "surveyor", "gate": "none"},
        ],
    }

    policy, problems = read(tmp_path, document)

    assert problems == []
    assert policy == Policy(
        owner="Dana",
        sequencing="waterfall",
        confidence_threshold=0.8,
        caution=0.9,
        critical_phases=("build",),
        approvers=("Board",),
        approvals_needed=2,
        approvals_may_be_handed_to_anyone=True,
        budget_limit={"EUR": 500.0, "*": 800.5},
        reminders=Reminders((4.0, 24.0), 48.0, ("Harbour Master", "Board")),
        rules=(
            Rule(Override(executor="human", gate="irreversible", approver="Harbour Master"), step="dredge"),
            Rule(Override(approvals_needed=3, approvers=("Board", "Harbour Master", "anna")), step="dredge"),
            Rule(
                Override(action="reporting.draft_document", inputs={"style": {"length": 2}}),
                package="permits",
            ),
            Rule(Override(threshold=1.0, assignee="Ann", due_days=2.0), phase="prepare"),
            Rule(Override(agent="reporting"), pattern="*PERMIT*"),
            Rule(Override(gate="none"), role="surveyor"),
        ),
    )
    assert read(tmp_path, dump_policy(policy)) == (policy, [])


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"ownr": "Dana"}, ["line 2, $.ownr: 'ownr' is not a field here\n    did you mean 'owner'?"]),
        (
            {"rules": [{"step": "dredge", "treshold": 0.5}]},
            ["line 5, $.rules[0].treshold: 'treshold' is not a field here\n    did you mean 'threshold'?"],
        ),
        (
            {"rules": [{"step": "dregde", "gate": "none"}, {"pattern": "*dragon*", "gate": "none"}]},
            [
                "line 4, $.rules[0].step: no step of the plan has the step 'dregde'\n    did you mean 'dredge'?",
                "line 8, $.rules[1].pattern: no step of the plan has the pattern '*dragon*'",
            ],
        ),
        (
            {"critical_phases": ["biuld"]},
            ["line 3, $.critical_phases[0]: the plan has no phase 'biuld'\n    did you mean 'build'?"],
        ),
        (
            {"rules": [{"step": "dredge", "phase": "build", "gate": "none"}, {"gate": "none"}]},
            [
                f"line 3, $.rules[0]: {ONE_SELECTOR}; this one has step and phase",
                f"line 8, $.rules[1]: {ONE_SELECTOR}; this one has none",
            ],
        ),
        (
            {"rules": [{"step": "dredge"}]},
            ["line 3, $.rules[0]: the rule says nothing about what it selects"],
        ),
        (
            {"confidence_threshold": 1.5, "sequencing": "agile"},
            [
                "line 3, $.sequencing: the text 'agile' is not one of 'phased', 'waterfall', 'dependencies'",
                "line 2, $.confidence_threshold: input should be less than or equal to 1",
            ],
        ),
        (
            {"caution": "0.7", "rules": [{"step": "dredge", "due_days": True}]},
            [
                "line 2, $.caution: a number is expected here, not the text '0.7'",
                "line 6, $.rules[0].due_days: a number is expected here, not true",
            ],
        ),
        (
            {"approvals_needed": 0, "approvers": "Ann", "reminders": {"after_hours": [0]}},
            [
                "line 3, $.approvers: a list is expected here, not the text 'Ann'",
                "line 2, $.approvals_needed: input should be greater than or equal to 1",
                "line 6, $.reminders.after_hours[0]: input should be greater than 0",
            ],
        ),
        (
            {"reminders": {"after_hours": [24, 4], "ladder": ["Board"]}},
            [
                "line 3, $.reminders.after_hours: the hours of the reminders must rise, each after the one before",
                (
                    "line 2, $.reminders: to escalate needs both 'escalate_after_hours' and a 'ladder' of who is asked "
                    "next\n    give both, or neither"
                ),
            ],
        ),
        (
            {"budget_limit": {"eur": 5}},
            [
                "line 3, $.budget_limit.eur: 'eur' is no currency: write three capital letters, or * for all others",
            ],
        ),
        ({"budget_limit": "5"}, ["line 2, $.budget_limit: an object is expected here, not the text '5'"]),
        ({"budget_limit": -1}, ["line 2, $.budget_limit['*']: input should be greater than or equal to 0"]),
        (
            {"rules": [{"pattern": "*dregde", "gate": "none"}, {"role": "surveyer", "gate": "none"}]},
            [
                "line 4, $.rules[0].pattern: no step of the plan has the pattern '*dregde'\n    did you mean 'dredge'?",
                "line 8, $.rules[1].role: no step of the plan has the role 'surveyer'\n    did you mean 'surveyor'?",
            ],
        ),
        (
            {"rules": [{"phase": "biuld", "//": "soon"}, {"package": "prmits", "gate": "none"}]},
            [
                "line 4, $.rules[0].phase: no step of the plan has the phase 'biuld'\n    did you mean 'build'?",
                "line 8, $.rules[1].package: no step of the plan has the package 'prmits'\n    did you mean 'permits'?",
            ],
        ),
        ([], ["line 1, $: an object is expected here, not a list"]),
        ('{"owner": "a", "owner": "b"}', ["line 1, $.owner: the name 'owner' is given twice; keep one of them"]),
        ('{"confidence_threshold": NaN}', ["line 1, $.confidence_threshold: NaN is not a JSON number"]),
        ('{"owner": ', ["line 1: not JSON: expecting value (column 11)\n    the file seems to be cut off"]),
    ],
)
def test_a_policy_with_errors_is_told_in_full_and_not_applied(
    tmp_path: Path, document: object, expected: list[str]
) -> None:
    assert read(tmp_path, document) == (Policy(), expected)


def test_a_policy_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    policy, problems = read_policy(tmp_path / "none.policy.json", PLAN)

    assert (policy, [str(one) for one in problems]) == (
        Policy(),
        ["the policy cannot be read: No such file or directory"],
    )


@pytest.mark.parametrize(
    ("source", "overlay"),
    [
        ("plans/harbour.json", "plans/harbour.policy.json"),
        ("plans/20250720_faraday.zip", "plans/20250720_faraday.policy.json"),
        ("plans/harbour.v2", "plans/harbour.v2.policy.json"),
    ],
)
def test_the_overlay_lies_beside_the_plan(source: str, overlay: str) -> None:
    assert policy_path(Path(source)) == Path(overlay)


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ({"step": "dredge"}, ["dredge"]),
        ({"package": "permits"}, ["draft-permit"]),
        ({"phase": "prepare"}, ["survey-seabed", "draft-permit"]),
        ({"pattern": "SEABED"}, ["survey-seabed"]),
        ({"pattern": "dr*"}, ["draft-permit", "dredge"]),
        ({"pattern": "survey"}, ["survey-seabed"]),
        ({"pattern": "(a+)+$"}, []),
        ({"role": "surveyor"}, ["survey-seabed"]),
        ({"role": "legal"}, ["draft-permit"]),
    ],
)
def test_a_selector_finds_its_steps(selector: dict[str, str], selected: list[str]) -> None:
    assert [step.id for step in steps_of(Rule(Override(), **selector), PLAN)] == selected


def test_names_that_begin_with_two_slashes_are_comments_but_not_in_inputs(tmp_path: Path) -> None:
    document = {
        "//": ["Anything", {"at": "all"}],
        "//owner": "Eve",
        "reminders": {"//": "soon", "after_hours": [1]},
        "rules": [
            {"//": "not yet", "step": "dredge", "//executor": "human"},
            {"//": "now", "step": "dredge", "inputs": {"//": "kept"}},
        ],
    }

    policy, problems = read(tmp_path, document)

    assert problems == []
    assert policy == Policy(reminders=Reminders((1.0,)), rules=(Rule(Override(inputs={"//": "kept"}), step="dredge"),))


def test_the_published_schema_takes_what_is_read_and_refuses_a_misspelt_name(tmp_path: Path) -> None:
    schema = policy_schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)

    good = {"//": "x", "budget_limit": {"EUR": 5}, "rules": [{"step": "dredge", "//gate": "none", "threshold": 1}]}

    assert read(tmp_path, good)[1] == []
    assert list(validator.iter_errors(good)) == []
    assert list(validator.iter_errors({"budget_limit": 5})) == []
    for bad in ({"ownr": "x"}, {"rules": [{"treshold": 1}]}, {"budget_limit": {"eur": 5}}, {"approvals_needed": 0}):
        assert list(validator.iter_errors(bad)), bad
