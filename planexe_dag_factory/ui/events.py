"""The record of a run, page by page: who did what, and when. A page reads no more files than it shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from planexe_dag_factory.record.events import EventFile, list_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.ui.wire import Message
from planexe_dag_factory.ui.wording import what_happened, what_was_said


class EventActor(Message):
    """Who acted; `via` is how a person came in."""

    kind: str
    id: str
    name: str
    via: str | None


class EventLine(Message):
    """One signed event. `about` is a work item, a milestone or `run`; `file` is where the record keeps it.

    `what` says it in our words; `text` is what somebody wrote, or why it was decided.
    """

    at: datetime
    actor: EventActor
    action: str
    about: str
    what: str
    text: str
    details: dict[str, Any]
    file: str


class EventPage(Message):
    """A page of the record, the newest first; `total` counts every event."""

    events: tuple[EventLine, ...]
    total: int


def read_page(run: RunFolder, limit: int, offset: int) -> EventPage:
    """Read a page of the events: their names begin with the time. Raises RecordError for a torn file."""
    files = list_events(run)[::-1]
    return EventPage(events=tuple(_lines(run, files[offset : offset + limit])), total=len(files))


def _lines(run: RunFolder, files: Iterable[EventFile]) -> Iterator[EventLine]:
    for file in files:
        event: Mapping[str, Any] = run.read_json(*file.segments)
        actor = event["actor"]
        yield EventLine(
            at=datetime.fromisoformat(event["at"]),
            actor=EventActor(kind=actor["kind"], id=actor["id"], name=actor.get("name", ""), via=actor.get("via")),
            action=event["action"],
            about=event["about"],
            what=what_happened(event),
            text=what_was_said(event),
            details=event["details"],
            file=file.path,
        )
