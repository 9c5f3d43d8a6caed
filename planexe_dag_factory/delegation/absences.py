"""Who is away, and who answers for them meanwhile: signed files beside the runs, which workers can read.

    <run root>/absences/<time>+<user>+<mark>.json

The newest of a user counts; one without a deputy says that they are back. What the orchestrator did not sign, and what
was put under another time than it was signed for, says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from planexe_agents.signing import SigningKey, digest

from planexe_dag_factory.learning.kept import Kept
from planexe_dag_factory.record.events import stamp_of
from planexe_dag_factory.record.folder import RunFolder

FOLDER = "absences"
NAME = re.compile(r"(\d{8}T\d{12})\+([A-Za-z0-9._-]+)\+[0-9a-f]{8}\.json")
_UNFIT = re.compile(r"[^A-Za-z0-9._-]")
_PARTS = ("user", "deputy", "since", "until", "kinds", "by", "at")


@dataclass(frozen=True, slots=True)
class Absence:
    """`user` is away from `since` until `until` (ISO 8601), and `deputy` answers for them; without one they are back.

    `kinds` of tickets that the deputy answers: none named, all. `by` said so `at` that time. `signed` is the document
    as it was kept.
    """

    user: str
    deputy: str
    since: str
    until: str
    kinds: Sequence[str]
    by: Mapping[str, Any]
    at: str
    signed: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def holds(self, at: datetime, kind: str | None = None) -> bool:
        """Say whether somebody answers for them at that time, tickets of a kind."""
        away = datetime.fromisoformat(self.since) <= at < datetime.fromisoformat(self.until)
        return bool(self.deputy) and away and (kind is None or not self.kinds or kind in self.kinds)

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "signed"}


@dataclass(frozen=True, slots=True)
class Absences:
    """The absences below one run root."""

    kept: Kept

    @classmethod
    def below(cls, root: RunFolder, keys: frozenset[str]) -> Absences:
        return cls(Kept.below(root, FOLDER, keys))

    def add(self, absence: Absence, key: SigningKey) -> None:
        """Keep an absence, which counts from now. Raises RecordError where it cannot be written."""
        document = absence.as_json() | {"kinds": list(absence.kinds)}
        mark = digest(document).removeprefix("sha256:")[:8]
        self.kept.add(document, key, f"{stamp_of(absence.at)}+{_called(absence.user)}+{mark}.json")

    def of(self, users: Collection[str], at: datetime) -> tuple[Absence, ...]:
        """Return the absences of these users that held at a time, as they were known then."""
        newest = self._newest(at, frozenset(map(_called, users)))
        return tuple(one for one in newest if one.user in users and one.holds(at))

    def all(self, at: datetime) -> tuple[Absence, ...]:
        """Return everybody's that held at a time."""
        return tuple(one for one in self._newest(at) if one.holds(at))

    def coming(self, at: datetime) -> tuple[Absence, ...]:
        """Return everybody's that has not ended at a time, begun or not."""
        return tuple(one for one in self._newest(at) if one.deputy and datetime.fromisoformat(one.until) > at)

    def _newest(self, at: datetime, called: Collection[str] | None = None) -> Iterator[Absence]:
        """Yield what was said last of each user by that time; or only of those who are called so."""
        by_user: dict[str, list[str]] = {}
        for name in self.kept.names():
            match = NAME.fullmatch(name)
            if match and match[1] <= stamp_of(at.isoformat()) and (called is None or match[2] in called):
                by_user.setdefault(match[2], []).append(name)
        for _, names in sorted(by_user.items()):
            if found := next(filter(None, map(self._read, reversed(names))), None):
                yield found

    def _read(self, name: str) -> Absence | None:
        document = self.kept.read(name)
        try:
            if document is None or not _is_named(document, name):
                return None
            return Absence(**{part: document[part] for part in _PARTS}, signed=document)
        except (KeyError, TypeError, ValueError):
            return None  # signed, and no absence


def _is_named(document: Mapping[str, Any], name: str) -> bool:
    """Say whether a file lies where it was kept: an old one must not be put back as a newer one."""
    return name.startswith(f"{stamp_of(document['at'])}+{_called(document['user'])}+")


def _called(user: str) -> str:
    """Name a user in a file's name: to be read, and no other user's."""
    return f"{_UNFIT.sub('-', user)[:60]}-{digest(user).removeprefix('sha256:')[:8]}"
