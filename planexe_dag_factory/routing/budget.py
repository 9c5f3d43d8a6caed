"""Many small payments must not slip under a limit: what steps without a gate name is added up.

Every rule of `gate_rules` that speaks of buying or paying raises a gate whatever the amount. What is
left are amounts in other words, and steps that a plan or a policy frees of a gate. They add up in
the plan's order; the step with which the sum passes the policy's `budget_limit` gets a budget gate
over the whole sum, and adding up begins anew behind it. Each currency counts as its share of its own
limit, so that a plan does not pass by paying in several.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from planexe_dag_factory.plan.model import Plan, Step
from planexe_dag_factory.plan.text import quote
from planexe_dag_factory.routing.amounts import Amount, amounts, say, total
from planexe_dag_factory.routing.gate_rules import STUDY_VERBS
from planexe_dag_factory.routing.model import ANY_CURRENCY, HUMAN, Policy, Registry, Route, Routes
from planexe_dag_factory.routing.words import MAX_TEXT, words

NAMED_AT_MOST = 5


@dataclass(frozen=True, slots=True)
class Crossing:
    """A step with which what nobody approved passes the limit: the sum, and why it needs approval."""

    step: Step
    amount: Amount
    why: str


def crossings(plan: Plan, routes: Routes, policy: Policy, registry: Registry) -> Iterator[Crossing]:
    """Yield each step with which the amounts of steps without a gate pass the limit."""
    limits = _Limits(policy.budget_limit)
    harmless = {
        (one.agent, one.action) for agent in registry.agents for one in agent.capabilities if one.side_effects == "none"
    }
    open_sum = _Sum()
    for step in plan.steps:
        route = routes[step.id]
        named = _spends(step) if route.gate is None and _can_spend(route, harmless) else ()
        open_sum = open_sum.plus(step, named) if named else open_sum
        if limits.passed(open_sum):
            yield Crossing(step, limits.weightiest(open_sum), _why(open_sum, limits))
            open_sum = _Sum()


@dataclass(frozen=True, slots=True)
class _Sum:
    """What steps without a gate have named so far."""

    steps: tuple[Step, ...] = ()
    amounts: Mapping[str, float] = field(default_factory=dict)

    def plus(self, step: Step, named: Iterable[Amount]) -> _Sum:
        added = dict(self.amounts)
        for one in named:
            added[one.currency] = round(added.get(one.currency, 0.0) + one.value, 2)
        return _Sum((*self.steps, step), added)


@dataclass(frozen=True, slots=True)
class _Limits:
    by_currency: Mapping[str, float]

    def of(self, currency: str) -> float:
        return self.by_currency.get(currency, self.by_currency[ANY_CURRENCY])

    def passed(self, added: _Sum) -> bool:
        return any(value > self.of(currency) for currency, value in added.amounts.items()) or (
            sum(value / (self.of(currency) or 1.0) for currency, value in added.amounts.items()) > 1
        )

    def weightiest(self, added: _Sum) -> Amount:
        """Return the sum that uses most of its limit."""
        currency, value = max(added.amounts.items(), key=lambda pair: pair[1] / (self.of(pair[0]) or 1.0))
        return Amount(value, currency)


def _why(added: _Sum, limits: _Limits) -> str:
    sums = " and ".join(say(Amount(value, currency)) for currency, value in added.amounts.items())
    limit = " and ".join(say(Amount(limits.of(currency), currency)) for currency in added.amounts)
    return f"with this step, {sums} {_where(added.steps)} the limit of {limit}"


def _where(steps: tuple[Step, ...]) -> str:
    if len(steps) == 1:
        return "alone passes"
    named = ", ".join(quote(step.title) for step in steps[-NAMED_AT_MOST:])
    more = f"{len(steps) - NAMED_AT_MOST} more and " if len(steps) > NAMED_AT_MOST else ""
    return f"in {len(steps)} steps that nobody approved ({more}{named}) pass"


def _can_spend(route: Route, harmless: set[tuple[str, str]]) -> bool:
    """Say whether money could leave with a step: a person can pay, an agent only where its action has effects."""
    return route.executor == HUMAN or any((one.agent, one.action) not in harmless for one in route.candidates)


def _spends(step: Step) -> tuple[Amount, ...]:
    """Return what a step names in each currency: the most that its title, description or resources add up to."""
    if _is_study(step.title):
        return ()
    texts = (step.title, step.description, "\n".join(step.resources))
    sums = [one for text in texts for one in total(amounts(text[:MAX_TEXT]))]
    currencies = dict.fromkeys(one.currency for one in sums)
    return tuple(
        Amount(max(one.value for one in sums if one.currency == currency), currency) for currency in currencies
    )


def _is_study(title: str) -> bool:
    return next(iter(words(title)), "") in STUDY_VERBS.split()
