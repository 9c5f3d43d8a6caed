"""Where words go: what was asked for to stdout, everything else to stderr; text of plans is never markup."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.text import Text

from planexe_dag_factory.errors import Problem, ProblemsError, Severity

out = Console(markup=False, highlight=False, emoji=False, soft_wrap=True)
err = Console(markup=False, highlight=False, emoji=False, soft_wrap=True, stderr=True)
_COLOURS: dict[Severity, str] = {"error": "red", "warning": "yellow", "info": "cyan"}


def print_json(document: Any, *, indent: int | None = 2) -> None:
    """Write JSON to stdout, and nothing but JSON."""
    sys.stdout.write(json.dumps(document, indent=indent, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_problems(name: str, problems: Iterable[Problem]) -> None:
    """Write everything that is wrong with an input to stderr, worst first."""
    found = ProblemsError(name, problems)
    if not found.problems:
        return
    first, *lines = str(found).splitlines()
    worst = found.problems[0].severity
    err.print(Text(first, style=f"bold {_COLOURS[worst]}"))
    for line in lines:
        err.print(Text(line, style="" if line.startswith("   ") else _COLOURS[worst]))


def print_error(message: object) -> None:
    err.print(Text(str(message), style="red"))


def note(message: str) -> None:
    """Say something that is not what was asked for."""
    err.print(Text(message))
