"""Who may answer a ticket in the place of somebody who is away, and who may not.

One hop: a deputy's deputy is nobody's. A deputy is somebody whom the people file knows. What only some may decide is
not decided by others because somebody is away, and whoever has too much to do with a step approves it neither
themselves, nor through a deputy, nor by having named one for somebody else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from planexe_dag_factory.delegation.absences import Absence, Absences
from planexe_dag_factory.delegation.approval import DECISIONS, four_eyes
from planexe_dag_factory.delegation.asked import asked_of, refusal
from planexe_dag_factory.delegation.desk import Desk
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.delegation.handing import deciders_of
from planexe_dag_factory.delegation.votes import open_votes, seats_of
from planexe_dag_factory.record.events import Actor, actor_of, names_of
from planexe_dag_factory.routing.people import People


@dataclass(frozen=True, slots=True)
class StandIn:
    """That a person would answer for somebody who is away; `problem` says why they may not."""

    absence: Absence
    problem: str | None = None


def deputies_of(
    step: StepRun, ticket: Mapping[str, Any], users: Collection[str], people: People, at: datetime | None = None
) -> tuple[Absence, ...]:
    """Return the absences of these users whose deputies answer this ticket, whoever a deputy is to the step."""
    now = at or datetime.now(UTC)
    found = Absences.below(step.execution.root, step.execution.ours).of(users, now)
    return tuple(one for one in found if one.holds(now, ticket["kind"]) and one.deputy in people.users)


def find_stand_in(
    step: StepRun, ticket: Mapping[str, Any], desk: Desk, person: Actor, people: People, *, at: datetime | None = None
) -> StandIn | None:
    """Return for whom a person answers a ticket, where they may not in their own name; None: for nobody.

    Who has claimed a ticket and is away is answered for as well. Of several it is the first for whom nothing stands
    against it.
    """
    if refusal(person, desk, people, at) is None:
        return None
    holder = desk.claim.who if desk.claim else None
    users = asked_of(desk, people, at).members
    if holder and names_of(holder).isdisjoint(names_of(person)):
        users = users & names_of(holder)
    away = [one for one in deputies_of(step, ticket, users, people, at) if one.deputy in names_of(person)]
    found = [StandIn(one, _problem(step, ticket, one, person, people)) for one in away]
    return next((one for one in found if one.problem is None), found[0] if found else None)


def _problem(step: StepRun, ticket: Mapping[str, Any], absence: Absence, person: Actor, people: People) -> str | None:
    deciders = deciders_of(step, ticket, people)
    if deciders is not None and absence.deputy not in deciders:
        return f"{_for(absence)}, but this is for those to decide whom the plan, its policy and the people file name"
    if ticket["kind"] not in DECISIONS:
        return None
    user = Actor("person", absence.user, absence.user)
    for who in (person, user, actor_of(absence.by)):
        if problem := four_eyes(step, who, ticket["kind"]):
            return f"{_for(absence)}, and {problem}"
    taken = (vote for vote in open_votes(step) if absence.user in seats_of(vote))
    return next((f"{_voter(vote)} has approved already for {absence.user}" for vote in taken), None)


def _for(absence: Absence) -> str:
    return f"you answer for {absence.user}, who is away"


def _voter(vote: Mapping[str, Any]) -> str:
    by = actor_of(vote["by"])
    return by.name or by.id
