"""Whom to tell about a ticket: nobody who has done their part or may not answer, and nobody else once it is claimed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from planexe_dag_factory.delegation.approval import barred
from planexe_dag_factory.delegation.asked import Asked, who_is_asked
from planexe_dag_factory.delegation.deputies import deputies_of
from planexe_dag_factory.delegation.desk import Desk, Named, named_in
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.delegation.votes import POLICY, still_wanted
from planexe_dag_factory.record.events import names_of
from planexe_dag_factory.routing.people import People


def who_is_told(step: StepRun, ticket: Mapping[str, Any], desk: Desk, people: People) -> Asked:
    """Return who has claimed a ticket, else those whom it asks and who can still answer; and deputies of these."""
    left = _left(step, ticket, desk, people)
    out = barred(step, ticket["kind"])
    away = [one for one in deputies_of(step, ticket, left.members, people) if one.deputy not in out]
    told = (f"{one.deputy} for {one.user}, who is away until {one.until}" for one in away)
    return replace(left, users=(*left.users, *told), members=left.members | {one.deputy for one in away})


def _left(step: StepRun, ticket: Mapping[str, Any], desk: Desk, people: People) -> Asked:
    if desk.claim:
        who = desk.claim.who
        return Asked((who.name or who.id,), (), names_of(who), mapped=True)
    asked = who_is_asked(_wanted(step, ticket, desk), people)
    out = barred(step, ticket["kind"])
    left = asked.members - out
    if out and not left and not asked.is_anybody:
        return _owner(people) or replace(asked, members=left)
    return replace(asked, users=tuple(user for user in asked.users if user not in out), members=left)


def _wanted(step: StepRun, ticket: Mapping[str, Any], desk: Desk) -> tuple[Named, ...]:
    """Return whom a ticket asks, without those whose approvals are given: the policy's, or that of an added one."""
    if ticket["kind"] != "approval" or not desk.added:
        return desk.asked
    wanted = still_wanted(step)
    added = tuple(named_in(deed) for deed in desk.added if deed.mark in wanted)
    return (*desk.asked_by_right, *added) if POLICY in wanted else added


def _owner(people: People) -> Asked | None:
    """Return the owner, who may hand a ticket on that nobody is left for."""
    owner = people.owner
    return Asked(owner.users, owner.groups, people.members(owner), mapped=True) if owner else None
