"""What became of what agents were asked, over all runs: one small file for each event, beside the run folders.

    <run root>/agents/<agent>/<time>+<fate>+<action>+<step>.json      fate: asked, completed, ..., busy.<seconds>

The name says all that matters, so that a task start lists one folder for each candidate and opens
nothing. There is no lock and nothing is changed in place: any shared disk or object store will do.
It decides whom to ask first, never what counts as done, so it is not signed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast, get_args

from planexe_agents.signing import digest

from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.delegation.standing import Entry, Fate
from planexe_dag_factory.record.events import stamp_of
from planexe_dag_factory.record.folder import RunFolder, now
from planexe_dag_factory.routing.model import Candidate

FOLDER = "agents"
KEPT = 128
"""Entries of an agent that count; older ones are removed, a few at a time."""
SWEPT = 8
NAME = re.compile(
    r"(\d{8}T\d{6})(\d{6})\+(" + "|".join(get_args(Fate)) + r")(?:\.(\d{1,6}))?\+([a-z0-9_]+)\+([0-9a-f]{8})\.json"
)


@dataclass(frozen=True, slots=True)
class History:
    """The entries of all agents below one run root."""

    folder: RunFolder

    @classmethod
    def beside(cls, run: RunFolder) -> History:
        """Open the history that a run shares with the others of its root."""
        return cls(run.above.at(FOLDER))

    def read(self, agent: str) -> tuple[Entry, ...]:
        """Return an agent's newest entries, oldest first, and remove some of those that no longer count."""
        names = self.folder.names(agent)
        for name in names[:-KEPT][:SWEPT]:
            self.folder.remove(agent, name)
        found = (NAME.fullmatch(name) for name in names[-KEPT:])
        return tuple(filter(None, map(_entry, filter(None, found))))

    def read_all(self, agents: Iterable[str]) -> Mapping[str, tuple[Entry, ...]]:
        """Return the entries of several agents."""
        return {agent: self.read(agent) for agent in set(agents)}

    def add(self, step: StepRun, candidate: Candidate, fate: Fate, reason: str = "", pause_s: float = 0) -> None:
        """Note what became of a step at an agent, or that it is being asked."""
        at = now()
        run = step.execution.run.name
        said = f"{fate}.{int(min(pause_s, 999_999))}" if pause_s else fate
        name = f"{stamp_of(at)}+{said}+{candidate.action}+{_mark(step)}.json"
        document = {"action": candidate.action, "fate": fate, "run": run, "step": step.id, "reason": reason, "at": at}
        self.folder.create_json(document, candidate.agent, name)

    def is_asked(self, step: StepRun, candidate: Candidate) -> bool:
        """Say whether a candidate was asked for a step last, and nothing came of it yet."""
        about = [one for one in self.read(candidate.agent) if (one.action, one.step) == (candidate.action, _mark(step))]
        return bool(about) and about[-1].fate == "asked"


def _mark(step: StepRun) -> str:
    return digest([step.execution.run.name, step.id]).removeprefix("sha256:")[:8]


def _entry(match: re.Match[str]) -> Entry | None:
    seconds, fraction, fate, pause, action, step = match.groups()
    try:
        at = datetime.fromisoformat(f"{seconds}.{fraction}").replace(tzinfo=UTC)
    except ValueError:
        return None  # a file of somebody else's
    return Entry(at, cast("Fate", fate), action, step, timedelta(seconds=int(pause or 0)))
