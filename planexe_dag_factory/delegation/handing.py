"""To whom a ticket may be handed on, and by whom not: else an approval would be given by whom its asker chooses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planexe_dag_factory.delegation.approval import DECISIONS, four_eyes
from planexe_dag_factory.delegation.asked import who_is_asked
from planexe_dag_factory.delegation.desk import Desk, Named, asked_first
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.record.events import Actor, names_of
from planexe_dag_factory.routing.people import Assigned, People

TO_ANYONE = "approvals_may_be_handed_to_anyone"
"""The policy's word for letting whoever is asked choose anybody of the people file."""


def lasting(desk: Desk) -> tuple[Named, ...]:
    """Return who is asked by right, and other than for a while."""
    return tuple(one for one in desk.asked_by_right if one.until is None)


def who_cannot_hand_on(
    step: StepRun, ticket: Mapping[str, Any], desk: Desk, person: Actor, people: People
) -> str | None:
    """Say why somebody must not hand a ticket on, though they deal with it; None where nothing stands against it."""
    if problem := four_eyes(step, person, ticket["kind"]):
        return f"{problem}, whom others choose"
    by_right = who_is_asked(desk.asked_by_right, people).holds(person)
    if by_right and not who_is_asked(lasting(desk), people).holds(person) and not is_above(person, people):
        return "you are asked only for a while, and cannot hand on what was lent to you"
    return None


def who_cannot_be_handed(step: StepRun, ticket: Mapping[str, Any], to: Mapping[str, str], people: People) -> str | None:
    """Say why a ticket cannot be handed to a user or group; None where it can."""
    users = people.members(_assigned(to))
    if to["kind"] == "user" and (problem := four_eyes(step, _as_person(to["name"]), ticket["kind"])):
        return f"{to['name']} cannot be asked: {problem}"
    deciders = deciders_of(step, ticket, people)
    if deciders is None or users <= deciders:
        return None
    who, asked = ", ".join(sorted(users - deciders)), who_is_asked(asked_first(ticket), people)
    return (
        f"{who} may not decide this: choose among {asked}, those whom the policy asks next, a senior and the owner; "
        f"a policy with {TO_ANYONE} allows others"
    )


def deciders_of(step: StepRun, ticket: Mapping[str, Any], people: People) -> frozenset[str] | None:
    """Return the users who may decide a ticket by the plan, its policy and the people file; None: anybody may."""
    asked = who_is_asked(asked_first(ticket), people)
    if ticket["kind"] not in DECISIONS or asked.is_anybody or step.execution.policy.get(TO_ANYONE):
        return None
    reminders = step.execution.spec.reminders
    ladder = who_is_asked([Named("role", rung) for rung in (reminders.ladder if reminders else ())], people)
    return asked.members | ladder.members | above(people)


def above(people: People) -> frozenset[str]:
    """Return the users who stand above every ticket: the owner, and the seniors."""
    return frozenset().union(*(people.members(one) for one in (people.owner, people.senior) if one))


def is_above(person: Actor, people: People) -> bool:
    return not names_of(person).isdisjoint(above(people))


def _assigned(to: Mapping[str, str]) -> Assigned:
    return Assigned((to["name"],), ()) if to["kind"] == "user" else Assigned((), (to["name"],))


def _as_person(user: str) -> Actor:
    return Actor("person", user, user)
