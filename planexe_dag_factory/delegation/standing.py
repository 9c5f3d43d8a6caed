"""How agents stand: whom to ask first, and whom not now, from what became of what they were asked lately.

Nothing here reads a file or a clock: the same entries at the same moment give the same order.

A fault is an outcome that is `failed`, `invalid` or `untrusted`, or none because the agent was `unavailable`. An
agent that rejects is healthy: it is asked less for that action, and never set aside for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from planexe_dag_factory.routing.model import Candidate

Fate = Literal["asked", "completed", "rejected", "failed", "unavailable", "invalid", "untrusted", "busy"]
FAULTY = frozenset({"failed", "unavailable", "invalid", "untrusted"})
JUDGED = frozenset({"completed", "rejected", "failed", "invalid", "untrusted"})
"""What says something about how well an agent does an action; being out of reach does not."""

FAULTS = 3
"""So many steps in a row go wrong before an agent is set aside: one or two may be the steps' own fault."""
WINDOW = timedelta(minutes=10)
"""Faults from before say nothing about an agent now."""
PAUSE = timedelta(minutes=1)
"""How long an agent is set aside: enough to be started again, and short enough to wait for."""
SKEW = timedelta(seconds=30)
"""How far the clocks of the machines that ask agents may differ."""
LONGEST_BUSY = timedelta(hours=1)
"""The longest time off that an agent gets with `Retry-After`."""
AGENT_S = 24 * 3600.0
"""How long an agent may take over a step, and for how long a step waits for agents that have no time, unless told."""
FORGOTTEN = timedelta(seconds=AGENT_S)
"""What was never heard of again is not counted as open for longer."""
ROOM = 8
"""Open assignments that halve an agent's worth: twice what the SDK works on at once."""
TRUST = 4
"""An action begins as if it had done so many steps: one rejection costs it a fifth, not everything."""
LEAST_FIT = 0.1
"""What a candidate counts for that somebody asked for by name, however little it resembles the step."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one step at an agent, or that it was `asked`. `pause` is what a `busy` one asked for."""

    at: datetime
    fate: Fate
    action: str
    step: str
    pause: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Hold:
    """An agent is not to be asked before `until`."""

    until: datetime
    status: Literal["busy", "set-aside"]
    why: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How one candidate stands for a step."""

    candidate: Candidate
    well: int
    judged: int
    waiting: int
    hold: Hold | None

    @property
    def worth(self) -> float:
        """How well it fits, times how often it did well, less where much lies there already."""
        success = (self.well + TRUST) / (self.judged + TRUST)
        return round(max(self.candidate.score, LEAST_FIT) * success * ROOM / (ROOM + self.waiting), 4)

    @property
    def why(self) -> str:
        """Say what its place rests on."""
        said = [f"fits {self.candidate.score:.2f}"]
        if self.judged:
            said.append(f"did {self.well} of its last {self.judged}")
        if self.waiting:
            said.append(f"{self.waiting} open")
        if self.hold:
            said.append(self.hold.why)
        return ", ".join(said)


def order_candidates(
    candidates: Iterable[Candidate], entries: Mapping[str, Sequence[Entry]], moment: datetime
) -> tuple[Standing, ...]:
    """Order candidates by their worth, those on hold last; equals keep the order given."""
    standings = [_standing(candidate, entries.get(candidate.agent, ()), moment) for candidate in candidates]
    return tuple(sorted(standings, key=lambda one: (one.hold is not None, -one.worth)))


def find_hold(entries: Sequence[Entry], moment: datetime) -> Hold | None:
    """Say whether an agent is not to be asked now. `entries` are the agent's, oldest first.

    What lies further ahead than clocks of several machines differ was written before a clock jumped back: a hold that
    rests on it would last until the clock is there again.
    """
    known = [entry for entry in entries if entry.at <= moment + SKEW]
    holds = (hold for hold in (_busy(known, moment), _set_aside(known, moment)) if hold and hold.until > moment)
    return max(holds, key=lambda hold: hold.until, default=None)


def _standing(candidate: Candidate, entries: Sequence[Entry], moment: datetime) -> Standing:
    fates = [entry.fate for entry in entries if entry.action == candidate.action and entry.fate in JUDGED]
    waiting = sum(1 for _ in _open(entries, moment))
    return Standing(candidate, fates.count("completed"), len(fates), waiting, find_hold(entries, moment))


def _open(entries: Iterable[Entry], moment: datetime) -> Iterator[Entry]:
    """Yield what the agent was asked and has not ended."""
    newest = {(entry.step, entry.action): entry for entry in entries}
    return (one for one in newest.values() if one.fate == "asked" and moment - one.at < FORGOTTEN)


def _busy(entries: Iterable[Entry], moment: datetime) -> Hold | None:
    newest = max((one for one in entries if one.fate == "busy"), key=lambda one: one.at, default=None)
    if newest is None:
        return None
    until = min(newest.at, moment) + min(newest.pause, LONGEST_BUSY)
    return Hold(until, "busy", f"asked not to be asked before {_clock(until)}")


def _set_aside(entries: Sequence[Entry], moment: datetime) -> Hold | None:
    """Hold an agent after FAULTS in a row; after the pause one step tries it, and the others wait for that."""
    row = list(_faults_in_a_row(entries, moment))
    if len({entry.step for entry in row}) < FAULTS:
        return None
    until = min(row[0].at, moment) + PAUSE
    trials = [entry for entry in _open(entries, moment) if until <= entry.at <= moment]
    if trials:
        again = max(entry.at for entry in trials) + PAUSE
        return Hold(again, "set-aside", f"is tried again by another step, until {_clock(again)}")
    said = f"set aside until {_clock(until)} after {len(row)} faults in a row, the last: {row[0].fate}"
    return Hold(until, "set-aside", said)


def _faults_in_a_row(entries: Sequence[Entry], moment: datetime) -> Iterator[Entry]:
    """Yield the newest faults, newest first, until something went well."""
    for entry in reversed(entries):
        if entry.fate in JUDGED - FAULTY or moment - entry.at > WINDOW:
            return
        if entry.fate in FAULTY:
            yield entry


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S} UTC"
