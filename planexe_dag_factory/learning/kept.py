"""Small signed files beside the runs: what is learnt over all of them, without a lock and without a change in place.

What is not signed with a key of this installation was not learnt here, and does not count.
"""

from __future__ import annotations

from collections.abc import Mapping
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

    def read_as(self, kind: type[T], *segments: str) -> T | None:
        """Read a document as the frozen value with slots whose members it holds; None where it is not one of those."""
        document = self.read(*segments)
        try:
            return kind(**{part: document[part] for part in kind.__slots__}) if document else None  # type: ignore[attr-defined] # it has slots
        except KeyError:
            return None  # somebody else's

    def remove(self, *segments: str) -> None:
        """Forget a document."""
        self.folder.remove(*segments)
