"""Plan text as words: stems, clauses, and the deliverables that a description names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

MAX_TEXT = 4_000
"""Characters of a description that count; the rest says nothing new about the kind of work."""

_WORD = re.compile(r"[a-z]+")
_CLAUSE = re.compile(r"[.;,:\n]|\b(?:and|including|includes?|involves?|by|to)\b|\d+\.", re.IGNORECASE)
_DELIVERABLES = re.compile(r"\bdeliverables?\s*:(.*)", re.IGNORECASE | re.DOTALL)
_SUFFIXES = (
    *("ations", "ation", "ements", "ement", "ments", "ment", "ings", "ing", "ions", "ion"),
    *("ies", "ers", "er", "ed", "es", "s", "e", "y"),
)
_SHORTEST_STEM = 3
_SILENT_WORDS = """
    a an and any are as at be been being both by can could each every for from has have how in into is it its may must
    no not of on or other should so such than that the their them these they this those through to was were what when
    where which while who will with within would necessary relevant appropriate ensure ensuring include includes
    including involve involves involving objective scope step steps deliverable deliverables e g i etc
"""
_SILENT = frozenset(_SILENT_WORDS.split())


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """Cut the ending off a lower-case English word, so that install, installing and installation meet."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST_STEM:
            return word[: -len(suffix)]
    return word


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, in order."""
    return _WORD.findall(text[:MAX_TEXT].lower())


def telling_words(text: str) -> list[str]:
    """Return the words of a text that say something about the work: no articles, prepositions and the like."""
    return [word for word in words(text) if word not in _SILENT]


def clauses(text: str) -> Iterator[list[str]]:
    """Yield the telling words of each clause: of what stands between commas, `and`, `including` and the like."""
    for clause in _CLAUSE.split(text[:MAX_TEXT]):
        if found := telling_words(clause):
            yield found


def deliverables(text: str) -> str:
    """Return what a description lists after `Deliverables:`; empty where it lists nothing."""
    found = _DELIVERABLES.search(text[:MAX_TEXT])
    return found.group(1) if found else ""
