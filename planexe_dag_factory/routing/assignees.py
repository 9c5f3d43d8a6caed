"""Which role answers for a step: the one its resources name, else the plan's owner."""

from __future__ import annotations

from planexe_dag_factory.plan.model import Plan, Step
from planexe_dag_factory.routing.words import stem, words

NOBODY_NAMED = "Plan owner"

_PEOPLE_WORDS = """
    manager director officer lead leader head owner sponsor coordinator specialist expert engineer architect
    analyst consultant counsel lawyer attorney advisor adviser auditor accountant administrator assistant
    developer designer scientist researcher technician operator inspector supervisor planner strategist writer
    editor representative liaison trainer facilitator negotiator mediator buyer agent broker team crew staff
    department committee board council panel group personnel contractor veterinarian doctor nurse surgeon
    biologist geologist geneticist ecologist economist ethicist psychologist sociologist statistician physicist
    chemist surveyor tester programmer translator recruiter marketer investor stakeholder official astronaut
    pilot captain driver electrician plumber welder mechanic handler behaviorist banker
"""
_PEOPLE = frozenset(_PEOPLE_WORDS.split())


def owner_of(plan: Plan) -> str:
    """Return who owns a plan; a title where nobody is named."""
    return plan.owner or NOBODY_NAMED


def assignee_of(step: Step, plan: Plan) -> str:
    """Return the plan's role that a resource of the step names, else its first resource that is a person."""
    for resource in step.resources:
        if role := _named_role(resource, plan):
            return role
    return next(filter(is_person, step.resources), owner_of(plan))


def _named_role(resource: str, plan: Plan) -> str | None:
    asked = {stem(word) for word in words(resource)}
    return next(
        (role.title for role in plan.roles if asked and asked == {stem(word) for word in words(role.title)}), None
    )


def is_person(resource: str) -> bool:
    """Say whether a resource or role is somebody: its last words name a profession, an office or a group."""
    return any(word in _PEOPLE or word.removesuffix("s") in _PEOPLE for word in words(resource)[-3:])
