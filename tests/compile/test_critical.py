"""Which milestones are critical: named ones, or where a PlanExe plan begins what must be approved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from planexe_dag_factory.compile.critical import critical_phases
from planexe_dag_factory.plan.model import Phase, Plan, Risk
from planexe_dag_factory.routing.model import HUMAN, Gate, Policy, Route

MakePlan = Callable[..., Plan]
BUDGET = Gate("budget", "'buy'", "Board")


def _critical(plan: Plan, gated: str = "", policy: Policy | None = None) -> frozenset[str]:
    routes = {
        step.id: Route(step.id, HUMAN, "so", 1.0, "Anna", gate=BUDGET if step.id in gated else None)
        for step in plan.steps
    }
    return critical_phases(plan, routes, policy or Policy())


@pytest.fixture
def plan(plan_of: MakePlan) -> Plan:
    made = plan_of({"one": {"p": "a"}, "two": {"q": "b"}, "three": {"r": "c"}})
    return replace(made, source_format="planexe-zip", risks=(Risk("Sea", "It floods."),))


@pytest.mark.parametrize(
    ("gated", "critical"), [("", set()), ("a", set()), ("b", {"one"}), ("c", {"two"}), ("abc", {"one", "two"})]
)
def test_in_a_planexe_plan_the_milestone_before_a_gate_is_critical(plan: Plan, gated: str, critical: set[str]) -> None:
    assert _critical(plan, gated) == critical


def test_what_the_policy_or_the_plan_names_is_all_there_is(plan: Plan) -> None:
    assert _critical(plan, "bc", Policy(critical_phases=("three",))) == {"three"}

    def marked(phase: Phase) -> Phase:
        return replace(phase, critical=phase.id == "two")

    assert _critical(replace(plan, phases=tuple(map(marked, plan.phases))), "bc") == {"two"}


def test_without_a_risk_register_or_in_a_plan_of_our_own_nothing_is_derived(plan: Plan) -> None:
    assert _critical(replace(plan, risks=()), "bc") == set()
    assert _critical(replace(plan, source_format="native"), "bc") == set()
