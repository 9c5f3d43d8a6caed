"""What happened to a ticket, in plain sentences, from the signed events about its step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from planexe_dag_factory.delegation.added import counted_on, who_cannot_take_back
from planexe_dag_factory.delegation.asked import who_is_asked
from planexe_dag_factory.delegation.desk import ADDED, ATTACHED, COMMENTED, Desk, named_in
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.delegation.questions import questions_of
from planexe_dag_factory.delegation.votes import still_wanted
from planexe_dag_factory.record.events import Actor, EventFile, actor_of, names_of
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.routing.people import People
from planexe_dag_factory.ui.wire import Added, Asked, Attachment, Said
from planexe_dag_factory.ui.wording import what_happened, what_was_said


def history_of(run: RunFolder, files: Iterable[EventFile]) -> tuple[Said, ...]:
    """Tell everything that is on record about a step, the oldest first. `files` are the events about it."""
    return tuple(_said(run.read_json(*file.segments)) for file in files)


def comments_of(desk: Desk) -> tuple[Said, ...]:
    """Return what people said about a ticket, the oldest first."""
    said = desk.of(COMMENTED)
    return tuple(
        Said(
            at=datetime.fromisoformat(one.at),
            who=_who(one.who),
            what="replied" if one.details.get("replies_to") else "commented",
            text=one.details["text"],
        )
        for one in said
    )


def questions_asked(desk: Desk, person: Actor, people: People) -> tuple[Asked, ...]:
    """Return whom people have asked for information, the oldest first, as a reader sees it."""
    return tuple(
        Asked(
            n=one.n,
            at=datetime.fromisoformat(one.deed.at),
            who=_who(one.deed.who),
            to=str(who_is_asked([one.to], People())),
            text=one.deed.details["text"],
            open=one.open,
            yours=not names_of(one.deed.who).isdisjoint(names_of(person)),
            to_you=one.is_put_to(person, people),
        )
        for one in questions_of(desk)
    )


def added_approvers(step: StepRun, desk: Desk, person: Actor, people: People) -> tuple[Added, ...]:
    """Return who was added to those who must approve, as a reader sees it."""
    wanted = still_wanted(step) if desk.added else ()
    return tuple(
        Added(
            n=n,
            at=datetime.fromisoformat(deed.at),
            who=_who(deed.who),
            to=str(named_in(deed)),
            reason=deed.details["reason"],
            met=deed.mark not in wanted,
            yours=not who_cannot_take_back(deed, person, people) and not counted_on(step, deed),
        )
        for n, deed in enumerate(desk.of(ADDED), start=1)
        if deed in desk.added
    )


def attachments_of(desk: Desk) -> tuple[Attachment, ...]:
    """Return what people attached to a ticket, numbered from 1."""
    return tuple(
        Attachment(
            n=number,
            at=datetime.fromisoformat(deed.at),
            who=_who(deed.who),
            title=deed.details["title"],
            url=deed.details.get("url"),
            size=deed.details.get("size"),
            digest=deed.details.get("digest"),
        )
        for number, deed in enumerate(desk.of(ATTACHED), start=1)
    )


def _said(event: Mapping[str, Any]) -> Said:
    return Said(
        at=datetime.fromisoformat(event["at"]),
        who=_who(actor_of(event["actor"])),
        what=what_happened(event),
        text=what_was_said(event),
    )


def _who(actor: Actor) -> str:
    return actor.name or actor.id
