"""Signed events: who did what, when, on which digests, after which event. One file each, no lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from planexe_agents.signing import SigningKey, digest, sign_document

from planexe_dag_factory.record.folder import RunFolder, now

ActorKind = Literal["orchestrator", "agent", "person"]
RUN = "run"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted. `via` says how a person came in, such as `planexe page` or `demo reviewer`."""

    kind: ActorKind
    id: str
    name: str = ""
    via: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if value}


ORCHESTRATOR = Actor("orchestrator", "planexe-dag-factory")


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, before it is signed. `about` is a work item, a milestone, or the run itself."""

    action: str
    actor: Actor = ORCHESTRATOR
    about: str = RUN
    digests: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


def append_event(run: RunFolder, key: SigningKey, event: Event) -> str:
    """Sign an event and write it; return its digest.

    It follows the last event about the same thing (else the first of the run), so that the events
    of a step form a chain while two steps never wait for each other. The orchestrator signs for
    people as their witness. Raises RecordError where it cannot be written: then what it allows must
    not happen.
    """
    at = now()
    document = {
        "action": event.action,
        "actor": event.actor.as_json(),
        "about": event.about,
        "digests": dict(event.digests),
        "details": dict(event.details),
        "at": at,
        "follows": _last_about(run, event.about),
    }
    signed = sign_document(document, key)
    mark = digest(signed)
    stamp = at[:26].translate(str.maketrans("", "", "-:."))
    run.create_json(signed, "audit", f"{stamp}+{event.about}+{event.action}+{mark[7:15]}.json")
    return mark


def read_events(run: RunFolder, about: str | None = None) -> list[dict[str, Any]]:
    """Read the events in the order of their time; all, or those about one thing."""
    wanted = [name for name in run.names("audit") if about is None or _about(name) == about]
    return [run.read_json("audit", name) for name in wanted]


def _about(name: str) -> str:
    return name.split("+")[1] if name.count("+") == 3 else ""  # noqa: PLR2004 - stamp, about, action, mark


def _last_about(run: RunFolder, about: str) -> str | None:
    names = run.names("audit")
    same = [name for name in names if _about(name) == about]
    last = same[-1] if same else next(iter(names), None)
    return digest(run.read_json("audit", last)) if last else None
