from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planexe_dag_factory.plan.model import Escalation, Phase, Plan, Role, Step, WorkPackage
from planexe_dag_factory.routing.gates import Approver, derive_gate, find_gate
from planexe_dag_factory.routing.model import Gate

OWNER = "nobody in the plan is named for it, so its owner decides"
NONE = "no phrase commits money, files with an authority or does what cannot be undone"


def step_of(title: str, description: str = "") -> Step:
    return Step("s", title, "p", "w", description)


def plan_of(
    *, owner: str | None = "Dana", escalations: tuple[Escalation, ...] = (), roles: tuple[Role, ...] = ()
) -> Plan:
    package = WorkPackage("w", "W", "p", (step_of("Do it"),))
    return Plan("plan", "Plan", (Phase("p", "P", (package,)),), owner=owner, escalations=escalations, roles=roles)


@pytest.mark.parametrize(
    ("title", "description", "kind", "why"),
    [
        ("Procure two cameras", "", "budget", "the step buys: 'Procure two cameras'"),
        (
            "Equip the centre",
            "This includes procuring beds and chairs.",
            "budget",
            "the step buys: 'procuring beds and chairs'",
        ),
        ("Order spare parts", "", "budget", "the step buys: 'Order spare parts'"),
        ("Pay the deposit", "", "budget", "the step pays: 'Pay the deposit'"),
        ("Process final payments", "", "budget", "the step pays: 'Process final payments'"),
        (
            "Finalize and sign the lease",
            "",
            "budget",
            "the step commits money by contract: 'Finalize and sign the lease'",
        ),
        (
            "Secure the first tranche of funding",
            "",
            "budget",
            "the step raises or commits money: 'Secure the first tranche of funding'",
        ),
        ("Hire two nurses", "", "budget", "the step hires: 'Hire two nurses'"),
        (
            "Submit the permit application",
            "",
            "regulatory",
            "the step files with an authority: 'Submit the permit application'",
        ),
        (
            "Obtain building permits",
            "",
            "regulatory",
            "the step obtains a legal permission: 'Obtain building permits'",
        ),
        ("Launch the public website", "", "irreversible", "the step goes public: 'Launch the public website'"),
        ("Demolition of the old pier", "", "irreversible", "the step destroys: 'Demolition of the old pier'"),
        ("Delete the trial data", "", "irreversible", "the step destroys: 'Delete the trial data'"),
        (
            "Administer the vaccine",
            "",
            "irreversible",
            "the step touches living bodies: 'Administer the vaccine'",
        ),
    ],
)
def test_an_act_raises_its_gate_and_names_the_phrase(title: str, description: str, kind: str, why: str) -> None:
    gate, said = derive_gate(step_of(title, description), plan_of())

    assert (gate and gate.kind, said) == (kind, why)
    assert gate is not None
    assert gate.why == why


@pytest.mark.parametrize(
    ("title", "description"),
    [
        ("Research permit requirements", "Identify which permits must be obtained from which authority."),
        ("Estimate the cost of purchasing cameras", ""),
        ("Draft the purchase agreement", ""),
        ("Plan the launch campaign", ""),
        ("Prepare permit applications", "Fill out the forms and review them."),
        ("Develop a procurement strategy", "This includes defining roles, purchasing rules and approval limits."),
        ("Compare contract offers", ""),
        ("Monitor the approval of the permit", ""),
        ("Negotiate preliminary agreements", ""),
        ("Document the demolition of the pier", ""),
        ("Sign in at the front desk", ""),
        ("", ""),
    ],
)
def test_desk_work_about_an_act_raises_nothing(title: str, description: str) -> None:
    assert derive_gate(step_of(title, description), plan_of()) == (None, NONE)


def test_budget_wins_over_regulatory_and_both_over_irreversible() -> None:
    all_three = step_of("Demolish the shed", "Submit the permit application. Pay the fee.")
    without_money = step_of("Demolish the shed", "Submit the permit application.")

    assert [find.rule.kind for one in (all_three, without_money) if (find := find_gate(one))] == [
        "budget",
        "regulatory",
    ]


