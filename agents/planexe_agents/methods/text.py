"""Texts of a plan as terms, passages and sentences."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

PASSAGE_CHARS = 600
WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
BLOCK = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*+•|#{\[]|\d+[.)]\s))")
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"'(\[]?[^\W\d_a-z])")
MARKS = re.compile(r"^[\s#>*+•|-]+|\*\*|__|`| ?\| ?$")
JSON_START = re.compile(r"\s*(?:[\w.-]{1,40}:\s*)?(?=[\[{])")
JSON_TEXT = re.compile(r'"(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"(?P<key>\s*+:)?')
# The first group is grammar; the second is how tasks are worded, which says nothing about their subject.
STOP_WORDS = frozenset(
    """
    a about above after all also an and any are as at be been before being between both but by can could do does
    during each either etc for from had has have how if in including into is it its may more most must no nor not of
    off on once only or other our out over own per shall should so some such than that the their them then there these
    they this those through to under until up upon use used using very via was we were what when where whether which
    while who will with within without would you your

    achieve achieved activity address against analyse analyze appropriate assess assessing assessment aspect available
    based carry clear collect compile complete comprehensive conduct consider create define defined defining deliver
    deliverable describe detailed determine develop developing development different document documentation effective
    effectively ensure ensuring establish established evaluate explain gather gathering identify identified identifying
    implement include involve key list made make necessary need needed objective opportunity outline perform performed
    plan potential prepare process project provide related relevant report required research result review reviewing
    select selected selecting set specific step support task thorough various well
    """.split()  # noqa: SIM905 - a list literal would be three times as long
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph, list item or table row of a source, and its terms."""

    source: str
    text: str
    terms: tuple[str, ...]


def terms(text: str) -> tuple[str, ...]:
    """Return the words that carry meaning, in order, lower-case and without plural endings."""
    words = (match.group().lower() for match in WORD.finditer(text))
    stems = (stem(word) for word in words if word not in STOP_WORDS and len(word) > 1)
    return tuple(word for word in stems if word not in STOP_WORDS)


def stem(word: str) -> str:
    """Take a plural ending off: the S-stemmer of Harman, "How effective is suffixing?", JASIS 42(1), 1991."""
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")):
        return word[:-1]
    return word


def sentences(text: str) -> tuple[str, ...]:
    """Split prose at the ends of its sentences."""
    return tuple(part.strip() for part in SENTENCE.split(" ".join(text.split())) if part.strip())


@lru_cache(maxsize=128)  # the steps of one plan come with the same documents
def passages(source: str, text: str) -> tuple[Passage, ...]:
    """Split a document into passages of about 600 characters at most. JSON is read for the texts in it."""
    found = (MARKS.sub("", " ".join(block.split())) for block in _blocks(text))
    pieces = (piece for block in found for piece in _pieces(block))
    split = (Passage(source, piece, terms(piece)) for piece in pieces)
    return tuple(dict.fromkeys(passage for passage in split if passage.terms))


def _blocks(text: str, depth: int = 3) -> Iterator[str]:
    """Yield paragraphs, items and rows. PlanExe nests JSON, whole or cut off, in texts, and texts in JSON."""
    if depth and JSON_START.match(text):
        for part in _texts_of_json(JSON_START.sub("", text)):
            yield from _blocks(part, depth - 1)
        return
    for block in BLOCK.split(text):
        yield from _blocks(block, depth - 1) if depth and JSON_START.match(block) else (block,)


def _texts_of_json(text: str) -> Iterator[str]:
    try:
        return iter(tuple(strings(json.loads(text))))
    except (ValueError, RecursionError):
        return (json.loads(match.group(), strict=False) for match in JSON_TEXT.finditer(text) if not match["key"])


def strings(document: Any) -> Iterator[str]:
    """Yield every text in a JSON document; numbers come with the name they have there."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for name, value in document.items():
            yield from (f"{name}: {value}",) if _is_number(value) else strings(value)
    elif isinstance(document, list):
        for value in document:
            yield from strings(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _pieces(block: str) -> Iterator[str]:
    piece = ""
    for sentence in sentences(block):
        if piece and len(piece) + len(sentence) > PASSAGE_CHARS:
            yield piece
            piece = ""
        piece = f"{piece} {sentence}".strip()
    if piece:
        yield piece
