from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from planexe_dag_factory.plan.model import Escalation, Phase, Plan, Role, Step, WorkPackage
from planexe_dag_factory.routing.model import Agent, Capability, Gate, Override, Policy, Registry, Route, Rule
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.routing.route import route_plan

OWNER = "nobody in the plan is named for it, so its owner decides"
REGISTRY = load_registry(None)


def plan_of(*steps: Step, **more: object) -> Plan:
    package = WorkPackage("w", "W", "p", steps)
    return Plan("plan", "Plan", (Phase("p", "P", (package,)),), **{"owner": "Dana", **more})  # type: ignore[arg-type]


def step_of(title: str = "Draft the handbook", **more: object) -> Step:
    return Step(**{"id": "s", "title": title, "phase": "p", "package": "w", **more})  # type: ignore[arg-type]


def route_of(step: Step, policy: Policy | None = None, **plan: object) -> Route:
    routes, problems = route_plan(plan_of(step, **plan), REGISTRY, policy or Policy())
    assert problems == ()
    return routes["s"]


def rule(**override: object) -> Policy:
    return Policy(rules=(Rule(Override(**override), step="s"),))  # type: ignore[arg-type]


def test_an_explicit_action_wins_over_the_matcher() -> None:
    route = route_of(step_of("Draft the handbook", action="analysis.assess"))

    assert (route.executor, route.score, route.why) == ("analysis", 1.0, "the plan asks for assess")
    assert [(one.agent, one.action) for one in route.candidates] == [("analysis", "assess")]


def test_an_action_without_its_agent_is_found_in_any_agent_in_the_order_of_the_registry() -> None:
    twin = replace(REGISTRY.agents[1], id="twin", capabilities=tuple(
        replace(one, agent="twin") for one in REGISTRY.agents[1].capabilities
    ))  # fmt: skip
    plan = plan_of(step_of(action="assess"))

    routes, _ = route_plan(plan, Registry((*REGISTRY.agents, twin)), Policy())

    assert [one.agent for one in routes["s"].candidates] == ["analysis", "twin"]


def test_an_unknown_action_is_an_error_with_a_suggestion_and_the_step_goes_to_a_person() -> None:
    plan = plan_of(step_of(action="analysis.asess", source_id="uuid-1"))

    routes, problems = route_plan(plan, REGISTRY, Policy())

    assert (routes["s"].executor, routes["s"].candidates) == ("human", ())
    assert [(one.severity, one.code, one.message, one.hint, one.source_id) for one in problems] == [
        (
            "error",
            "unknown-action",
            "step 's': the plan asks for 'analysis.asess', which no registered agent has",
            "did you mean 'analysis.assess'?",
            "uuid-1",
        )
    ]


def test_an_executor_or_agent_of_the_policy_that_does_not_exist_is_an_error_too() -> None:
    found = [
        (problems[0].message, problems[0].hint)
        for policy in (rule(executor="reprting"), rule(agent="analysys"), rule(executor="zzz"))
        if (problems := route_plan(plan_of(step_of()), REGISTRY, policy)[1])
    ]

    assert found == [
        (
            "step 's': the policy (step s) asks for 'reprting', which no registered agent has",
            "did you mean 'reporting'?",
        ),
        (
            "step 's': the policy (step s) asks for 'analysys', which no registered agent has",
            "did you mean 'analysis'?",
        ),
        (
            "step 's': the policy (step s) asks for 'zzz', which no registered agent has",
            "register an agent for it, or leave it out and the step is matched",
        ),
    ]


def test_what_requires_a_person_goes_to_a_person() -> None:
    route = route_of(step_of("Draft the handbook", human_required=True))

    assert (route.executor, route.why, route.candidates) == ("human", "the plan requires a person", ())


def test_a_person_wins_over_an_action_and_the_contradiction_is_told() -> None:
    plan = plan_of(step_of(human_required=True, action="assess"))

    routes, problems = route_plan(plan, REGISTRY, Policy())

    assert routes["s"].executor == "human"
    assert [(one.severity, one.code) for one in problems] == [("warning", "person-and-action")]


def test_a_step_that_needs_no_person_by_the_plan_goes_to_an_agent_that_fits() -> None:
    title = "Interview the archive's documents"

    assert route_of(step_of(title)).executor == "human"
    assert route_of(step_of(title, human_required=False)).executor in {"analysis", "data_gathering", "reporting"}


