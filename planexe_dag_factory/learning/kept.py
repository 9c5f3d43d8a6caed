"""Small signed files beside the runs: what is learnt over all of them, without a lock and without a change in place.

What is not signed with a key of this installation was not learnt here, and does not count.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from planexe_agents.signing import SigningKey, is_signed_by, sign_document

from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.folder import RunFolder

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept:
    """A folder below one run root, and the public keys whose signatures count there."""

    folder: RunFolder
    keys: frozenset[str]

    @classmethod
    def below(cls, root: RunFolder, name: str, keys: frozenset[str]) -> Kept:
        """Open one of the folders of a run root."""
        return cls(root.at(name), keys)

    def add(self, document: Mapping[str, Any], key: SigningKey, *segments: str) -> None:
        """Keep a document under a name of its own. Raises RecordError where it cannot be written."""
        self.folder.create_json(sign_document(document, key), *segments)

    def names(self, *segments: str) -> list[str]:
        """List what is there, oldest first; a folder that cannot be read holds nothing, and stops nobody."""
        try:
            return self.folder.names(*segments)
        except RecordError:
            return []

    def read(self, *segments: str) -> Mapping[str, Any] | None:
        """Read a document; None where it is gone, broken or somebody else's."""
        try:
            document: Mapping[str, Any] = self.folder.read_json(*segments)
            return document if is_signed_by(document, self.keys) else None
        except (RecordError, KeyError, TypeError, AttributeError):
            return None

    def read_each(self, kind: type[T], names: Sequence[str], *segments: str) -> list[T]:
        """Read documents of one folder in one go, as the frozen values with slots whose members they hold.

        What is gone, broken, somebody else's or no such value is left out.
        """
        try:
            read = [self._parse(content) for content in self.folder.read_many(names, *segments)]
        except RecordError:  # one that cannot be read keeps no other from counting
            read = [self.read(*segments, name) for name in names]
        return [value for document in read if (value := _as(kind, document)) is not None]

    def _parse(self, content: bytes) -> Mapping[str, Any] | None:
        try:
            document: Mapping[str, Any] = json.loads(content)
            return document if is_signed_by(document, self.keys) else None
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
            return None

    def remove(self, *segments: str) -> None:
        """Forget a document."""
        self.folder.remove(*segments)


def _as(kind: type[T], document: Mapping[str, Any] | None) -> T | None:
    try:
        return kind(**{part: document[part] for part in kind.__slots__}) if document else None  # type: ignore[attr-defined] # it has slots
    except KeyError:
        return None  # somebody else's
