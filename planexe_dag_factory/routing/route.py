"""Who does each step of a plan, why, and what must be approved first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal

from planexe_dag_factory.errors import Problem, has_errors
from planexe_dag_factory.plan.findings import did_you_mean
from planexe_dag_factory.plan.model import Plan, Step
from planexe_dag_factory.plan.text import quote
from planexe_dag_factory.routing.assignees import assignee_of
from planexe_dag_factory.routing.budget import Crossing, crossings
from planexe_dag_factory.routing.gates import Approver, derive_gate, make_gate, named_amount
from planexe_dag_factory.routing.matcher import MILESTONE_ACTION, Match, Matcher, PublishedMatcher
from planexe_dag_factory.routing.model import (
    HUMAN,
    Candidate,
    Capability,
    Gate,
    GateSource,
    Override,
    Policy,
    Registry,
    Route,
    Routes,
)
from planexe_dag_factory.routing.selectors import override_for, selector_of, steps_of

_APPROVING = ("approver", "approvers", "approvals_needed")


def route_plan(
    plan: Plan, registry: Registry, policy: Policy, matcher: Matcher | None = None
) -> tuple[Routes, tuple[Problem, ...]]:
    """Route every step of a plan.

    What the policy says wins over what the plan says, and both over the matcher. A step whose
    explicit agent, action or executor does not exist goes to a person, with an error that says so.
    """
    router = _Router(replace(plan, owner=policy.owner or plan.owner), registry, policy, matcher or PublishedMatcher())
    routed = [router.route(step) for step in plan.steps]
    alone = {route.step: route for route, _ in routed}
    problems = tuple(problem for _, found in routed for problem in found)
    sums = {one.step.id: router.gate_sum(one, alone[one.step.id]) for one in crossings(plan, alone, policy, registry)}
    routes = {**alone, **sums}
    return routes, (*problems, *_without_effect(plan, routes, policy))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the policy or the plan asks for explicitly, and who says so."""

    by: Literal["policy", "plan"]
    source: str
    executor: str | None = None
    agent: str | None = None
    action: str | None = None

    def fits(self, capability: Capability) -> bool:
        pairs = (
            (self.executor, capability.agent_type),
            (self.agent, capability.agent),
            (self.action, capability.action),
        )
        return all(asked in {None, offered} for asked, offered in pairs)


@dataclass(frozen=True, slots=True)
class _Router:
    plan: Plan
    registry: Registry
    policy: Policy
    matcher: Matcher

    def route(self, step: Step) -> tuple[Route, tuple[Problem, ...]]:
        override, source = override_for(step, self.policy)
        wanted = wanted_for(step, override, source)
        problems = (*self._unknown(step, wanted), *_contradictions(step, wanted))
        match = self._match(step, wanted, broken=has_errors(problems))
        gate, gate_why = self._gate(step, override, source, match)
        threshold = _first(override.threshold, step.confidence_threshold, self.policy.confidence_threshold)
        route = Route(
            step=step.id,
            executor=match.executor,
            why=match.why,
            score=match.score,
            assignee=override.assignee or step.assignee or assignee_of(step, self.plan),
            candidates=match.candidates,
            gate=decided_by(gate, self.policy, override) if gate else None,
            gate_why=gate_why,
            threshold=threshold or 0.0,
            inputs={**step.inputs, **(override.inputs or {})},
            due_days=_first(override.due_days, step.due_days),
        )
        return route, problems

    def _match(self, step: Step, wanted: Wanted | None, *, broken: bool) -> Match:
        if wanted is None:
            caution = 0.0 if step.human_required is False else self.policy.caution
            return self.matcher.match(step, self.plan, self.registry, caution)
        if broken:
            return Match(HUMAN, 1.0, f"{wanted.source} asks for what no registered agent has")
        if wanted.executor == HUMAN:
            return Match(HUMAN, 1.0, f"{wanted.source} requires a person")
        candidates = self.matcher.rank(step, filter(wanted.fits, self._capabilities()))
        executor = next(one.agent_type for one in self._capabilities() if _is(candidates[0], one))
        why = f"{wanted.source} asks for {wanted.action or wanted.agent or executor}"
        return Match(executor, 1.0, why, candidates)

    def gate_sum(self, crossing: Crossing, route: Route) -> Route:
        """Return the route of a step with a gate over what it and others before it spend."""
        override, source = override_for(crossing.step, self.policy)
        approver = _named_approver(crossing.step, override, source)
        gate = make_gate("budget", crossing.why, self.plan, approver, crossing.amount, raised_by="sum")
        return replace(route, gate=decided_by(gate, self.policy, override), gate_why=crossing.why)

    def _gate(self, step: Step, override: Override, source: str, match: Match) -> tuple[Gate | None, str]:
        approver = _named_approver(step, override, source)
        says = f"the policy ({source})" if override.gate else "the plan"
        if asked := override.gate or step.impact:
            why = f"{says} marks the step as {asked}" if asked != "none" else f"{says} asks for no gate"
            if asked == "none":
                return None, why
            raised_by: GateSource = "policy" if override.gate else "plan"
            return make_gate(asked, why, self.plan, approver, named_amount(step, asked), raised_by=raised_by), why
        gate, why = derive_gate(step, self.plan, approver)
        if gate is None and (act := self._irreversible(match)):
            why = f"{act} says that what it does cannot be undone"
            return make_gate("irreversible", why, self.plan, approver, raised_by="action"), why
        return gate, why

    def _irreversible(self, match: Match) -> str | None:
        """Name the first action that could get the step and cannot be undone."""
        names = (
            f"{one.agent}.{one.action}"
            for candidate in match.candidates
            for one in self._capabilities()
            if _is(candidate, one) and one.side_effects == "irreversible"
        )
        return next(names, None)

    def _capabilities(self) -> Iterator[Capability]:
        return (one for agent in self.registry.agents for one in agent.capabilities if one.action != MILESTONE_ACTION)

    def _unknown(self, step: Step, wanted: Wanted | None) -> Iterator[Problem]:
        """Yield an error where what is asked for explicitly does not exist."""
        if wanted is None or wanted.executor == HUMAN or any(map(wanted.fits, self._capabilities())):
            return
        known = sorted({name for one in self._capabilities() for name in _names(one, wanted)})
        asked = _asked(wanted)
        message = f"step {quote(step.id)}: {wanted.source} asks for {quote(asked)}, which no registered agent has"
        guess = next(iter(get_close_matches(asked[:200], known, n=1, cutoff=0.7)), None)
        hint = did_you_mean(guess) or "register an agent for it, or leave it out and the step is matched"
        yield Problem("error", "unknown-action", message, hint=hint, source_id=step.source_id)


