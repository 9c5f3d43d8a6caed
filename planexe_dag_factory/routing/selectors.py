"""Which steps a policy rule applies to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from planexe_dag_factory.plan.model import Plan, Step
from planexe_dag_factory.routing.model import Override, Policy, Rule

SELECTORS = ("step", "package", "phase", "pattern", "role")


def selector_of(rule: Rule) -> tuple[str, str]:
    """Return the name and the value of the selector that a rule has."""
    return next((name, value) for name in SELECTORS if (value := getattr(rule, name)) is not None)


def selects(rule: Rule, step: Step) -> bool:
    """Say whether a rule applies to a step.

    `pattern` is a glob over the whole id or title, or a part of either; `role` is a part of one of
    the step's resources or of its assignee. Case does not count.
    """
    name, value = selector_of(rule)
    if name == "pattern":
        return any(_fits(value.casefold(), text.casefold()) for text in (step.id, step.title))
    if name == "role":
        return any(value.casefold() in text.casefold() for text in (*step.resources, step.assignee or ""))
    return bool(value == {"step": step.id, "package": step.package, "phase": step.phase}[name])


def steps_of(rule: Rule, plan: Plan) -> tuple[Step, ...]:
    """Return the steps that a rule applies to, in the plan's order."""
    return tuple(step for step in plan.steps if selects(rule, step))


def known_to(selector: str, plan: Plan) -> Sequence[str]:
    """Return what a selector could have named in this plan."""
    if selector == "package":
        return [package.id for package in plan.packages]
    if selector == "phase":
        return [phase.id for phase in plan.phases]
    if selector == "role":
        named = {role for step in plan.steps for role in (*step.resources, step.assignee) if role}
        return sorted(named | _words(named))
    ids = [step.id for step in plan.steps]
    titles = [step.title for step in plan.steps]
    return [*ids, *titles, *sorted(_words(titles))] if selector == "pattern" else ids


def _words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in text.split()}


def override_for(step: Step, policy: Policy) -> tuple[Override, str]:
    """Return all that a policy says about a step, later rules first, and the selectors that said it."""
    said: dict[str, object] = {}
    sources = []
    for rule in policy.rules:
        if selects(rule, step):
            values = {name: getattr(rule.override, name) for name in Override.__slots__}
            said |= {name: value for name, value in values.items() if value is not None}
            sources.append(" ".join(selector_of(rule)))
    return Override(**said), ", ".join(sources)  # type: ignore[arg-type]  # every value is of its own field


def _fits(pattern: str, text: str) -> bool:
    return fnmatchcase(text, pattern) if any(sign in pattern for sign in "*?[") else pattern in text
