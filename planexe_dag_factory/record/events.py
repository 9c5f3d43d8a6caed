"""Signed events: who did what, when, on which files, after which events. One file each, no lock.

    audit/<about>/<stamp>+<action>+<digest>.json

The name says what is needed to append: nobody opens a file to follow it. See docs/record.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from planexe_agents.signing import SigningKey, digest, is_signed_by, sign_document

from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.folder import RunFolder, now

ActorKind = Literal["orchestrator", "agent", "person"]
AUDIT = "audit"
RUN = "run"
ROTATED = "key-rotated"
CLEARED = "task-cleared"
CLEARED_BY_HAND = "cleared-in-airflow"
MARKED = "marked-in-airflow"
"""Somebody cleared a task by hand: what was on record about its step counts no more."""
UNKNOWN = "unknown"
"""Who acted, where nobody can tell."""
_NAME = re.compile(r"(\d{8}T\d{12})\+([a-z][a-z-]*)\+([0-9a-f]{64})\.json")
_STAMP = "%Y%m%dT%H%M%S%f"
_TICK = timedelta(microseconds=1)


class HandedOverError(RecordError):
    """A key was to sign that has handed over to another in this run."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted. `via` says how a person came in, such as `planexe page`; `auth` who vouches for who it was."""

    kind: ActorKind
    id: str
    name: str = ""
    via: str | None = None
    auth: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if value}


def actor_of(document: Mapping[str, Any]) -> Actor:
    """Read who acted from an event, an answer or a vote."""
    return Actor(document["kind"], document["id"], document.get("name", ""), document.get("via"), document.get("auth"))


def names_of(person: Actor) -> frozenset[str]:
    """Return what a person may be called in the people file: Airflow's user name, or its id of the user.

    A bare number is no name beside a name: FAB numbers its users, and somebody may log in with a personnel number.
    """
    by_number = person.name and person.id.isdecimal()
    return frozenset({person.name} if by_number else {person.id, person.name} - {""})


ORCHESTRATOR = Actor("orchestrator", "planexe-dag-factory")


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, before it is signed.

    `about` is a work item, a milestone, or the run itself. `digests` are those of the files that it
    speaks of, by path in the run folder. `after` names what else must have happened before; `after_all`: everything
    that is on record.
    """

    action: str
    actor: Actor = ORCHESTRATOR
    about: str = RUN
    digests: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    after_all: bool = False


@dataclass(frozen=True, slots=True, order=True)
class EventFile:
    """The name of an event's file; sorts by the order of the events."""

    stamp: str
    about: str
    action: str
    mark: str

    @property
    def segments(self) -> tuple[str, str, str]:
        return AUDIT, self.about, f"{self.stamp}+{self.action}+{self.mark}.json"

    @property
    def path(self) -> str:
        return "/".join(self.segments)

    @property
    def at(self) -> datetime:
        return datetime.strptime(self.stamp, _STAMP).replace(tzinfo=UTC)

    @property
    def digest(self) -> str:
        return f"sha256:{self.mark}"

    @classmethod
    def parse(cls, about: str, name: str) -> EventFile | None:
        """Read a name; None where it is not one of an event."""
        match = _NAME.fullmatch(name)
        return cls(match[1], about, match[2], match[3]) if match else None


def append_event(run: RunFolder, key: SigningKey, event: Event) -> str:
    """Sign an event and write it; return its digest.

    It follows the last event about the same thing, so that the events of a step form a chain while
    two steps never wait for each other; the first of a chain follows the last of the run's own, and
    of all that it comes `after`. `number` counts the chain, so that a gap shows even where two
    writers forked it. Raises RecordError where it cannot be written: then what it allows must not
    happen; HandedOverError where another key signs in this run since.
    """
    if has_handed_over(run, key.public):
        raise HandedOverError(f"another key signs in {run.name} since: begin again, with the keys of now")
    chain = list_events(run, event.about)
    before = _all_heads(run) if event.after_all else chain[-1:] or _heads(run, (RUN, *event.after))
    at = now()  # taken after the look at what is there, so that an event is later than those it follows
    stamp = next_stamp(at, [one.stamp for one in before])
    document: dict[str, Any] = {
        "action": event.action,
        "actor": event.actor.as_json(),
        "about": event.about,
        "digests": dict(event.digests),
        "details": dict(event.details),
        "at": at,
        "follows": [one.digest for one in before],
        "number": len(chain) + 1,
        "witnessed": event.actor.kind != "orchestrator",
    }
    signed = sign_document(document, key)
    mark = digest(signed)
    file = EventFile(stamp, event.about, event.action, mark.removeprefix("sha256:"))
    run.create_json(signed, *file.segments)
    return mark


def has_handed_over(run: RunFolder, public: str) -> bool:
    """Say whether a key has handed over to another in this run."""
    rotations = (run.read_json(*file.segments) for file in list_events(run, RUN) if file.action == ROTATED)
    return any(is_signed_by(one, (public,)) and one["details"].get("from") == public for one in rotations)


def list_events(run: RunFolder, about: str | None = None) -> list[EventFile]:
    """List the events in their order, unread; all, or those about one thing."""
    parts = run.names(AUDIT) if about is None else [about]
    found = (EventFile.parse(part, name) for part in parts for name in run.names(AUDIT, part))
    return sorted(file for file in found if file)


def read_events(run: RunFolder, about: str | None = None) -> list[dict[str, Any]]:
    """Read the events in their order; all, or those about one thing."""
    return [run.read_json(*file.segments) for file in list_events(run, about)]


def stamp_of(at: str) -> str:
    """Write a time as the names of events do."""
    return datetime.fromisoformat(at).astimezone(UTC).strftime(_STAMP)


def next_stamp(at: str, before: list[str]) -> str:
    """Return the stamp of an event: its time, but never before what it follows, however a clock jumped."""
    own = stamp_of(at)
    latest = max(before, default="")
    return own if own > latest else (datetime.strptime(latest, _STAMP).replace(tzinfo=UTC) + _TICK).strftime(_STAMP)


def _all_heads(run: RunFolder) -> list[EventFile]:
    """Return the last event about everything, from one look at all of them."""
    parts = (path.split("/") for path in run.paths(AUDIT) if path.count("/") == 2)  # noqa: PLR2004 - audit/<about>/<name>
    files = sorted(file for _, about, name in parts if (file := EventFile.parse(about, name)))
    return sorted({file.about: file for file in files}.values())


def _heads(run: RunFolder, abouts: tuple[str, ...]) -> list[EventFile]:
    """Return the last event about each of these, where there is one."""
    chains = (list_events(run, about) for about in dict.fromkeys(abouts))
    return [chain[-1] for chain in chains if chain]
