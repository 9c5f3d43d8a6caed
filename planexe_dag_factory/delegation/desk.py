"""Who deals with a ticket, read from the signed events about it: nobody's word but the record's counts.

The API writes such an event before anything else; the sensor reads them when it resumes, and the
tables of the inbox are projected from them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from planexe_agents.signing import is_signed_by

from planexe_dag_factory.record.events import Actor, EventFile, list_events
from planexe_dag_factory.record.folder import RunFolder

CLAIMED = "ticket-claimed"
RELEASED = "ticket-released"
REASSIGNED = "ticket-reassigned"
DELEGATED = "ticket-delegated"
COMMENTED = "ticket-commented"
ATTACHED = "ticket-attached"
VOTED = "ticket-voted"
REMINDED = "ticket-reminded"
ESCALATED = "ticket-escalated"
QUESTIONED = "ticket-asked"
WITHDRAWN = "ticket-question-withdrawn"
DEEDS = frozenset(
    {CLAIMED, RELEASED, REASSIGNED, DELEGATED, COMMENTED, ATTACHED, VOTED, REMINDED, ESCALATED, QUESTIONED, WITHDRAWN}
)

NameKind = Literal["role", "senior", "user", "group"]


@dataclass(frozen=True, slots=True)
class Named:
    """One who is asked: a role of the plan, a user or a group; `until` (ISO 8601) where only for a while."""

    kind: NameKind
    name: str
    until: str | None = None

    def as_json(self) -> dict[str, str]:
        return {"kind": self.kind, "name": self.name}


@dataclass(frozen=True, slots=True)
class Deed:
    """One signed event about a ticket; `mark` is its digest."""

    mark: str
    action: str
    who: Actor
    at: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Desk:
    """What was done about a ticket so far: by whom it is claimed, whom it asks now, and every deed in order."""

    asked: tuple[Named, ...]
    claim: Deed | None = None
    deeds: tuple[Deed, ...] = ()

    def of(self, *actions: str) -> tuple[Deed, ...]:
        """Return the deeds of these kinds."""
        return tuple(deed for deed in self.deeds if deed.action in actions)


def asked_first(ticket: Mapping[str, Any]) -> tuple[Named, ...]:
    """Return whom a ticket asks when it opens."""
    return tuple(Named(one["kind"], one["name"]) for one in ticket.get("asked") or _asked_of_old(ticket))


def read_desk(
    run: RunFolder,
    keys: Collection[str],
    ticket: Mapping[str, Any],
    files: Iterable[EventFile] | None = None,
    until: datetime | None = None,
) -> Desk:
    """Read what was done about the ticket's task. `keys` are the orchestrator's public ones.

    `files` are the events of the run, for a caller that reads many tickets of a run. `until`: as it stood then.
    """
    events = list_events(run, ticket["work_item"]) if files is None else files
    deeds = _deeds(run, keys, ticket, events)
    return fold(asked_first(ticket), (deed for deed in deeds if until is None or _time(deed) <= until))


def fold(asked: tuple[Named, ...], deeds: Iterable[Deed]) -> Desk:
    """Let each deed take its effect, in order; a claim on a claimed ticket has none."""
    done = tuple(deeds)
    claim: Deed | None = None
    for deed in done:
        if deed.action == CLAIMED:
            claim = claim or deed
        elif deed.action == RELEASED:
            claim = None
        elif deed.action == REASSIGNED:
            asked, claim = (_named(deed),), None
        elif deed.action == DELEGATED:
            asked = (*asked, _named(deed))
        elif deed.action == ESCALATED:
            asked, claim = (*asked, _named(deed)), None
    return Desk(asked, claim, done)


def _time(deed: Deed) -> datetime:
    return datetime.fromisoformat(deed.at)


def _named(deed: Deed) -> Named:
    to = deed.details["to"]
    return Named(to["kind"], to["name"], deed.details.get("until"))


def _asked_of_old(ticket: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"kind": "role", "name": ticket["assignee"]}] if ticket.get("assignee") else []


def _deeds(
    run: RunFolder, keys: Collection[str], ticket: Mapping[str, Any], events: Iterable[EventFile]
) -> Iterable[Deed]:
    for file in events:
        if file.about == ticket["work_item"] and file.action in DEEDS:
            document = run.read_json(*file.segments)
            if document["details"].get("task") == ticket["task_id"] and is_signed_by(document, keys):
                yield Deed(
                    file.digest,
                    document["action"],
                    actor_of(document["actor"]),
                    document["at"],
                    document["details"],
                )


def actor_of(document: Mapping[str, Any]) -> Actor:
    """Read who acted from an event, an answer or a vote."""
    return Actor(document["kind"], document["id"], document.get("name", ""), document.get("via"), document.get("auth"))
