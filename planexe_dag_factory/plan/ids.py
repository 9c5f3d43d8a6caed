"""Ids that people can read, and that stay the same when PlanExe generates a plan again.

An id is made of titles alone: never of PlanExe's ids (fresh at every generation), of a hash seed
or of the order of a list whose order means nothing.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

ID_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,99}$"
MAX_ID = 100
MAX_SLUG = 60
MAX_PREFIX = MAX_ID - MAX_SLUG - 1

Kind = Literal["phase", "package", "step"]


@dataclass(frozen=True, slots=True)
class Titled:
    """Something that needs an id; `parent` is its parent's index in the list that holds both."""

    kind: Kind
    title: str
    parent: int | None = None


def slug(title: str) -> str:
    """Spell a title with `a-z`, `0-9` and `-`, in at most 60 characters, cut between words.

    A title without any ASCII letter becomes `x-` and eight hex digits of its SHA-256.
    """
    plain = unicodedata.normalize("NFKD", title.casefold()).encode("ascii", "ignore").decode()
    if not re.search("[a-z]", plain):
        folded = unicodedata.normalize("NFC", title).casefold()
        return "x-" + hashlib.sha256(folded.encode("utf-8", "replace")).hexdigest()[:8]
    return _shorten(re.sub("[^a-z0-9]+", "-", plain).strip("-"), MAX_SLUG)


def is_id(text: str) -> bool:
    """Say whether a text may be an id, whoever wrote it."""
    return re.fullmatch(ID_PATTERN, text) is not None and "\n" not in text


def is_reserved(text: str) -> bool:
    """Say whether the DAG itself uses an id: `start`, `finish`, `plan` and the milestones of the phases."""
    return text in {"start", "finish", "plan"} or text.startswith("milestone-")


def assign_ids(items: Sequence[Titled]) -> tuple[str, ...]:
    """Give every item an id of its own, in the order of the items.

    Items whose slugs collide all take their parent's slug in front, so that none depends on which
    came first; those that still collide are numbered in the plan's order.
    """
    slugs = [_unreserved(item) for item in items]
    ids = list(slugs)
    for _ in range(2):  # a prefixed id may hit a slug that collided with nothing before
        shared = {name for name, count in Counter(ids).items() if count > 1}
        for index, item in enumerate(items):
            if ids[index] in shared and item.parent is not None:
                ids[index] = f"{_shorten(slugs[item.parent], MAX_PREFIX)}-{slugs[index]}"
    return _number(ids)


def free_id(wanted: str, taken: Mapping[str, object] | set[str]) -> str:
    """Return the id wanted, or the first of `<id>-2`, `<id>-3`, ... that is not taken."""
    number, candidate = 1, wanted
    while candidate in taken:
        number += 1
        candidate = _numbered(wanted, number)
    return candidate


def _unreserved(item: Titled) -> str:
    name = slug(item.title)
    return _shorten(f"{item.kind}-{name}", MAX_SLUG) if is_reserved(name) else name


def _number(ids: list[str]) -> tuple[str, ...]:
    counts = Counter(ids)
    taken = {name for name, count in counts.items() if count == 1}
    last: Counter[str] = Counter()
    numbered = []
    for name in ids:
        unique = name
        while counts[name] > 1 and (unique == name or unique in taken):
            last[name] += 1
            unique = _numbered(name, last[name])
        taken.add(unique)
        numbered.append(unique)
    return tuple(numbered)


def _numbered(name: str, number: int) -> str:
    tail = f"-{number}"
    return name[: MAX_ID - len(tail)].rstrip("-") + tail


def _shorten(name: str, limit: int) -> str:
    if len(name) <= limit:
        return name
    words, _, _ = name[: limit + 1].rpartition("-")
    return (words or name[:limit]).rstrip("-")
