"""How PlanExe's own report of a run stands, as the record says it.

planexe/plan.zip                    the plan as PlanExe left it
planexe/state.json                  only where PlanExe has nothing to go on with, and why
planexe/<milestone>/state.json      how the newest refresh ended; beside it what it made
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from planexe_dag_factory.pipeline.folder import GANTT_TABLE, REPORT
from planexe_dag_factory.pipeline.page import static_page
from planexe_dag_factory.plan.archive import words_of
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.snapshots import runs_below

PLACE = "planexe"
"""Where in a run folder all of this is kept."""
STATE = "state.json"
State = Literal["fresh", "failed", "impossible"]
SAID: Mapping[State, str] = {
    "fresh": "PlanExe's own report is up to date",
    "failed": "PlanExe's own report could not be brought up to date",
    "impossible": "PlanExe's own report cannot be brought up to date",
}


@dataclass(frozen=True, slots=True)
class Freshness:
    """How PlanExe's report stands: `why` where it is not fresh, `attempts` out of how many, `at` when."""

    state: State
    why: str
    attempt: int
    attempts: int
    at: str

    @property
    def gave_up(self) -> bool:
        return self.state == "failed" and self.attempt >= self.attempts

    def __str__(self) -> str:
        """Say it in a line, as the command line does."""
        tried = f" (try {self.attempt} of {self.attempts})" if self.state == "failed" else ""
        return f"{SAID[self.state]}{tried}{f': {self.why}' if self.why else ''}"

    def as_json(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "why": self.why,
            "attempt": self.attempt,
            "attempts": self.attempts,
            "at": self.at,
        }


def read_freshness(run: RunFolder, milestone: str) -> Freshness | None:
    """Say how PlanExe's report of a milestone stands; None where no PlanExe is asked for it, or not yet."""
    document = run.find_json(PLACE, milestone, STATE) or run.find_json(PLACE, STATE)
    return Freshness(**{name: document[name] for name in Freshness.__slots__}) if document else None


def refreshed_file(run: RunFolder, milestone: str, words: str) -> tuple[str, ...] | None:
    """Return where a file of the newest refresh of a milestone lies, by its words; None where there is none."""
    state = run.find_json(PLACE, milestone, STATE)
    names = state["files"] if state else ()
    return next(((PLACE, milestone, name) for name in names if words_of(name) == words), None)


def refreshed_page(run: RunFolder, milestone: str) -> str | None:
    """Return PlanExe's refreshed report of a milestone as a page without scripts; None where there is none."""
    report, table = (refreshed_file(run, milestone, words) for words in (REPORT, GANTT_TABLE))
    if report is None or table is None:
        return None
    return static_page(*(run.read_bytes(*where).decode("utf-8", "replace") for where in (report, table)))


def stale_reports(root: RunFolder, newest: int = 20) -> Iterator[tuple[RunFolder, str, Freshness]]:
    """Yield the milestones of the newest runs whose report could not be brought up to date."""
    for run in list(runs_below(root))[-newest:]:
        for milestone in run.names(PLACE):
            told = read_freshness(run, milestone) if run.exists(PLACE, milestone, STATE) else None
            if told and told.state == "failed":
                yield run, milestone, told
