"""Text of a plan, made safe to show: what is invisible or reorders a line is taken out.

Nothing is escaped here; whoever shows a text does that for the place where it stands.
"""

from __future__ import annotations

import re
import unicodedata

MAX_TITLE = 200
MAX_QUOTE = 80

# Controls but tab and line end, half surrogate pairs, soft hyphens, letters without a shape, marks, embeddings,
# overrides and isolates of the writing direction, separators of lines, byte order marks, and tags (text that only a
# model sees). The pages name the same ones (`DECEPTIVE` in dom.js). Joiners are at home in some scripts and in emoji.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_JOINED = re.compile("(?s)(?<=(.))[\u200c\u200d](?=(.))")
_LINE_ENDS = re.compile("\r\n?|[\x85\u2028\u2029]")


def clean(text: str) -> str:
    """Return a text of one or more lines in NFC, without control or invisible characters."""
    return unicodedata.normalize("NFC", replace_hidden(_with_line_ends(text), "")).strip()


def clean_line(text: str) -> str:
    """Return a text in one line: `clean`, with every run of white space as one blank."""
    return " ".join(clean(text).split())


def replace_hidden(text: str, by: str) -> str:
    """Return a text with something else for each character that is not seen, or turns others round.

    A joiner between Latin letters, digits or signs is one: it joins nothing there.
    """
    seen = _HIDDEN.sub(lambda _: by, text)
    return _JOINED.sub(lambda match: by if _joins_nothing(*match.groups()) else match.group(), seen)


def _joins_nothing(before: str, after: str) -> bool:
    return _is_plain(before) and _is_plain(after)


def _is_plain(character: str) -> bool:
    """Say whether a character is a Latin letter, a digit or a sign of punctuation."""
    category = unicodedata.category(character)[0]
    return category in "NP" or (category == "L" and "LATIN" in unicodedata.name(character, ""))


def hides_something(text: str) -> bool:
    """Say whether a text holds characters that `clean` takes out."""
    text = _with_line_ends(text)
    return replace_hidden(text, "") != text


def shorten(text: str, limit: int) -> str:
    """Return a text cut to `limit` characters, the last one an ellipsis where it was longer."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def quote(text: str) -> str:
    """Quote a text of unknown origin inside a message: one line, short, what is invisible spelled out."""
    line = " ".join(_with_line_ends(text[: MAX_QUOTE * 4]).split())
    return f"'{shorten(spell_out(line), MAX_QUOTE)}'"


def spell_out(text: str) -> str:
    """Return a text with an escape for each character that a terminal would obey or not show, line ends among them."""
    return "".join(map(_printed, text))


def _printed(character: str) -> str:
    """Spell a character out that no font has, or that has no width."""
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def _with_line_ends(text: str) -> str:
    return _LINE_ENDS.sub("\n", text)
