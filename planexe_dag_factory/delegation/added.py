"""Approvers whom somebody adds to an approval, beside those whom its policy asks.

Adding only ever makes an approval harder: the policy wants as many of its own as before, and each added user or group
one more. Who is added stays added whatever becomes of the ticket; `require_approvals` counts them before anybody acts.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from planexe_dag_factory.delegation.approval import barred, four_eyes
from planexe_dag_factory.delegation.asked import who_is_asked
from planexe_dag_factory.delegation.desk import ADDED, Deed, Desk, Named, named_in
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.delegation.handing import is_above
from planexe_dag_factory.delegation.votes import POLICY, approvals_needed, open_votes, seats_of, unmet
from planexe_dag_factory.record.events import Actor, names_of
from planexe_dag_factory.routing.people import People

MOST = 10


def what_it_meets(desk: Desk, names: frozenset[str], people: People, at: datetime | None = None) -> tuple[str, ...]:
    """Return what a vote under these names stands for: the policy, and the marks of added approvers."""
    by_right = who_is_asked(desk.asked_by_right, people, at)
    policy = (POLICY,) if by_right.is_anybody or not by_right.members.isdisjoint(names) else ()
    marks = (deed.mark for deed in desk.added if not _members(deed, people).isdisjoint(names))
    return (*policy, *marks)


def who_cannot_add(step: StepRun, desk: Desk, person: Actor, people: People) -> str | None:
    """Say why somebody may not add an approver; None where they may: who is asked by right, or stands above."""
    asked = who_is_asked(desk.asked_by_right, people)
    if not asked.holds(person) and not is_above(person, people):
        return f"only {asked}, the owner or a senior may add an approver"
    return four_eyes(step, person)


def who_cannot_be_added(step: StepRun, desk: Desk, to: Named, person: Actor, people: People) -> str | None:
    """Say why a user or group cannot be made a necessary approver; None where they can."""
    if len(desk.added) >= MOST:
        return f"{MOST} approvers have been added already"
    if to in map(named_in, desk.added):
        return f"{to} has been added already"
    if to.kind == "user" and to.name in names_of(person):
        return "you cannot add yourself: approve it, or add somebody else"
    if to.kind == "user" and (problem := four_eyes(step, Actor("person", to.name, to.name))):
        return f"{to} cannot be asked: {problem}"
    if to.kind == "user" and any(to.name in seats_of(vote) for vote in open_votes(step)):
        return f"{to} has approved already"
    deed = Deed("new", ADDED, person, "", {"to": to.as_json()})
    return too_few_for(step, replace(desk, added=(*desk.added, deed)), people)


def too_few_for(step: StepRun, desk: Desk, people: People) -> str | None:
    """Say that an approval could not be given any more, with who is asked and added; None where it could."""
    asked = who_is_asked(desk.asked_by_right, people)
    left = who_is_asked(desk.asked, people).members - barred(step, "approval")
    could = [{"stands_for": what_it_meets(desk, frozenset({user}), people)} for user in sorted(left)]
    needed = 0 if asked.is_anybody else approvals_needed(step)
    if not unmet(needed, [deed.mark for deed in desk.added], [*open_votes(step), *could]):
        return None
    return "then too few different people would be left to approve it: each added approver is one more"


def who_cannot_take_back(deed: Deed, person: Actor, people: People) -> str | None:
    """Say why somebody may not take an added approver back; None where they may."""
    if names_of(deed.who).isdisjoint(names_of(person)) and not is_above(person, people):
        return f"{deed.who.name or deed.who.id} has added {named_in(deed)}, and alone can take that back"
    return None


def counted_on(step: StepRun, deed: Deed) -> str | None:
    """Say who has approved since somebody was added, in the belief that they will too; None where nobody has."""
    by = next((vote["by"] for vote in open_votes(step) if vote["at"] > deed.at), None)
    return f"{by.get('name') or by['id']} has approved since, counting on {named_in(deed)}" if by else None


def _members(deed: Deed, people: People) -> frozenset[str]:
    return who_is_asked([named_in(deed)], people).members
