"""The moments at which something is killed, and how one sees that such a moment has come.

An event is signed and written before what it speaks of happens: to kill as soon as its file is there is
to kill between the record and the effect.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from planexe_dag_factory.record.events import EventFile

AFTER: Mapping[str, str] = {
    "run-started": "the run was put on record",
    "assignment-sent": "the assignment was written, before it was sent",
    "acted": "the agent acted, before its answer arrived",
    "outcome-received": "the outcome arrived, before it was kept",
    "outcome-judged": "the outcome was judged, before the branch",
    "step-done": "the step ended, before its result was written",
    "ticket-opened": "the ticket was written, before anybody was asked",
    "answered": "the answer was given, before the task resumed",
    "ticket-answered": "the answer was recorded, before it took effect",
    "ticket-voted": "the vote was recorded, before the gate opened",
    "gate-opened": "the gate was opened, before the step began",
    "milestone-reached": "the milestone was reached, before its snapshot",
    "snapshot": "the snapshot was signed, before it was written",
    "report-written": "the report was signed, before it was written",
    "run-ended": "the run's end was recorded, before its report",
    "run-sealed": "the record was closed, before the task ended",
}
RANDOM = "random"


@dataclass(frozen=True)
class Sign:
    """Something that has just happened in a run; `about` is the step or milestone."""

    name: str
    about: str


@dataclass
class Watch:
    """Sees what is new in a run folder and in the journal of effects, within a millisecond or two.

    `events` are those it has seen, by folder and name: none of them may ever go.
    """

    run: Path
    journal: Path
    answered: Callable[[], int]
    events: set[tuple[str, str]] = field(default_factory=set)
    _lines: int = 0
    _answers: int = 0

    def __post_init__(self) -> None:
        self.news()

    def wait(self, wanted: Callable[[Sign], bool], until: float) -> Sign | None:
        """Return the first sign that is wanted; None at the time `until` (monotonic)."""
        while time.monotonic() < until:
            for sign in self.news():
                if wanted(sign):
                    return sign
            time.sleep(0.001)
        return None

    def news(self) -> list[Sign]:
        """Return what has happened since the last look."""
        return [*self._events(), *self._effects(), *self._given()]

    def _events(self) -> list[Sign]:
        found = []
        for about in _names(self.run / "audit"):
            for name in _names(self.run / "audit" / about):
                file = EventFile.parse(about, name)
                if file and (about, name) not in self.events:
                    self.events.add((about, name))
                    found.append(Sign(file.action, about))
        return found

    def _effects(self) -> list[Sign]:
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        new, self._lines = lines[self._lines :], len(lines)
        return [Sign("acted", line.split('"step": "')[1].split('"')[0]) for line in new if '"step": "' in line]

    def _given(self) -> list[Sign]:
        count, before = self.answered(), self._answers
        self._answers = count
        return [Sign("answered", "") for _ in range(count - before)]


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - thousands of times a second
    except FileNotFoundError:
        return []
