"""Who may answer a ticket: those whom the people file, a reassignment, a delegation or an escalation names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from planexe_dag_factory.delegation.desk import Desk, Named
from planexe_dag_factory.record.events import Actor, names_of
from planexe_dag_factory.routing.people import Assigned, People

SENIOR = "senior"


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a ticket asks now. `members` are the users, and those of the groups; nobody named: everybody may answer.

    `mapped` is false where a role of the plan was not found in the people file.
    """

    users: tuple[str, ...]
    groups: tuple[str, ...]
    members: frozenset[str]
    mapped: bool

    @property
    def is_anybody(self) -> bool:
        return not self.users and not self.groups

    def holds(self, person: Actor) -> bool:
        """Say whether this person is asked."""
        return self.is_anybody or not names_of(person).isdisjoint(self.members)

    def __str__(self) -> str:
        return " or ".join((*self.users, *(f"the group {group}" for group in self.groups))) or "anybody"


def who_is_asked(named: Iterable[Named], people: People, at: datetime | None = None) -> Asked:
    """Look up whom these names mean; those asked only until an earlier time are left out."""
    now = at or datetime.now(UTC)
    found = [look_up(people, one) for one in named if one.until is None or datetime.fromisoformat(one.until) > now]
    users = tuple(dict.fromkeys(user for assigned, _ in found for user in assigned.users))
    groups = tuple(dict.fromkeys(group for assigned, _ in found for group in assigned.groups))
    return Asked(users, groups, people.members(Assigned(users, groups)), mapped=all(mapped for _, mapped in found))


def asked_of(desk: Desk, people: People, at: datetime | None = None) -> Asked:
    """Return whom a ticket asks. Where by right anybody may answer, that stays so, whoever is added."""
    by_right = who_is_asked(desk.asked_by_right, people, at)
    return by_right if by_right.is_anybody or not desk.added else who_is_asked(desk.asked, people, at)


def look_up(people: People, named: Named) -> tuple[Assigned, bool]:
    """Say who is meant by a name, and whether the people file knows it."""
    if named.kind == "user":
        return Assigned((named.name,), ()), True
    if named.kind == "group":
        return Assigned((), (named.name,)), True
    found = people.resolve(named.name)
    is_senior = named.kind == "senior" or named.name.casefold() == SENIOR
    if is_senior and people.senior and not found.mapped:
        return people.senior, True
    return found.assigned, found.mapped


def refusal(person: Actor, desk: Desk, people: People, at: datetime | None = None) -> str | None:
    """Say why a person may not answer this ticket, now or at the time of their answer; None where they may."""
    asked = asked_of(desk, people, at)
    if not asked.holds(person):
        return f"{asked} is asked, and {person.name or person.id} is not among them"
    if desk.claim and names_of(desk.claim.who).isdisjoint(names_of(person)):
        holder = desk.claim.who.name or desk.claim.who.id
        return f"{holder} has claimed this ticket: ask {holder} to release it, or reassign it to yourself"
    return None