def test_the_largest_amount_named_belongs_to_a_budget_gate() -> None:
    step = step_of("Purchase sensors", "Pay $1,200 at once and €0.4 million later.")

    gate, why = derive_gate(step, plan_of())

    assert gate == Gate("budget", why, "Dana", 400_000.0, "EUR", approver_why=OWNER)


def test_the_approver_comes_from_the_row_that_speaks_of_the_kind_of_gate() -> None:
    matrix = (
        Escalation("Technical disagreement", "Technical Lead"),
        Escalation("Budget request beyond the authority of the project manager", "Steering Committee"),
        Escalation("Critical risk", "Steering Committee"),
        Escalation("Reported ethical concern or compliance violation", "Ethics Committee"),
    )
    plan = plan_of(escalations=matrix)

    approvers = [
        gate.approver
        for title in ("Buy sensors", "Submit the permit application", "Launch the product")
        if (gate := derive_gate(step_of(title), plan)[0])
    ]

    assert approvers == ["Steering Committee", "Ethics Committee", "Technical Lead"]


def test_without_a_row_that_fits_a_body_approves_and_without_a_body_the_owner() -> None:
    board = Role("Finance Board", "body", "Decides on spending above the limit.")

    assert [
        gate.approver
        for plan in (plan_of(roles=(board,)), plan_of(), plan_of(owner=None))
        if (gate := derive_gate(step_of("Buy sensors"), plan)[0])
    ] == ["Finance Board", "Dana", "Plan owner"]


def test_without_governance_a_role_of_the_team_or_a_stakeholder_that_is_somebody_approves() -> None:
    legal = Role("Regulatory Compliance Manager", "team", "Cares for permits.")
    talker = Role("Community Coordinator", "team", "Explains the budget and the finance to the public.")
    authority = Role("Regulatory Authority", "stakeholder")
    security = Role("Security Coordinator", "stakeholder")

    found = [
        gate.approver
        for roles in ((talker, legal), (authority, security))
        for title in ("Buy sensors", "Submit the permit application", "Launch the product")
        if (gate := derive_gate(step_of(title), plan_of(roles=roles))[0])
    ]

    assert found == ["Dana", "Regulatory Compliance Manager", "Dana", "Dana", "Dana", "Security Coordinator"]


def test_a_gate_says_where_its_approver_comes_from() -> None:
    row = Escalation("Budget overrun", "Steering Committee")
    sources = [
        gate.approver_why
        for plan in (
            plan_of(escalations=(row,)),
            plan_of(roles=(Role("Board", "body", "Budget."),)),
            plan_of(roles=(Role("Finance Lead"),)),
            plan_of(roles=(Role("Finance Manager", "stakeholder"),)),
            plan_of(),
        )
        if (gate := derive_gate(step_of("Buy sensors"), plan)[0])
    ]

    assert sources == [
        "the plan's decision escalation matrix says so of 'Budget overrun'",
        "of the bodies of the plan's governance, its mandate is the nearest",
        "the plan's governance names nobody for it; of its team, this role is the nearest",
        "of the plan's stakeholders, this one is the nearest",
        OWNER,
    ]


def test_the_approver_that_is_named_wins_over_the_matrix() -> None:
    plan = plan_of(escalations=(Escalation("Budget overrun", "Steering Committee"),))

    gate, why = derive_gate(step_of("Buy sensors"), plan, Approver("Chief of finance", "she said so"))

    assert gate == Gate("budget", why, "Chief of finance", approver_why="she said so")


@settings(derandomize=True, max_examples=200)
@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_gives_the_same_answer_twice_and_quotes_its_own_words_in_one_line(
    title: str, description: str
) -> None:
    step = step_of(title, description)

    first, second = find_gate(step), find_gate(step)

    assert first == second
    assert "\n" not in derive_gate(step, plan_of())[1]


@pytest.mark.timeout(20)
def test_hostile_text_of_a_megabyte_is_cut_before_it_is_read() -> None:
    step = step_of("Buy " + "and , ; 1. $1" * 80_000, "procuring, " * 100_000)

    assert find_gate(step) is not None
