"""What agents and people wrote, made safe to show: cut to size, and Markdown that can only be text.

No HTML, link, image or heading comes out of it, so that what an agent writes can neither act nor
look like a part of the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from planexe_dag_factory.report.words import visible

LETTERS = 2400
"""How much of one result a report shows; the record holds the whole."""
DEPTH = 6
CUT = "…"

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