def _without_effect(plan: Plan, routes: Routes, policy: Policy) -> Iterator[Problem]:
    """Warn of each rule that says who approves where nothing is approved."""
    for rule in policy.rules:
        says = [name for name in _APPROVING if getattr(rule.override, name) is not None]
        if says and all(routes[step.id].gate is None for step in steps_of(rule, plan)):
            selector, value = selector_of(rule)
            on = f"the {selector} {quote(value)}"
            message = f"{', '.join(says)} of the policy's rule on {on} has no effect: no approval is needed"
            hint = 'add a "gate" to the rule, or take these out'
            yield Problem("warning", "no-effect", message, hint=hint)


def decided_by(gate: Gate, policy: Policy, override: Override | None = None) -> Gate:
    """Return a gate with how many must approve, and who may, as a rule says or else the whole policy."""
    said = override or Override()
    return replace(
        gate,
        approvals_needed=said.approvals_needed or policy.approvals_needed,
        approvers=policy.approvers if said.approvers is None else said.approvers,
    )


def wanted_for(step: Step, override: Override, source: str) -> Wanted | None:
    """Return what is asked for explicitly: by the policy, else by the plan, a person before an action."""
    if override.executor == HUMAN:
        return Wanted("policy", f"the policy ({source})", HUMAN)
    if override.executor or override.agent or override.action:
        agent, action = _split(override.action)
        return Wanted("policy", f"the policy ({source})", override.executor, override.agent or agent, action)
    if step.human_required:
        return Wanted("plan", "the plan", HUMAN)
    if step.action:
        agent, action = _split(step.action)
        return Wanted("plan", "the plan", None, agent, action)
    return None


def _named_approver(step: Step, override: Override, source: str) -> Approver | None:
    if override.approver:
        return Approver(override.approver, f"the policy ({source}) names who approves")
    return Approver(step.approver, "the plan names who approves this step") if step.approver else None


def _contradictions(step: Step, wanted: Wanted | None) -> Iterator[Problem]:
    if wanted and step.human_required and step.action and wanted.by == "plan":
        message = f"step {quote(step.id)} requires a person and names the action {quote(step.action)}; a person gets it"
        hint = "keep one of human_required and action"
        yield Problem("warning", "person-and-action", message, hint=hint, source_id=step.source_id)


def _split(action: str | None) -> tuple[str | None, str | None]:
    """Take `agent.action` apart; an action alone leaves the agent open."""
    agent, dot, name = (action or "").partition(".")
    return (agent, name) if dot else (None, action)


def _asked(wanted: Wanted) -> str:
    return ".".join(filter(None, (wanted.agent, wanted.action))) or wanted.executor or ""


def _names(capability: Capability, wanted: Wanted) -> tuple[str, ...]:
    if wanted.action:
        return (f"{capability.agent}.{capability.action}",) if wanted.agent else (capability.action,)
    return (capability.agent,) if wanted.agent else (capability.agent_type, HUMAN)


def _is(candidate: Candidate, capability: Capability) -> bool:
    return (candidate.agent, candidate.action) == (capability.agent, capability.action)


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
