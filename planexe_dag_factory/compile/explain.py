"""What `planexe-dag explain` says of a plan: who does each step and why, and what is approved first."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import asdict
from typing import Any

from planexe_dag_factory.compile.build import Build, problem_json
from planexe_dag_factory.compile.critical import critical_phases
from planexe_dag_factory.compile.names import milestone_id
from planexe_dag_factory.compile.order import Order, order_steps, steps_before
from planexe_dag_factory.plan.model import Phase, Step
from planexe_dag_factory.routing.model import Registry, Route
from planexe_dag_factory.routing.reasons import Explainer


def explain(build: Build) -> dict[str, Any]:
    """Return what `planexe-dag explain --json` prints; without phases and steps where the plan has errors."""
    explained: dict[str, Any] = {
        "plan_id": build.plan.id if build.plan else None,
        "title": build.plan.title if build.plan else None,
        "owner": build.spec.owner if build.spec else None,
        "phases": [],
        "steps": [],
        "problems": [problem_json(problem) for problem in build.problems],
    }
    if build.plan and build.policy and build.routes is not None and build.spec:
        order = order_steps(build.plan, build.policy)
        explainer = Explainer(build.plan, build.registry or Registry(), build.policy)
        critical = critical_phases(build.plan, build.routes, build.policy)
        explained["phases"] = [_phase(phase, critical, order) for phase in build.plan.phases]
        explained["steps"] = [
            _step(step, build.routes[step.id], order) | _reasons(step, build.routes[step.id], explainer)
            for step in build.plan.steps
        ]
    return explained


def _phase(phase: Phase, critical: AbstractSet[str], order: Order) -> dict[str, Any]:
    milestone = milestone_id(phase.id)
    return {
        "id": phase.id,
        "title": phase.title,
        "packages": [{"id": package.id, "title": package.title} for package in phase.packages],
        "milestone": milestone,
        "critical": phase.id in critical,
        "closes": list(order.closes[milestone]),
    }


def _step(step: Step, route: Route, order: Order) -> dict[str, Any]:
    first = route.candidates[0] if route.candidates else None
    return {
        "id": step.id,
        "source_id": step.source_id,
        "title": step.title,
        "phase": step.phase,
        "package": step.package,
        "executor": route.executor,
        "agent": first.agent if first else None,
        "action": first.action if first else None,
        "score": route.score,
        "why": route.why,
        "gate": route.gate.kind if route.gate else "none",
        "gate_why": route.gate_why,
        "assignee": route.assignee,
        "depends_on": list(steps_before(step.id, order)),
    }


def _reasons(step: Step, route: Route, explainer: Explainer) -> dict[str, Any]:
    """Say what decided and what would change it; `candidates` of a person's step are the agents nearest to it."""
    reasons = explainer.explain(step, route)
    return {
        "decided_by": reasons.decided_by,
        "candidates": [asdict(candidate) for candidate in reasons.nearest],
        "would_change": reasons.would_change,
        "approval": asdict(route.gate) | {"approvers": list(route.gate.deciders)} if route.gate else None,
        "gate_would_change": reasons.gate_would_change,
        "threshold": route.threshold,
        "due_days": route.due_days,
    }
