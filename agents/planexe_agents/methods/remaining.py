"""What is left of a schedule at a milestone: what has ended stays where it was, the rest takes its estimates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from planexe_agents.methods.schedule import Activity

MOST_PACE = 2.0


@dataclass(frozen=True, slots=True)
class Part:
    """One step of an activity: its planned days, and the days on which it began and was done, where it was."""

    planned: float
    started: float | None = None
    done: float | None = None


def pace_of(parts: Iterable[Part]) -> float:
    """Days taken over days planned of what is done, between 1 and MOST_PACE.

    Work that was quicker than planned promises nothing for the rest, and a single bad start is no
    reason to expect more than twice the time.
    """
    done = [part for part in parts if part.done is not None and part.started is not None and part.planned > 0]
    planned = sum(part.planned for part in done)
    taken = sum((part.done or 0.0) - (part.started or 0.0) for part in done)
    return min(MOST_PACE, max(1.0, taken / planned)) if planned else 1.0


def remaining(
    activities: Sequence[Activity], parts: Mapping[str, Sequence[Part]], day: float, pace: float
) -> tuple[Activity, ...]:
    """Return the schedule as of `day` ("data date"), counted like `done` from the first day of the work.

    An activity whose parts are all done ends when the last of them did. Of any other, the share of
    planned days that is not done is left, times `pace`, and begins at `day` at the earliest; it still
    waits for what it waited for ("retained logic").
    """
    return tuple(_rest(activity, parts.get(activity.id, ()), day, pace) for activity in activities)


def _rest(activity: Activity, parts: Sequence[Part], day: float, pace: float) -> Activity:
    ends = [part.done for part in parts if part.done is not None]
    if parts and len(ends) == len(parts):
        return Activity(activity.id, 0.0, 0.0, 0.0, not_before=max(ends))
    factor = _share_left(parts) * pace
    least, likely, most = (days * factor for days in (activity.least, activity.likely, activity.most))
    return replace(activity, least=least, likely=likely, most=most, not_before=day)


def _share_left(parts: Sequence[Part]) -> float:
    planned = sum(part.planned for part in parts)
    if not planned:
        return sum(part.done is None for part in parts) / len(parts) if parts else 1.0
    return sum(part.planned for part in parts if part.done is None) / planned
