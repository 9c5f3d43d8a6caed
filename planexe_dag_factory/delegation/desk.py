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

from planexe_dag_factory.record.events import Actor, EventFile, actor_of, list_events
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
ADDED = "ticket-approver-added"
TAKEN_BACK = "ticket-approver-taken-back"
PUT_OFF = "ticket-put-off"
RANKED = "ticket-ranked"
DEEDS = frozenset(
    {
        *(CLAIMED, RELEASED, REASSIGNED, DELEGATED, COMMENTED, ATTACHED, VOTED, REMINDED, ESCALATED),
        *(QUESTIONED, WITHDRAWN, ADDED, TAKEN_BACK, PUT_OFF, RANKED),
    }
)

NameKind = Literal["role", "senior", "user", "group"]
Priority = Literal["low", "normal", "high", "urgent"]


@dataclass(frozen=True, slots=True)
class Named:
    """One who is asked: a role of the plan, a user or a group; `until` (ISO 8601) where only for a while."""

    kind: NameKind
    name: str
    until: str | None = None

    def as_json(self) -> dict[str, str]:
        return {"kind": self.kind, "name": self.name}

    def __str__(self) -> str:
        return f"the group {self.name}" if self.kind == "group" else self.name


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
    """What was done about a ticket so far: by whom it is claimed, whom it asks now, and every deed in order.

    `asked_by_right`: by the plan, its policy, a hand-over or an escalation. `added`: the deeds by which somebody made
    another approval necessary beside theirs. `priority`: what somebody gave it, instead of the one that it opened with.
    """

    asked_by_right: tuple[Named, ...]
    claim: Deed | None = None
    deeds: tuple[Deed, ...] = ()
    added: tuple[Deed, ...] = ()

    @property
    def priority(self) -> Priority | None:
        ranked = self.of(RANKED)
        return ranked[-1].details["priority"] if ranked else None

    @property
    def put_off(self) -> Mapping[str, str]:
        """Until when who has put the ticket off, by their names; who takes it up again has not."""
        last = {name: deed.details["until"] for deed in self.of(PUT_OFF) for name in (deed.who.name or deed.who.id,)}
        return {name: until for name, until in last.items() if until}

    @property
    def asked(self) -> tuple[Named, ...]:
        """Everybody who is asked now."""
        return (*self.asked_by_right, *map(named_in, self.added))

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
    about = (file for file in events if file.about == ticket["work_item"] and file.action in DEEDS)
    deeds = (deed for deed in _deeds(run, keys, about) if deed.details.get("task") == ticket["task_id"])
    return fold(asked_first(ticket), (deed for deed in deeds if until is None or _time(deed) <= until))


def read_added(run: RunFolder, keys: Collection[str], work_item: str) -> tuple[Deed, ...]:
    """Read who was made a necessary approver of a work item, and was not taken back."""
    files = (file for file in list_events(run, work_item) if file.action in (ADDED, TAKEN_BACK))
    return fold((), _deeds(run, keys, files)).added


def fold(asked: tuple[Named, ...], deeds: Iterable[Deed]) -> Desk:
    """Let each deed take its effect, in order; a claim on a claimed ticket has none.

    Who was added stays added, to whomever the ticket is handed.
    """
    done = tuple(deeds)
    claim: Deed | None = None
    added: tuple[Deed, ...] = ()
    for deed in done:
        if deed.action == CLAIMED:
            claim = claim or deed
        elif deed.action == RELEASED:
            claim = None
        elif deed.action == REASSIGNED:
            asked, claim = (named_in(deed),), None
        elif deed.action == DELEGATED:
            asked = (*asked, named_in(deed))
        elif deed.action == ESCALATED:
            asked, claim = (*asked, named_in(deed)), None
        elif deed.action == ADDED:
            added, claim = (*added, deed), None
        elif deed.action == TAKEN_BACK:
            added = tuple(one for one in added if one.mark != deed.details["added"])
    return Desk(asked, claim, done, added)


def _time(deed: Deed) -> datetime:
    return datetime.fromisoformat(deed.at)


def named_in(deed: Deed) -> Named:
    """Return whom a deed names."""
    to = deed.details["to"]
    return Named(to["kind"], to["name"], deed.details.get("until"))


def _asked_of_old(ticket: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"kind": "role", "name": ticket["assignee"]}] if ticket.get("assignee") else []


def _deeds(run: RunFolder, keys: Collection[str], files: Iterable[EventFile]) -> Iterable[Deed]:
    for file in files:
        document = run.read_json(*file.segments)
        if is_signed_by(document, keys):
            who = actor_of(document["actor"])
            yield Deed(file.digest, document["action"], who, document["at"], document["details"])
