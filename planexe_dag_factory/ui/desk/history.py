"""What happened to a ticket, in plain sentences, from the signed events about its step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from planexe_dag_factory.delegation.desk import ATTACHED, COMMENTED, Desk, actor_of
from planexe_dag_factory.record.events import Actor, EventFile
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.ui.wire import Attachment, Said
from planexe_dag_factory.ui.wording import what_happened, what_was_said


def history_of(run: RunFolder, files: Iterable[EventFile]) -> tuple[Said, ...]:
    """Tell everything that is on record about a step, the oldest first. `files` are the events about it."""
    return tuple(_said(run.read_json(*file.segments)) for file in files)


def comments_of(desk: Desk) -> tuple[Said, ...]:
    """Return what people said about a ticket, the oldest first."""
    said = desk.of(COMMENTED)
    return tuple(
        Said(at=datetime.fromisoformat(one.at), who=_who(one.who), what="commented", text=one.details["text"])
        for one in said
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
