from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planexe_dag_factory.plan.model import Escalation, Phase, Plan, Step, WorkPackage
from planexe_dag_factory.routing.model import Agent, Capability, Gate, Override, Policy, Registry, Rule
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.routing.route import route_plan

REGISTRY = load_registry(None)


def plan_of(*titles: str, escalations: tuple[Escalation, ...] = (), **more: object) -> Plan:
    steps = tuple(
        Step(f"s{number}", title, "p", "w", human_required=True, **more)  # type: ignore[arg-type]
        for number, title in enumerate(titles)
    )
    return Plan("plan", "Plan", (Phase("p", "P", (WorkPackage("w", "W", "p", steps),)),), escalations=escalations)


def gates(plan: Plan, policy: Policy | None = None, registry: Registry = REGISTRY) -> dict[str, Gate]:
    routes, problems = route_plan(plan, registry, policy or Policy())
    assert problems == ()
    assert all(route.gate_why == route.gate.why for route in routes.values() if route.gate)
    return {name: route.gate for name, route in routes.items() if route.gate}


def limit(**by_currency: float) -> Policy:
    return Policy(budget_limit={"*": 1000.0, **by_currency})


def test_small_amounts_add_up_and_the_step_that_passes_the_limit_is_gated_over_the_sum() -> None:
    plan = plan_of(
        "Take a taxi for EUR 400",
        "Give the choir EUR 500.50",
        "Bring a present (€ 200)",
        "Print cards for 300 euros",
        "Sponsor a cake with EUR 900",
        escalations=(Escalation("Budget overrun", "Treasurer"),),
    )

    found = gates(plan)

    assert [(name, gate.kind, gate.amount, gate.currency, gate.approver) for name, gate in found.items()] == [
        ("s2", "budget", 1100.5, "EUR", "Treasurer"),
        ("s4", "budget", 1200.0, "EUR", "Treasurer"),
    ]
    assert found["s2"].why == (
        "with this step, EUR 1,100.50 in 3 steps that nobody approved ('Take a taxi for EUR 400', "
        "'Give the choir EUR 500.50', 'Bring a present (€ 200)') pass the limit of EUR 1,000"
    )


def test_a_single_step_passes_the_limit_on_its_own_and_the_limit_itself_is_still_free() -> None:
    assert gates(plan_of("Bring EUR 1,000")) == {}
    assert gates(plan_of("Bring EUR 1,000.01"))["s0"].why == (
        "with this step, EUR 1,000.01 alone passes the limit of EUR 1,000"
    )


def test_what_is_gated_anyway_is_not_counted_and_what_was_freed_by_hand_is() -> None:
    plan = plan_of("Buy ovens for EUR 900", "Bring EUR 200", impact=None)
    freed = Policy(rules=(Rule(Override(gate="none"), pattern="*ovens*"),))

    assert {name: gate.amount for name, gate in gates(plan).items()} == {"s0": 900.0}
    assert {name: gate.amount for name, gate in gates(plan, freed).items()} == {"s1": 1100.0}


def test_paying_in_several_currencies_does_not_slip_under_the_limit() -> None:
    plan = plan_of("Bring EUR 400", "Bring USD 400", "Bring CHF 400")

    assert gates(plan)["s2"].why.startswith(
        "with this step, EUR 400 and USD 400 and CHF 400 in 3 steps that nobody approved"
    )
    assert set(gates(plan, limit(EUR=100.0))) == {"s0"}
    assert gates(plan, limit(EUR=1e9, USD=1e9, CHF=1e9)) == {}


def test_to_read_and_write_about_money_is_not_to_spend_it_nor_is_the_work_of_an_agent_without_effects() -> None:
    registry = Registry(
        (
            Agent("a", "analysis", "http://127.0.0.1:1", capabilities=(Capability("a", "analysis", "look", "Looks."),)),
            Agent(
                "m",
                "mail",
                "http://127.0.0.1:2",
                capabilities=(Capability("m", "mail", "send", "Sends.", side_effects="reversible"),),
            ),
        )
    )
    money = "Handle the EUR 5,000"

    def by(action: str) -> Plan:
        step = Step("s0", money, "p", "w", action=action)
        return Plan("plan", "Plan", (Phase("p", "P", (WorkPackage("w", "W", "p", (step,)),)),))

    assert gates(plan_of("Estimate the EUR 5,000")) == {}
    assert gates(by("look"), registry=registry) == {}
    assert set(gates(by("send"), registry=registry)) == {"s0"}


def test_amounts_of_one_step_add_up_and_a_description_that_repeats_the_title_counts_once() -> None:
    plan = plan_of("Bring EUR 600", description="EUR 300 for Anna, EUR 300 for Ben, and EUR 300 for Carl.")

    assert gates(plan, limit(EUR=899.0))["s0"].amount == 900.0
    assert gates(plan, limit(EUR=900.0)) == {}


def test_the_policy_says_who_approves_a_sum_and_how_many() -> None:
    rule = Rule(Override(approver="Ann", approvals_needed=2), step="s0")

    gate = gates(plan_of("Bring EUR 5,000"), Policy(rules=(rule,)))["s0"]

    assert (gate.approver, gate.approvals_needed) == ("Ann", 2)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 600), min_size=1, max_size=30))
def test_nothing_above_the_limit_is_ever_left_without_an_approval(amounts: list[int]) -> None:
    found = gates(plan_of(*(f"Bring EUR {amount}" for amount in amounts)))

    open_sum = 0
    for number, amount in enumerate(amounts):
        open_sum += amount
        if f"s{number}" in found:
            assert found[f"s{number}"].amount == open_sum > 1000
            open_sum = 0
    assert open_sum <= 1000


@pytest.mark.parametrize("zero", [limit(EUR=0.0)])
def test_a_limit_of_nothing_gates_every_amount(zero: Policy) -> None:
    assert set(gates(plan_of("Bring EUR 1", "Bring nothing", "Bring EUR 2"), zero)) == {"s0", "s2"}
