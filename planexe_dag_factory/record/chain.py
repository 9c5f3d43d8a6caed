"""The events of a run, verified: each whole, and after those that it follows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from planexe_agents.signing import canonical, digest_bytes, fingerprint, verify_document

from planexe_dag_factory.record.events import AUDIT, RUN, EventFile, next_stamp, stamp_of
from planexe_dag_factory.record.findings import Findings

FIELDS = frozenset(
    {"action", "actor", "about", "digests", "details", "at", "follows", "number", "witnessed", "key", "signature"}
)


@dataclass(frozen=True, slots=True)
class Signed:
    """An event that is whole, and bears a good signature."""

    file: EventFile
    document: Mapping[str, Any]

    @property
    def action(self) -> str:
        return self.file.action

    @property
    def about(self) -> str:
        return self.file.about


@dataclass(frozen=True)
class Chain:
    """The events that hold, in their order."""

    events: tuple[Signed, ...]

    @cached_property
    def by_digest(self) -> Mapping[str, Signed]:
        return {event.file.digest: event for event in self.events}

    @cached_property
    def by_about(self) -> Mapping[str, tuple[Signed, ...]]:
        """The events about each thing."""
        grouped: dict[str, list[Signed]] = defaultdict(list)
        for event in self.events:
            grouped[event.about].append(event)
        return {about: tuple(events) for about, events in grouped.items()}

    def about(self, about: str, *actions: str) -> tuple[Signed, ...]:
        """Return the events about one thing; of these actions, where any is given."""
        return tuple(one for one in self.by_about.get(about, ()) if not actions or one.action in actions)

    def up_to(self, marks: Iterable[str]) -> set[str]:
        """Return the digests of these events and of all that came before them, as far as they are there."""
        found = {mark for mark in marks if mark in self.by_digest}
        waiting = list(found)
        while waiting:
            parents = {mark for mark in self.by_digest[waiting.pop()].document["follows"] if mark in self.by_digest}
            waiting += parents - found
            found |= parents
        return found

    def saw_all(self, event: Signed) -> bool:
        """Say whether whoever wrote an event had seen all that is about the same thing, and earlier."""
        return self.by_about[event.about].index(event) < int(event.document["number"])

    def precedes(self, earlier: Signed, later: Signed) -> bool:
        """Say whether whoever wrote `later` had seen `earlier`, by what each event follows."""
        waiting, seen = [later], set[str]()
        while waiting:
            for mark in waiting.pop().document["follows"]:
                parent = self.by_digest.get(mark)
                if parent is earlier:
                    return True
                if parent and parent.file.stamp > earlier.file.stamp and mark not in seen:
                    seen.add(mark)
                    waiting.append(parent)
        return False


def read_chain(files: Mapping[str, bytes], findings: Findings) -> Chain:
    """Read the events that are whole, whoever signed them."""
    named = sorted(_named(files, findings))
    return Chain(tuple(event for file in named if (event := _read(file, files[file.path], findings))))


def _named(files: Iterable[str], findings: Findings) -> list[EventFile]:
    named = []
    for path in files:
        about, _, name = path.removeprefix(f"{AUDIT}/").partition("/")
        file = EventFile.parse(about, name)
        if file:
            named.append(file)
        else:
            findings.stranger(path, "is not an event")
    return named


def _read(file: EventFile, content: bytes, findings: Findings) -> Signed | None:
    """Read an event; None, and a finding, where it is not what was written under its name."""
    if digest_bytes(content) != file.digest:
        findings.error("changed", file.path, "is not what was written under this name", file.stamp)
        return None
    document = _read_signed(content)
    if document is None:
        findings.error("added", file.path, "is not an event, or its signature does not hold", file.stamp)
        return None
    if (document["about"], document["action"]) != (file.about, file.action):
        findings.error("moved", file.path, "was written under another name", file.stamp)
        return None
    return Signed(file, document)


@lru_cache(maxsize=4096)
def _read_signed(content: bytes) -> Mapping[str, Any] | None:
    """Read an event in canonical form, with a good signature; who looks again at a run under way waits only once."""
    try:
        document = json.loads(content)
        whole = _is_event(document) and canonical(document) == content and verify_document(document)
    except (ValueError, RecursionError):
        return None
    return document if whole else None


def _is_event(document: Any) -> bool:
    return (
        isinstance(document, dict)
        and document.keys() == FIELDS
        and all(isinstance(document[name], dict) for name in ("actor", "digests", "details"))
        and all(isinstance(mark, str) for mark in document["digests"].values())
        and isinstance(document["follows"], list)
        and all(isinstance(mark, str) for mark in document["follows"])
        and isinstance(document["number"], int)
        and _is_time(document["at"])
    )


def _is_time(text: Any) -> bool:
    try:
        return bool(stamp_of(text))
    except (TypeError, ValueError):
        return False


def verify_order(chain: Chain, files: Iterable[str], findings: Findings) -> None:
    """Find events that do not stand where they were written, and miss those that they follow. `files` are all."""
    named = sorted(_named(files, Findings()))
    there = {file.digest: file for file in named}
    counted: dict[str, int] = defaultdict(int)
    before: dict[EventFile, int] = {}
    for file in named:
        before[file] = counted[file.about]
        counted[file.about] += 1
    roots = [event for event in chain.events if not event.document["follows"]]
    for event in roots:
        if event is not roots[0] or event.about != RUN:
            findings.error("removed", event.file.path, "follows nothing, and is not the first", event.file.stamp)
    for event in chain.events:
        _check_parents(event, there, findings)
        if before[event.file] < event.document["number"] - 1:
            said = f"an event about {event.about!r} before {event.file.path} is not there"
            findings.error("removed", f"{AUDIT}/{event.about}", said, event.file.stamp)


def _check_parents(event: Signed, there: Mapping[str, EventFile], findings: Findings) -> None:
    path, stamp, at = event.file.path, event.file.stamp, event.document["at"]
    for mark in event.document["follows"]:
        if mark not in there:
            findings.error("removed", str(mark), f"the event {mark} is not there, and {path} follows it", stamp)
    parents = [there[mark].stamp for mark in event.document["follows"] if mark in there]
    if len(parents) < len(event.document["follows"]):
        return
    if stamp != next_stamp(at, parents):
        findings.error("moved", path, f"was written at {at}, and its name says otherwise", stamp)
    elif stamp != stamp_of(at):
        findings.warn("clock", path, f"was written at {at}, by a clock that is behind that of what it follows", stamp)


def print_key(key: Any) -> str:
    """Shorten a key for people, whatever stands in its place."""
    try:
        return fingerprint(str(key))
    except ValueError:
        return repr(key)
