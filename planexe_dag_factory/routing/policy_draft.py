"""A policy to start from: it changes nothing as written, and holds what is worth deciding as rules to turn on.

JSON has no comments, so a name that begins with `//` is one, wherever a policy has names. `"//executor": "human"`
is such a comment until its two slashes are taken away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from planexe_dag_factory.plan.model import Plan, Step
from planexe_dag_factory.plan.text import quote
from planexe_dag_factory.routing.assignees import NOBODY_NAMED, owner_of
from planexe_dag_factory.routing.model import (
    ANY_CURRENCY,
    BUDGET_LIMIT,
    HUMAN,
    Override,
    Policy,
    Registry,
    Route,
    Routes,
)
from planexe_dag_factory.routing.model import Rule as PolicyRule
from planexe_dag_factory.routing.people import People
from planexe_dag_factory.routing.policy import MAX_RULES
from planexe_dag_factory.routing.reasons import Explainer
from planexe_dag_factory.routing.selectors import steps_of

DOUBTFUL_WITHIN = 0.2
"""How near to the caution a matcher's certainty is where a person should look at its choice."""

HEAD = (
    "A policy says what is to be done otherwise than derived. Names that begin with two slashes are comments: as it is",
    "written, this file changes nothing. Take the slashes away from what you mean, then see what it does with",
    "`planexe-dag explain`. Rules further down win over those above; delete what you do not need.",
)


def draft_policy(plan: Plan, routes: Routes, registry: Registry, people: People | None) -> dict[str, Any]:
    """Return the JSON of a policy with the doubtful routes, every gate and the unmapped roles of a plan."""
    rules = [*_doubtful(plan, routes, registry), *_gates(plan, routes), *_roles(plan, routes, people)]
    return {"//": list(HEAD), **_defaults(plan), "rules": rules[:MAX_RULES]}


def _defaults(plan: Plan) -> dict[str, Any]:
    """Write every setting of the whole plan with its default, each behind a line that explains it."""
    default = Policy()
    owner = "who answers where nobody else is named" if owner_of(plan) == NOBODY_NAMED else "who owns the plan"
    phases = [phase.id for phase in plan.phases]
    return {
        "// owner": owner,
        "//owner": owner_of(plan),
        "// sequencing": "phased: a milestone between phases; waterfall: one after another; dependencies: as stated",
        "//sequencing": default.sequencing,
        "// confidence_threshold": "a less confident outcome of an agent is reviewed by a person",
        "//confidence_threshold": default.confidence_threshold,
        "// caution": "how sure it must be that no person is needed before an agent gets a step; 1: only people",
        "//caution": default.caution,
        "// critical_phases": "at their milestones the risks are assessed; where one is flagged, a person decides",
        "//critical_phases": phases[-1:],
        "// approvers": "who may approve at every gate, instead of whom the plan names: roles, groups or users",
        "//approvers": [owner_of(plan)],
        "// approvals_needed": "how many different people must approve at every gate",
        "//approvals_needed": default.approvals_needed,
        "// separate_doer": "true: no approver of a step may do it too; unless given, a lone approver may not",
        "//separate_doer": True,
        "// approvals_may_be_handed_to_anyone": "else only those who are asked, who come next, a senior or the owner",
        "//approvals_may_be_handed_to_anyone": False,
        "// budget_limit": "what steps without a gate may name in all before it is approved; or an object by currency",
        "//budget_limit": BUDGET_LIMIT[ANY_CURRENCY],
        "// model_budget_tokens": "tokens of a language model that one run may take; no limit unless given",
        "//model_budget_tokens": 200_000,
        "// model_budget_cost": "what language models may cost one run, in the endpoint's money; no limit unless given",
        "//model_budget_cost": 5.0,
        "// calibrate": "an agent's confidence counts for no more than the reviews of its work support",
        "//calibrate": default.calibrate,
        "// audit_share": "the share of work beyond doubt that a person looks at, by lot; 0.05 is one in twenty",
        "//audit_share": default.audit_share,
        "// learned_estimates": "forecasts and due dates go by how long such work took in earlier runs",
        "//learned_estimates": default.learned_estimates,
        "// reminders": "when whoever does not answer is reminded, and who is asked next, in hours",
        "//reminders": {"after_hours": [24, 72], "escalate_after_hours": 96, "ladder": [owner_of(plan)]},
    }


def _doubtful(plan: Plan, routes: Routes, registry: Registry) -> Iterator[dict[str, Any]]:
    """Yield a rule for each step that the matcher gave to a person or an agent, but only just."""
    caution = Policy().caution
    explainer = Explainer(plan, registry, Policy())
    for step in plan.steps:
        route = routes[step.id]
        reasons = explainer.explain(step, route)
        if reasons.alone is None or abs(reasons.alone - caution) > DOUBTFUL_WITHIN or not reasons.nearest:
            continue
        first = reasons.nearest[0]
        other = {"executor": HUMAN} if route.executor != HUMAN else {"action": f"{first.agent}.{first.action}"}
        yield _rule(step, f"doubtful: {_who(route)}, since {route.why}", other)


def _gates(plan: Plan, routes: Routes) -> Iterator[dict[str, Any]]:
    for step in plan.steps:
        if gate := routes[step.id].gate:
            said = f"{gate.kind} approval by {quote(gate.approver)}, since {gate.why} ({gate.approver_why})"
            yield _rule(step, said, {"gate": "none", "approver": gate.approver, "approvals_needed": 2})


def _roles(plan: Plan, routes: Routes, people: People | None) -> Iterator[dict[str, Any]]:
    """Yield a rule for each role that nobody is known to stand for; without a people file, for each at all."""
    counts = Counter(route.assignee for route in routes.values())
    for role, count in counts.items():
        selects = bool(steps_of(PolicyRule(Override(), role=role), plan))
        if selects and not (people and people.resolve(role).mapped):
            known = f"nobody in the people file stands for this role, which answers for {count} steps"
            yield {"//": known if people else f"this role answers for {count} steps", "role": role} | {
                "//assignee": owner_of(plan)
            }


def _rule(step: Step, said: str, offered: dict[str, Any]) -> dict[str, Any]:
    return {"//": f"{quote(step.title)}: {said}", "step": step.id} | {
        f"//{name}": value for name, value in offered.items()
    }


def _who(route: Route) -> str:
    return f"goes to {route.candidates[0].agent}" if route.candidates else f"goes to {quote(route.assignee)}"
