"""Which milestones have the risks assessed before the plan goes on past them."""

from __future__ import annotations

from itertools import pairwise

from planexe_dag_factory.plan.model import Phase, Plan
from planexe_dag_factory.routing.model import Policy, Routes


def critical_phases(plan: Plan, routes: Routes, policy: Policy) -> frozenset[str]:
    """Return the phases whose end is critical: those that the plan or the policy names.

    PlanExe names none. There, where neither does and the plan has a risk register, a milestone is
    critical when the phase after it begins what must be approved: spending, filing, or what cannot
    be undone.
    """
    named = frozenset(phase.id for phase in plan.phases if phase.critical) | frozenset(policy.critical_phases)
    if named or not plan.risks or plan.source_format == "native":
        return named
    return frozenset(before.id for before, after in pairwise(plan.phases) if _has_gate(after, routes))


def _has_gate(phase: Phase, routes: Routes) -> bool:
    return any(routes[step.id].gate for package in phase.packages for step in package.steps)
