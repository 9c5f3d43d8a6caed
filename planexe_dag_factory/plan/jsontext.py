"""JSON read strictly, with the line of every value.

Python's own parser does the reading. What it lets pass (names given twice, NaN, numbers that other
readers cannot keep, half a surrogate pair) is refused here, as I-JSON (RFC 7493) asks. Size, depth and count are
capped before it starts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from planexe_dag_factory.errors import Problem, Where
from planexe_dag_factory.plan.text import quote

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 200_000
MAX_INTEGER = 2**53 - 1  # RFC 7493, section 2.2

Path = tuple[str | int, ...]
"""Names and indexes that lead from the top of a document to a value."""

# Possessive, and a string may lack its end: linear in the length of any input, valid or not.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]|[^\s,:\[\]{}"]++', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")


@dataclass(frozen=True)
class JsonText:
    """A parsed document, the name of the file it came from, and the line (1-based) of every value."""

    name: str
    value: Any
    lines: Mapping[Path, int] = field(repr=False)

    def where(self, path: Path = ()) -> Where:
        """Say where a value is; a value that is missing has the line of what should hold it."""
        known = path
        while known not in self.lines:
            known = known[:-1]
        return Where(self.name, json_path(path), self.lines[known])


def json_path(path: Path) -> str:
    """Write a path as JSONPath: `$.steps[3].id`."""
    return "$" + "".join(map(_segment, path))


def parse_json(data: bytes, name: str) -> tuple[JsonText | None, tuple[Problem, ...]]:
    """Parse UTF-8 JSON, with or without a byte order mark; None and the reasons where it is not strict JSON."""
    if len(data) > MAX_BYTES:
        return None, (_problem(name, "too-large", f"the file has {len(data):,} bytes; at most {MAX_BYTES:,} are read"),)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte {error.start} (0x{data[error.start]:02x}) is not UTF-8"
        return None, (_problem(name, "not-utf8", message, line, "save the file as UTF-8"),)
    if not text.strip():
        return None, (_problem(name, "not-json", "the file is empty"),)
    if limit := _limit_passed(text):
        return None, (_problem(name, "too-complex", limit),)
    return _parse(text, name)


def _parse(text: str, name: str) -> tuple[JsonText | None, tuple[Problem, ...]]:
    try:
        value = json.loads(text, parse_int=_integer, parse_float=_number, parse_constant=_number)
    except json.JSONDecodeError as error:
        message = f"not JSON: {error.msg.lower().removesuffix(' starting at')} (column {error.colno})"
        cut_off = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        hint = "the file seems to be cut off" if cut_off else None
        return None, (_problem(name, "not-json", message, error.lineno, hint),)
    except RecursionError:
        return None, (_problem(name, "too-complex", f"nested deeper than {MAX_DEPTH} levels"),)
    places = tuple(_places(text))
    faults = tuple(_faults(places, name))
    return (None, faults) if faults else (JsonText(name, value, {place.path: place.line for place in places}), ())


def _limit_passed(text: str) -> str | None:
    depth = nodes = 0
    for match in _TOKEN.finditer(text):
        first = match[0][0]
        depth += (first in "[{") - (first in "]}")
        nodes += first not in "]}"
        if depth > MAX_DEPTH:
            return f"nested deeper than {MAX_DEPTH} levels"
        if nodes > MAX_NODES:
            return f"more than {MAX_NODES:,} names and values"
    return None


@dataclass(slots=True)
class _Open:
    """An object or array that the walk is inside of; `slot` is the next index, or the name just read."""

    path: Path
    is_object: bool
    slot: str | int | None

    def next_path(self) -> Path:
        slot = self.slot
        if slot is None:
            raise AssertionError("a value without a name in valid JSON")
        self.slot = None if isinstance(slot, str) else slot + 1
        return (*self.path, slot)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value of a document is; `word` is the text of a scalar, or the opening bracket."""

    path: Path
    word: str
    line: int


def _places(text: str) -> Iterator[_Place]:
    """Yield the place of every value of valid JSON, from top to bottom."""
    inside: list[_Open] = []
    line, counted = 1, 0
    for match in _TOKEN.finditer(text):
        word = match[0]
        if word in {"]", "}"}:
            inside.pop()
            continue
        top = inside[-1] if inside else None
        if top and top.is_object and top.slot is None:
            top.slot = json.loads(word) if "\\" in word else word[1:-1]
            continue
        line, counted = line + text.count("\n", counted, match.start()), match.start()
        place = _Place(top.next_path() if top else (), word, line)
        yield place
        if word in {"[", "{"}:
            inside.append(_Open(place.path, word == "{", None if word == "{" else 0))


def _faults(places: Iterable[_Place], name: str) -> Iterator[Problem]:
    seen: set[Path] = set()
    twice: set[Path] = set()
    for place in places:
        fault = _scalar_fault(place.word) or _name_fault(place.path)
        if place.path in seen:
            if place.path[:-1] not in twice:
                fault = "duplicate-key", f"the name {quote(str(place.path[-1]))} is given twice; keep one of them"
            twice.add(place.path)
        seen.add(place.path)
        if fault:
            yield Problem("error", *fault, Where(name, json_path(place.path), place.line))


def _name_fault(path: Path) -> tuple[str, str] | None:
    broken = path and isinstance(path[-1], str) and _SURROGATE.search(path[-1])
    return ("bad-text", "the name holds half a surrogate pair (\\ud800 to \\udfff)") if broken else None


def _scalar_fault(token: str) -> tuple[str, str] | None:
    if token.startswith('"'):
        broken = _SURROGATE_ESCAPE.search(token) and _SURROGATE.search(json.loads(token))
        return ("bad-text", "the text holds half a surrogate pair (\\ud800 to \\udfff)") if broken else None
    if token in {"NaN", "Infinity", "-Infinity"}:
        return "bad-number", f"{token} is not a JSON number"
    if token[0] in "-0123456789" and _number(token) is None:
        return "bad-number", f"the number {quote(token)} is too large to be kept exactly"
    return None


def _integer(digits: str) -> int | None:
    if len(digits) > len(str(-MAX_INTEGER)):
        return None
    value = int(digits)
    return value if abs(value) <= MAX_INTEGER else None


def _number(token: str) -> float | int | None:
    """Read a number; None where it is not finite, or an integer that a float cannot hold exactly."""
    if token.lstrip("-").isdecimal():
        return _integer(token)
    value = float(token)
    return value if math.isfinite(value) else None


def _segment(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if _PLAIN_NAME.fullmatch(part) else f"[{quote(part)}]"


def _problem(name: str, code: str, message: str, line: int | None = None, hint: str | None = None) -> Problem:
    return Problem("error", code, message, Where(name, None, line), hint)
