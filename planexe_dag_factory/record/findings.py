"""What verification finds, in the order of the record: the first finding is the first thing that is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from planexe_dag_factory.errors import Problem, Severity, Where

Code = Literal[
    "changed",
    "removed",
    "added",
    "moved",
    "foreign-key",
    "unsealed",
    "ungated",
    "unfounded",
    "unlinked",
    "clock",
    "unfinished",
]
_LAST = "~"
_DRAFT = re.compile(r"(?:.*/)?\.[^/]+\.[0-9a-f]{8}")
HINTS: dict[Code, str] = {
    "changed": "compare it with a backup; what follows it rests on what it said before",
    "removed": "bring it back from a backup",
    "added": "nobody who keeps this record wrote it: take it out",
    "moved": "events stand in the order in which they were written, each run in its own folder: give it back its name",
    "foreign-key": "ask who holds this key; give every key that may sign with --keys",
    "unsealed": "wait a moment where the run ends just now; else the seal is lost",
    "ungated": "nobody had approved it by then",
    "unfounded": "it is signed, and cannot have happened so: ask who else could use the orchestrator's key",
    "unlinked": "put both records into one folder to look at both",
    "clock": "check that the machines keep the same time",
    "unfinished": "a process was killed while it wrote this; it holds nothing that counts",
}


@dataclass(slots=True)
class Findings:
    """Collects problems, each with the stamp of the event that it concerns; one for each file is enough."""

    _found: dict[str, tuple[str, Problem]] = field(default_factory=dict)

    def error(self, code: Code, path: str, message: str, stamp: str = _LAST) -> None:
        self._add("error", code, path, message, stamp)

    def warn(self, code: Code, path: str, message: str, stamp: str = _LAST) -> None:
        self._add("warning", code, path, message, stamp)

    def stranger(self, path: str, message: str) -> None:
        """Find a file that nobody speaks of: what a killed process left behind, or something that was added."""
        if _DRAFT.fullmatch(path):
            self.warn("unfinished", path, "was never finished")
        else:
            self.error("added", path, message)

    @contextmanager
    def reading(self, path: str) -> Iterator[None]:
        """Find a file that is signed for, and is not what it should be."""
        try:
            yield
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
            self.error("unfounded", path, "is not what its name says")

    def about(self, path: str) -> bool:
        """Say whether something was found about a file."""
        return path in self._found

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Errors first; what is wrong with events before what they say of files; each in the order of the record."""
        return tuple(problem for _, problem in sorted(self._found.values(), key=_order))

    def _add(self, severity: Severity, code: Code, path: str, message: str, stamp: str) -> None:
        known = self._found.get(path)
        if known is None or (known[1].severity, severity) == ("warning", "error"):
            self._found[path] = (stamp, Problem(severity, code, message, Where(path), HINTS[code]))


def _order(found: tuple[str, Problem]) -> tuple[str, bool, str, str]:
    stamp, problem = found
    path = str(problem.where.file)
    is_event = not stamp or path.startswith(("audit/", "sha256:"))
    return problem.severity, not is_event, stamp, path
