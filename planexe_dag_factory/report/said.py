"""What agents and people wrote, made safe to show: cut to size, and Markdown that can only be text.

No HTML, link, image or heading comes out of it, so that what an agent writes can neither act nor
look like a part of the page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from pydantic import BaseModel, ValidationError

from planexe_dag_factory.report.words import visible

LETTERS = 2400
"""How much of one result a report shows; the record holds the whole."""
ROWS, COLUMNS = 12, 7
"""How many records make a table that can be read."""
IN_THE_DOCUMENT = frozenset({"markdown", "narrative", "sections", "title", "kind"})
"""What a result with a document says again in it."""
SHORT = 320
"""How much of a result its short form holds."""
NOT_TOLD = frozenset({"seed", "draws", "histogram", "id"})
"""What is in a result for machines."""
FIRST = ("title", "name", "step", "text", "quote", "description", "kind")
LAST = ("source", "id")
"""The order of columns: what a record is about comes first, where it is from last, the rest as it was sent."""
ASIDE = frozenset({"coverage", "gaps", "figures", "missing"})
"""Members that are told after the others: how good the result is, not what it is."""
EXAMPLES = 2
DEPTH = 6
CUT = "…"

MARKS = re.compile(r"^(?:[-*+>]|\d+[.)])\s+|\*\*|`|\\(?=[^\w\s]|_)")
"""What of Markdown does not belong into a line of text."""

_MARKDOWN = (
    MarkdownIt("commonmark", {"html": False})
    .enable("table")
    .disable(["html_block", "html_inline", "link", "image", "autolink", "reference", "hr"])
)


def markdown(text: str) -> Markup:
    """Render Markdown; headings come out as bold paragraphs."""
    tokens = [_tamed(token) for token in _MARKDOWN.parse(visible(text))]
    # What markdown-it renders with html off is escaped; this is the one place that says so.
    return Markup(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))  # noqa: S704 - see above


def _tamed(token: Token) -> Token:
    if token.type in ("heading_open", "heading_close"):
        token.tag = "p"
        token.attrs = {"class": "said-heading"} if token.nesting == 1 else {}
    elif token.type == "fence":
        token.info = ""
    return token


class _Cited(BaseModel):
    source: str


class _Claim(BaseModel):
    text: str
    cites: tuple[_Cited, ...] = ()


class _Section(BaseModel):
    heading: str
    claims: tuple[_Claim, ...]


class _Narrative(BaseModel):
    """What a language model wrote around a result, as the agents of the package send it."""

    model: str
    sections: tuple[_Section, ...]

    @property
    def prose(self) -> str:
        return "\n\n".join("\n".join((f"# {one.heading}", "", *map(_line, one.claims))) for one in self.sections)


@dataclass(frozen=True, slots=True)
class Told:
    """A result as people read it: a text (Markdown) that `model` worded, if any, and the rest; `cut`: it is not all."""

    prose: str
    model: str
    rest: Any
    cut: bool


def tell(said: Mapping[str, Any]) -> Told:
    """Take a result apart into text and figures, and cut it to size."""
    narrative = _narrative(said.get("narrative"))
    document = said.get("markdown")
    prose, shown = "", frozenset[str]()
    if isinstance(document, str):
        prose, shown = document, IN_THE_DOCUMENT
    elif narrative:
        prose, shown = narrative.prose, frozenset({"narrative"})
    rest = {name: part for name, part in said.items() if name not in shown}
    text, room = shorten(prose) if prose else ("", LETTERS)
    kept, room = shorten(rest, room) if room > 0 else ({}, room - len(rest))
    return Told(text, narrative.model if narrative else "", kept, room < 0)


def records(value: Any) -> tuple[str, ...]:
    """Return the names of the columns where a list is one of records that make a table; else nothing."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) < 2:  # noqa: PLR2004 - one is no table
        return ()
    first = value[0]
    if not isinstance(first, Mapping) or not 0 < len(first) <= COLUMNS:
        return ()
    alike = all(
        isinstance(one, Mapping) and one.keys() <= first.keys() and all(map(_is_plain, one.values())) for one in value
    )
    return tuple(sorted((name for name in first if name not in NOT_TOLD), key=_place)) if alike else ()


def _place(column: str) -> int:
    if column in FIRST:
        return FIRST.index(column)
    return len(FIRST) + 1 + LAST.index(column) if column in LAST else len(FIRST)


def in_short(said: Mapping[str, Any]) -> str:
    """Say in a few lines what a result is: the beginning of its text, or what its members hold."""
    told = tell(said)
    if told.prose:
        lines = (line.strip() for line in told.prose.splitlines())
        text = " ".join(MARKS.sub("", line) for line in lines if line and not line.startswith(("#", "|")))
    else:
        members = sorted(said.items(), key=lambda member: member[0] in ASIDE)
        parts = ((name, _brief(part)) for name, part in members if name not in NOT_TOLD and name != "narrative")
        text = "; ".join(f"{name.replace('_', ' ')}: {part}" for name, part in parts if part)
    cut = " ".join(text.split())
    return cut if len(cut) <= SHORT else cut[:SHORT].rstrip() + CUT


def _brief(value: Any) -> str:
    """Say a member of a result on a line; of many things, the first few."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        plain = ((name, part) for name, part in value.items() if name not in NOT_TOLD and _is_plain(part))
        return ", ".join(f"{name.replace('_', ' ')} {part}" for name, part in plain)
    if isinstance(value, Sequence) and not isinstance(value, str):
        rest = f" and {len(value) - EXAMPLES} more" if len(value) > EXAMPLES else ""
        return ", ".join(one.rstrip(" .,;") for one in map(_example, value[:EXAMPLES]) if one) + rest
    return "" if value is None else str(value)


def _example(one: Any) -> str:
    if not isinstance(one, Mapping):
        return CUT if isinstance(one, list | tuple) else _brief(one)
    known = next((str(one[name]) for name in FIRST if isinstance(one.get(name), str)), "")
    return known or _brief(one)


def _is_plain(value: Any) -> bool:
    return not isinstance(value, Mapping | list | tuple) and "\n" not in str(value)


def _line(claim: _Claim) -> str:
    sources = dict.fromkeys(cited.source for cited in claim.cites)
    return f"- {claim.text} [{'; '.join(sources)}]"


def _narrative(value: Any) -> _Narrative | None:
    try:
        return _Narrative.model_validate(value)
    except ValidationError:
        return None


def shorten(value: Any, letters: int = LETTERS, depth: int = DEPTH) -> tuple[Any, int]:
    """Cut a JSON value to a number of letters; return it and the room left, below 0 where it was cut."""
    if depth == 0:
        return CUT, -1
    if isinstance(value, str):
        return (value, letters - len(value)) if len(value) <= letters else (value[:letters].rstrip() + CUT, -1)
    if isinstance(value, Mapping):
        return _shorten_mapping(value, letters, depth)
    if isinstance(value, Sequence):
        return _shorten_sequence(value, letters, depth)
    return value, letters - 1


def _shorten_mapping(value: Mapping[str, Any], room: int, depth: int) -> tuple[dict[str, Any], int]:
    kept: dict[str, Any] = {}
    for name, part in value.items():
        if room <= 0:
            return kept, -1
        key, room = shorten(name, room)
        kept[key], room = shorten(part, room, depth - 1)
    return kept, room


def _shorten_sequence(value: Sequence[Any], room: int, depth: int) -> tuple[list[Any], int]:
    kept: list[Any] = []
    for part in value:
        if room <= 0:
            return kept, -1
        short, room = shorten(part, room, depth - 1)
        kept.append(short)
    return kept, room
