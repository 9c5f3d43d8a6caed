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
BLOCK = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*+•|#]|\d+[.)]\s))")
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"'(\[]?[^\W\d_a-z])")
MARKS = re.compile(r"^[\s#>*+•|-]+|\*\*|__|`| ?\| ?$")
# The first group is grammar; the second is how tasks are worded, which says nothing about their subject.
STOP_WORDS = frozenset(
    """
    a about above after all also an and any are as at be been before being between both but by can could do does
    during each either etc for from had has have how if in including into is it its may more most must no nor not of
    off on once only or other our out over own per shall should so some such than that the their them then there these
    they this those through to under until up upon use used using very via was we were what when where whether which
    while who will with within without would you your

    achieve activity address appropriate assess assessment aspect based carry clear complete comprehensive conduct
    consider create define deliver describe detailed determine develop development different document documentation
    effective effectively ensure ensuring establish evaluate gather identify identified identifying implement include
    involve involves key list make necessary need needed outline perform plan potential prepare process project provide
    relevant required research review specific step support task various well
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
    return tuple(stem(word) for word in words if word not in STOP_WORDS and (len(word) > 1 or word.isdigit()))


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


def _blocks(text: str) -> Iterator[str]:
    if text.lstrip()[:1] in {"{", "["}:
        try:
            yield from strings(json.loads(text))
        except (ValueError, RecursionError):
            pass  # it only looked like JSON
        else:
            return
    yield from BLOCK.split(text)


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
