"""How two snapshots differ, on a screen: values are shortened here, after they were compared whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from rich.text import Text

from planexe_dag_factory.cli import console
from planexe_dag_factory.record.differences import Difference

SHOWN = 100
MOST_FIELDS = 8


def print_differences(found: Iterable[Difference]) -> None:
    """Print what differs by part and step; `-` is what the first says, `+` the second."""
    rows = list(found)
    if not rows:
        console.out.print("They say the same.")
    for (part, about), group in groupby(rows, key=lambda one: (one.part, one.about)):
        console.out.print(Text(f"{part}: {about}", style="bold"))
        differences = list(group)
        for one in differences[:MOST_FIELDS]:
            _print(one)
        if len(differences) > MOST_FIELDS:
            console.out.print(f"  and {len(differences) - MOST_FIELDS} more: see --json")


def _print(one: Difference) -> None:
    before, after = (_said(one.part, value) if not one.field else shorten(value) for value in (one.before, one.after))
    if one.field:
        console.out.print(f"  {one.field}")
    indent = "    " if one.field else "  "
    if one.before is not None:
        console.out.print(Text(f"{indent}- {before}", style="red"))
    if one.after is not None:
        console.out.print(Text(f"{indent}+ {after}", style="green"))


def _said(part: str, value: Any) -> str:
    """Say in a line what only one of the two has."""
    if isinstance(value, Mapping) and part in ("result", "decision"):
        what = value.get("status") or value.get("decision") or value.get("option")
        by = value.get("by") or {}
        return f"{what} by {by['id']}" if "id" in by else f"{what}: {shorten(value.get('why', ''))}"
    if isinstance(value, Mapping) and part == "plan":
        return shorten(value.get("title", value))
    return shorten(value)


def shorten(value: Any) -> str:
    """Write a value in a line; what is cut off is counted."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}… ({len(line) - SHOWN} characters more: see --json)"
