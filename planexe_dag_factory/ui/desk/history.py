"""What happened to a ticket, in plain sentences, from the signed events about its step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from planexe_dag_factory.delegation.desk import ATTACHED, COMMENTED, Desk, actor_of
from planexe_dag_factory.record.events import Actor, read_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.ui.wire import Attachment, Said

_Details = Mapping[str, Any]
_WORDS: Mapping[str, Callable[[_Details], str]] = {
    "assignment-sent": lambda _: "sent the work to an agent",
    "re-routed": lambda told: "handed the work to " + ("people" if told.get("to") == "people" else "another agent"),
    "outcome-received": lambda _: "brought an outcome",
    "outcome-judged": lambda _: "judged the outcome",
    "ticket-opened": lambda told: "opened the ticket" if told.get("n", 1) == 1 else "opened the ticket again",
    "ticket-answered": lambda told: (
        f"answered {told.get('option')}" + ("" if told.get("accepted") else ", which was not enough")
    ),
    "ticket-claimed": lambda _: "claimed the ticket",
    "ticket-released": lambda _: "released the ticket",
    "ticket-reassigned": lambda told: f"reassigned the ticket to {_to(told)}",
    "ticket-delegated": lambda told: f"asked {_to(told)} as well, until {told.get('until')}",
    "ticket-commented": lambda _: "commented",
    "ticket-attached": lambda told: f"attached {'a link' if told.get('url') else 'a file'}",
    "ticket-voted": lambda _: "approved, as one of several",
    "ticket-reminded": lambda _: "sent a reminder",
    "ticket-escalated": lambda told: f"escalated the ticket to {_to(told)}",
    "notice-sent": lambda told: f"told people by {told.get('channel')}",
    "notice-failed": lambda told: f"could not tell people by {told.get('channel')}",
    "gate-opened": lambda _: "opened the gate",
    "gate-refused": lambda _: "closed the gate",
    "gate-held": lambda _: "held the step back, as its approval does not hold",
    "step-done": lambda _: "ended the step",
    "step-refused": lambda _: "ended the step as refused",
}
_TEXTS = ("text", "reason", "why", "title")


def history_of(run: RunFolder, work_item: str) -> tuple[Said, ...]:
    """Tell everything that is on record about a step, the oldest first."""
    return tuple(_said(event) for event in read_events(run, work_item))


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
    action, details = event["action"], event["details"]
    say = _WORDS.get(action)
    text = next((str(details[name]) for name in _TEXTS if details.get(name)), "")
    what = say(details) if say else action.replace("-", " ")
    return Said(at=datetime.fromisoformat(event["at"]), who=_who(actor_of(event["actor"])), what=what, text=text)


def _who(actor: Actor) -> str:
    return actor.name or actor.id


def _to(details: _Details) -> str:
    to = details.get("to") or {}
    return f"the group {to.get('name')}" if to.get("kind") == "group" else str(to.get("name"))
