"""Why a step got its route, and what would change it: for people who read a plan before it runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from planexe_dag_factory.plan.model import Plan, Step
from planexe_dag_factory.routing.matcher import MAX_CANDIDATES, MILESTONE_ACTION, Match, Matcher, PublishedMatcher
from planexe_dag_factory.routing.model import HUMAN, Candidate, Policy, Registry, Route
from planexe_dag_factory.routing.route import Wanted, wanted_for
from planexe_dag_factory.routing.selectors import override_for

Decider = Literal["policy", "plan", "matcher"]


@dataclass(frozen=True, slots=True)
class Reasons:
    """What decided on a step, the agents nearest to it, and what would change who does it and its gate.

    `nearest` are the candidates of an agent's step; of a person's step, who would get it if the
    matcher had to name somebody. `alone` is how likely it is that no person is needed, where the
    matcher decided and knows.
    """

    decided_by: Decider
    nearest: tuple[Candidate, ...]
    would_change: str
    gate_would_change: str
    alone: float | None = None


class Explainer:
    """Asks the matcher again about each step, with caution and without: what else could have been?"""

    def __init__(self, plan: Plan, registry: Registry, policy: Policy, matcher: Matcher | None = None) -> None:
        self._plan, self._registry, self._policy = plan, registry, policy
        self._matcher = matcher or PublishedMatcher()
        self._actions = tuple(
            one for agent in registry.agents for one in agent.capabilities if one.action != MILESTONE_ACTION
        )

    def explain(self, step: Step, route: Route) -> Reasons:
        wanted = wanted_for(step, *override_for(step, self._policy))
        caution = 0.0 if step.human_required is False else self._policy.caution
        matched = self._matcher.match(step, self._plan, self._registry, caution)
        careless = self._matcher.match(step, self._plan, self._registry, 0.0)
        ranked = self._matcher.rank(step, self._actions)[:MAX_CANDIDATES]
        nearest = route.candidates or careless.candidates or ranked
        return Reasons(
            decided_by=wanted.by if wanted else "matcher",
            nearest=nearest,
            would_change=_by_hand(step, wanted, matched, nearest)
            if wanted
            else _by_matcher(step, caution, matched, careless, nearest),
            gate_would_change=_gate(step, route),
            alone=None if wanted else matched.alone,
        )


def _by_matcher(step: Step, caution: float, matched: Match, careless: Match, nearest: tuple[Candidate, ...]) -> str:
    alone = matched.alone
    if matched.executor != HUMAN:
        rule = _rule(step, executor=HUMAN)
        if alone is None or not caution:
            return f"{rule} gives it to a person."
        return f"A caution above {alone:.2f} (it is {caution:g}) gives it to a person, and so does {rule}."
    if not nearest:
        return "An agent that publishes such work, once it is registered."
    rule = f"{_rule(step, action=_name(nearest[0]))} gives it to {nearest[0].agent}"
    if alone is None or careless.executor == HUMAN:
        return f"An agent that publishes such work, once it is registered; {rule}, which is the nearest."
    return f"A caution of {_below(alone):.2f} (it is {caution:g}) gives it to an agent; for this step alone, {rule}."


def _by_hand(step: Step, wanted: Wanted, matched: Match, nearest: tuple[Candidate, ...]) -> str:
    otherwise = "a person" if matched.executor == HUMAN else f"{matched.candidates[0].agent}, by the matcher"
    if wanted.by == "policy":
        return f"Without what {wanted.source} says of it, it goes to {_otherwise_of(step, otherwise)}."
    if wanted.executor == HUMAN:
        if not nearest:
            return "An agent that publishes such work, once it is registered."
        return f"{_rule(step, action=_name(nearest[0]))} gives it to {nearest[0].agent}, which is the nearest."
    return f"{_rule(step, executor=HUMAN)} gives it to a person; without the action in the plan it goes to {otherwise}."


def _otherwise_of(step: Step, matched: str) -> str:
    if step.human_required:
        return "a person, as the plan requires"
    return f"{step.action}, as the plan asks" if step.action else matched


def _gate(step: Step, route: Route) -> str:
    if route.gate is None:
        return f"{_rule(step, gate='budget')} asks for an approval first."
    if route.gate.raised_by == "sum":
        return "A higher budget_limit in the policy lets it start without an approval."
    return f"{_rule(step, gate='none')} lets it start without an approval."


def _rule(step: Step, **says: Any) -> str:
    """Write a rule as it stands in a policy."""
    return json.dumps({"step": step.id, **says}, ensure_ascii=False) + " in the policy"


def _name(candidate: Candidate) -> str:
    return f"{candidate.agent}.{candidate.action}"


def _below(alone: float) -> float:
    """Round down to two digits: the caution with which an agent gets the step."""
    return int(alone * 100) / 100
