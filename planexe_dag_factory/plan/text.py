"""Text of a plan, made safe to show: what is invisible or reorders a line is taken out.

Nothing is escaped here; whoever shows a text does that for the place where it stands.
"""

from __future__ import annotations

import re
import unicodedata

MAX_TITLE = 200
MAX_QUOTE = 80

# Controls but tab and line end, half surrogate pairs, bidirectional marks, embeddings, overrides and
# isolates, byte order marks, and tags (text that only a model sees).
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)
_LINE_ENDS = re.compile("\r\n?|[\x85\u2028\u2029]")


def clean(text: str) -> str:
    """Return a text of one or more lines in NFC, without control or invisible characters."""
    return unicodedata.normalize("NFC", _HIDDEN.sub("", _with_line_ends(text))).strip()


def clean_line(text: str) -> str:
    """Return a text in one line: `clean`, with every run of white space as one blank."""
    return " ".join(clean(text).split())


def hides_something(text: str) -> bool:
    """Say whether a text holds characters that `clean` takes out."""
    return _HIDDEN.search(_with_line_ends(text)) is not None


def shorten(text: str, limit: int) -> str:
    """Return a text cut to `limit` characters, the last one an ellipsis where it was longer."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def quote(text: str) -> str:
    """Quote a text of unknown origin inside a message: one line, short, nothing invisible."""
    return f"'{shorten(spell_out(clean_line(text[: MAX_QUOTE * 4])), MAX_QUOTE)}'"


def spell_out(text: str) -> str:
    """Return a text with an escape for each character that a terminal would obey or not show, line ends among them."""
    return "".join(map(_printed, text))


def _printed(character: str) -> str:
    """Spell a character out that no font has, or that has no width."""
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def _with_line_ends(text: str) -> str:
    return _LINE_ENDS.sub("\n", text)
