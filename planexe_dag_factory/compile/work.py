"""Work items: what the operators need to know at run time, so that they need not read the plan."""

from __future__ import annotations

from collections.abc import Iterable

from planexe_dag_factory.compile.names import WHOLE_PLAN, milestone_id, risk_id
from planexe_dag_factory.compile.tasks import risk_title
from planexe_dag_factory.plan.model import Estimate, Phase, Plan, Step, WorkPackage
from planexe_dag_factory.routing.matcher import MILESTONE_ACTION
from planexe_dag_factory.routing.model import HUMAN, Candidate, Gate, Policy, Registry, Route
from planexe_dag_factory.routing.route import decided_by
from planexe_dag_factory.spec.model import WorkItem

UPSTREAM_AT_MOST = 20


def refusal(plan: Plan) -> str | None:
    """Say why PlanExe's own safety gate refused the plan, or None where it did not."""
    if plan.redline is None or not plan.redline.refused:
        return None
    return plan.redline.reason or plan.redline.verdict


def step_item(step: Step, package: WorkPackage, route: Route, upstream: Iterable[str]) -> WorkItem:
    return WorkItem(
        id=step.id,
        title=step.title,
        description=step.description,
        phase=step.phase,
        package=step.package,
        route=route,
        resources=step.resources,
        days=_days(step, package),
        upstream=tuple(upstream)[:UPSTREAM_AT_MOST],
    )


def assessment_item(phase: Phase, route: Route, upstream: Iterable[str]) -> WorkItem:
    """Describe the assessment at a critical milestone; its review is a senior review."""
    return WorkItem(
        id=risk_id(phase.id),
        title=risk_title(phase),
        description=f"What the phase '{phase.title}' has shown, and what it means for the risks of the plan.",
        phase=phase.id,
        package=None,
        route=route,
        upstream=tuple(upstream)[:UPSTREAM_AT_MOST],
        milestone=milestone_id(phase.id),
    )


def assessment_route(phase: Phase, owner: str, policy: Policy, registry: Registry) -> Route:
    """Send the assessment to every agent that publishes the action for it, in order, or to the owner."""
    candidates = [
        (capability.agent_type, Candidate(agent.id, capability.action, 1.0))
        for agent in registry.agents
        for capability in agent.capabilities
        if capability.action == MILESTONE_ACTION
    ]
    why = "the milestone is critical, so its risks are assessed"
    return Route(
        step=risk_id(phase.id),
        executor=candidates[0][0] if candidates else HUMAN,
        why=why if candidates else f"{why}; no registered agent offers {MILESTONE_ACTION}",
        score=1.0,
        assignee=owner,
        candidates=tuple(candidate for _, candidate in candidates),
        threshold=policy.confidence_threshold,
    )


def approval_item(plan: Plan, owner: str, reason: str, policy: Policy) -> WorkItem:
    """Describe the senior approval without which a refused plan does not begin."""
    why = f"PlanExe's safety gate refused the plan: {reason}"
    gate = decided_by(Gate(kind="irreversible", why=why, approver=owner), policy)
    return WorkItem(
        id=WHOLE_PLAN,
        title=f"Run a refused plan: {plan.title}",
        description=plan.summary,
        phase="",
        package=None,
        route=Route(step=WHOLE_PLAN, executor=HUMAN, why=why, score=1.0, assignee=owner, gate=gate, gate_why=why),
    )


def _days(step: Step, package: WorkPackage) -> tuple[float, float, float] | None:
    """Return least, likely and most days: the step's own, or an equal share of its package's."""
    if step.estimate:
        return _three_points(step.estimate, 1)
    return _three_points(package.estimate, len(package.steps)) if package.estimate else None


def _three_points(estimate: Estimate, shares: int) -> tuple[float, float, float]:
    days = (estimate.days_min, estimate.days_likely, estimate.days_max)
    least, likely, most = (round(each / shares, 2) for each in days)
    return least, likely, most