def test_the_policy_wins_over_the_plan() -> None:
    step = step_of(human_required=True, assignee="Ann", confidence_threshold=0.5, due_days=3, inputs={"a": 1, "b": 1})
    policy = rule(executor="analysis", assignee="Ben", threshold=0.9, due_days=1.5, inputs={"b": 2})

    route = route_of(step, policy)

    assert (route.executor, route.why) == ("analysis", "the policy (step s) asks for analysis")
    assert (route.assignee, route.threshold, route.due_days, route.inputs) == ("Ben", 0.9, 1.5, {"a": 1, "b": 2})
    assert {one.agent for one in route.candidates} == {"analysis"}


def test_what_the_plan_says_wins_over_defaults() -> None:
    route = route_of(step_of(assignee="Ann", confidence_threshold=0.0, due_days=3))

    assert (route.assignee, route.threshold, route.due_days) == ("Ann", 0.0, 3)
    assert route_of(step_of(), Policy(confidence_threshold=0.4)).threshold == 0.4


def test_later_rules_win_over_earlier_ones_and_the_rest_adds_up() -> None:
    rules = (
        Rule(Override(executor="human", assignee="Ann"), phase="p"),
        Rule(Override(executor="analysis"), pattern="handbook"),
    )

    route = route_of(step_of(), Policy(rules=rules))

    assert (route.executor, route.assignee) == ("analysis", "Ann")
    assert route.why == "the policy (phase p, pattern handbook) asks for analysis"


def test_the_owner_of_the_policy_answers_where_nobody_is_named() -> None:
    assert route_of(step_of(), Policy(owner="Eve")).assignee == "Eve"
    assert route_of(step_of()).assignee == "Dana"
    assert route_of(step_of(), owner=None).assignee == "Plan owner"


def test_the_assignee_is_the_role_that_the_resources_name_else_the_first_that_is_a_person() -> None:
    roles = (Role("Site Manager"),)
    resources = ("CAD software", "Legal counsel", "Site managers")

    assert route_of(step_of(resources=resources), roles=roles).assignee == "Site Manager"
    assert route_of(step_of(resources=resources)).assignee == "Legal counsel"
    assert route_of(step_of(resources=("CAD software",))).assignee == "Dana"


def test_impact_of_the_plan_and_gate_of_the_policy_win_over_the_rules() -> None:
    buy = step_of("Buy the ovens")
    says = {
        "derived": route_of(buy),
        "plan none": route_of(replace(buy, impact="none")),
        "plan regulatory": route_of(replace(buy, impact="regulatory")),
        "policy none": route_of(replace(buy, impact="regulatory"), rule(gate="none")),
        "policy irreversible": route_of(replace(buy, impact="none"), rule(gate="irreversible", approver="Ann")),
    }

    assert {name: (one.gate, one.gate_why) for name, one in says.items()} == {
        "derived": (
            Gate("budget", "the step buys: 'Buy the ovens'", "Dana", approver_why=OWNER),
            "the step buys: 'Buy the ovens'",
        ),
        "plan none": (None, "the plan asks for no gate"),
        "plan regulatory": (
            Gate("regulatory", "the plan marks the step as regulatory", "Dana", approver_why=OWNER, raised_by="plan"),
            "the plan marks the step as regulatory",
        ),
        "policy none": (None, "the policy (step s) asks for no gate"),
        "policy irreversible": (
            Gate(
                "irreversible",
                "the policy (step s) marks the step as irreversible",
                "Ann",
                approver_why="the policy (step s) names who approves",
                raised_by="policy",
            ),
            "the policy (step s) marks the step as irreversible",
        ),
    }


def test_the_approver_is_the_policys_then_the_plans_then_the_matrix() -> None:
    matrix = (Escalation("Budget overrun", "Steering Committee"),)
    buy = step_of("Buy the ovens")
    routes = [
        route_of(replace(buy, approver="Ann"), rule(approver="Ben"), escalations=matrix),
        route_of(replace(buy, approver="Ann"), escalations=matrix),
        route_of(buy, escalations=matrix),
    ]

    assert [one.gate.approver for one in routes if one.gate] == ["Ben", "Ann", "Steering Committee"]


