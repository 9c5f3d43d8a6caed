"""The head of a record: what it held at a time, noted where nobody can write who can write the record.

The folder alone cannot tell a record that was cut back from one of a run that is under way. A head can: it names the
events that no other followed, and by their digests they hold fast all that came before. See docs/record.md.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.chain import Chain
from planexe_dag_factory.record.events import AUDIT
from planexe_dag_factory.record.findings import Findings
from planexe_dag_factory.record.manifest import seal_marks
from planexe_dag_factory.record.statements import STATEMENT

SEALING = ("snapshot", "run-sealed")


@dataclass(frozen=True, slots=True)
class Head:
    """How many events, their root, the digests of the `last`, which none follows, and that of the last seal."""

    run: str
    count: int
    root: str
    last: tuple[str, ...]
    seal: str | None = None

    def as_json(self) -> dict[str, Any]:
        events = {"count": self.count, "root": self.root}
        return {"run": self.run, "events": events, "last": list(self.last), "seal": self.seal}


def head_of(run: str, chain: Chain) -> Head:
    """Return the head of a run's record as it is."""
    followed = {mark for event in chain.events for mark in event.document["follows"]}
    last = tuple(sorted(chain.by_digest.keys() - followed))
    return Head(run, **seal_marks(chain.by_digest), last=last, seal=next(reversed(_seals(chain)), None))


def read_heads(text: str) -> tuple[Head, ...]:
    """Read what `audit verify --json` or `audit export` wrote. Raises RecordError where it is neither."""
    try:
        return tuple(map(_read, _documents(text)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RecordError(
            f"it is neither what `audit verify --json` nor what `audit export` writes ({type(error).__name__}: {error})"
        ) from error


def verify_head(head: Head, run: str, chain: Chain, findings: Findings) -> None:
    """Find what a record had when its head was noted, and does not have any more."""
    if head.run != run:
        findings.error("moved", AUDIT, f"is that of {run}, and the head that was noted is of {head.run}")
    gone = [mark for mark in head.last if mark not in chain.by_digest]
    held = seal_marks(chain.up_to(head.last))
    if gone:
        said = f"lacks {len(gone)} of the {len(head.last)} last events of the head that was noted, such as {gone[0]}"
        findings.error("removed", AUDIT, said)
    elif head.seal and head.seal not in _seals(chain):
        findings.error("removed", AUDIT, f"lacks the event of the seal {head.seal}, which was noted")
    elif held != {"count": head.count, "root": head.root}:
        said = f"holds {held['count']} events up to the head that was noted, which has {head.count}: root {head.root}"
        findings.error("changed", AUDIT, said)


def _seals(chain: Chain) -> list[str]:
    sealing = (event.document["digests"] for event in chain.events if event.action in SEALING)
    return [mark for digests in sealing for mark in digests.values()]


def _documents(text: str) -> Iterator[Any]:
    """Yield the one JSON document that a text is, or those on its lines."""
    try:
        yield json.loads(text)
    except ValueError:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:  # noqa: PLR2004 - one line is the document that was no JSON
            raise
        yield from map(json.loads, lines)


def _read(document: Mapping[str, Any]) -> Head:
    if "payload" in document:
        document = json.loads(base64.b64decode(document["payload"], validate=True))
    if document.get("_type") == STATEMENT:
        return _of_statement(document)
    told = document["head"]
    last = tuple(map(str, told["last"]))
    return Head(str(told["run"]), int(told["events"]["count"]), str(told["events"]["root"]), last, told["seal"])


def _of_statement(statement: Mapping[str, Any]) -> Head:
    """Take all events that a snapshot sealed as the last."""
    told = statement["predicate"]
    sealed = (one for one in statement["subject"] if one["name"].startswith(f"{AUDIT}/"))
    marks = tuple(f"sha256:{one['digest']['sha256']}" for one in sealed)
    if seal_marks(marks) != told["events"]:
        raise ValueError("its events are not those that it counts")
    return Head(str(told["run"]), **told["events"], last=marks, seal=told["manifest"]["digest"])