def test_an_action_that_cannot_be_undone_is_gated_whatever_the_words_say() -> None:
    mailer = Capability("mailer", "mail", "send_letter", "Sends letters.", side_effects="irreversible")
    registry = Registry((Agent("mailer", "mail", "http://127.0.0.1:1", capabilities=(mailer,)),))

    routes, _ = route_plan(plan_of(step_of("Thank the donors", action="send_letter")), registry, Policy())

    why = "mailer.send_letter says that what it does cannot be undone"
    assert routes["s"].gate == Gate("irreversible", why, "Dana", approver_why=OWNER, raised_by="action")


def test_text_of_a_plan_reaches_a_reason_in_one_short_line_only() -> None:
    hostile = "Buy\n<script>alert(1)</script>{{ var.value }}\u202e" + "x" * 5_000

    route = route_of(step_of(hostile))

    assert "\n" not in route.gate_why
    assert "\u202e" not in route.gate_why
    assert len(route.gate_why) < 200
    assert len(route.why) < 400


TEXTS = st.text(alphabet="abcdefghijklmnopqrstuvwxyz .,:;$0123456789\n", max_size=60)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=6))
def test_every_step_has_exactly_one_route_always_the_same_with_its_parts_in_range(texts: list[tuple[str, str]]) -> None:
    steps = (step_of(title, id=f"s{at}", description=detail) for at, (title, detail) in enumerate(texts))
    plan = plan_of(*steps)

    routes, problems = route_plan(plan, REGISTRY, Policy())

    assert list(routes) == [step.id for step in plan.steps]
    assert problems == ()
    assert (routes, problems) == route_plan(plan, REGISTRY, Policy())
    for route in routes.values():
        assert (route.executor == "human") == (route.candidates == ())
        assert 0 <= route.score <= 1
        assert all(0 <= one.score <= 1 for one in route.candidates)
        assert route.why
        assert route.gate_why


@settings(derandomize=True, max_examples=30, deadline=None)
@given(st.permutations(REGISTRY.agents), TEXTS)
def test_the_order_of_agents_is_a_preference_and_decides_nothing_else(agents: list[Agent], title: str) -> None:
    plan = plan_of(step_of(title or "x"))

    shuffled, _ = route_plan(plan, Registry(tuple(agents)), Policy())
    straight, _ = route_plan(plan, REGISTRY, Policy())

    assert (shuffled["s"].executor, shuffled["s"].gate) == (straight["s"].executor, straight["s"].gate)
    assert set(shuffled["s"].candidates) == set(straight["s"].candidates)


def test_a_gate_that_the_plan_asks_for_keeps_the_amount_that_the_step_names() -> None:
    route = route_of(step_of("Settle the invoice of EUR 9,600", impact="budget"))

    assert route.gate is not None
    assert (route.gate.amount, route.gate.currency) == (9600.0, "EUR")


def test_how_many_approve_and_who_may_is_said_by_a_rule_else_by_the_whole_policy() -> None:
    buy = step_of("Buy the ovens")
    board = Policy(approvals_needed=2, approvers=("Board", "anna"))
    three = replace(board, rules=(Rule(Override(approvals_needed=3, approvers=("Ben",)), step="s"),))

    found = [
        (gate.approvals_needed, gate.approvers, gate.deciders)
        for policy in (Policy(), board, three)
        if (gate := route_of(buy, policy).gate)
    ]

    assert found == [
        (1, (), ("Dana",)),
        (2, ("Board", "anna"), ("Board", "anna")),
        (3, ("Ben",), ("Ben",)),
    ]


def test_a_rule_that_says_who_approves_what_needs_no_approval_is_told() -> None:
    policy = rule(approver="Ann", approvals_needed=2, assignee="Ben")

    _, told = route_plan(plan_of(step_of()), REGISTRY, policy)
    _, silent = route_plan(plan_of(step_of("Buy the ovens")), REGISTRY, policy)

    assert [(one.severity, one.code, one.message) for one in told] == [
        (
            "warning",
            "no-effect",
            "approver, approvals_needed of the policy's rule on the step 's' has no effect: no approval is needed",
        )
    ]
    assert silent == ()
