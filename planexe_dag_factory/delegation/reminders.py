"""When somebody who does not answer is reminded, and who is asked next: counted from the record, up to a limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from planexe_dag_factory.delegation.desk import ESCALATED, REMINDED, Desk
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.routing.model import Reminders

PAUSE = timedelta(hours=4)
"""How long a person waits after a reminder before they may send another."""


@dataclass(frozen=True, slots=True)
class Nudge:
    """A reminder or an escalation: its number (from 1), when it falls due, and to whom an escalation goes."""

    kind: Literal["reminder", "escalation"]
    number: int
    at: datetime
    to: str | None = None


def nudges(ticket: Mapping[str, Any], reminders: Reminders | None) -> tuple[Nudge, ...]:
    """Return all that a ticket will ever cause, by time. The clock runs on where it opens again after an answer."""
    if reminders is None:
        return ()
    since = datetime.fromisoformat(ticket.get("asked_since") or ticket["opened_at"])
    due = [
        Nudge("reminder", number, since + timedelta(hours=hours))
        for number, hours in enumerate(sorted(reminders.after_hours), start=1)
    ]
    if reminders.escalate_after_hours is not None:
        pause = timedelta(hours=reminders.escalate_after_hours)
        due += [
            Nudge("escalation", number, since + number * pause, to) for number, to in enumerate(reminders.ladder, 1)
        ]
    return tuple(sorted(due, key=lambda nudge: nudge.at))


def outstanding(ticket: Mapping[str, Any], reminders: Reminders | None, desk: Desk) -> tuple[Nudge, ...]:
    """Return those that the record does not hold yet."""
    since = ticket.get("asked_since") or ticket["opened_at"]
    done = [deed for deed in desk.of(REMINDED, ESCALATED) if deed.at >= since]
    last = {
        "reminder": max((deed.details.get("number", 0) for deed in done if deed.action == REMINDED), default=0),
        "escalation": max((deed.details["number"] for deed in done if deed.action == ESCALATED), default=0),
    }
    return tuple(nudge for nudge in nudges(ticket, reminders) if nudge.number > last[nudge.kind])


def free_to_remind(desk: Desk) -> datetime | None:
    """Return from when on a person may send a reminder, whoever sent the last; None where there was none."""
    sent = [datetime.fromisoformat(deed.at) for deed in desk.of(REMINDED)]
    return max(sent) + PAUSE if sent else None


def time_until_next(ticket: Mapping[str, Any], reminders: Reminders | None, desk: Desk) -> timedelta | None:
    """Say how long to wait for an answer before there is something to do; None: as long as it takes."""
    coming = outstanding(ticket, reminders, desk)
    return max(coming[0].at - datetime.now(UTC), timedelta(0)) if coming else None


def take_nudges(step: StepRun, ticket: Mapping[str, Any], desk: Desk) -> tuple[Nudge, ...]:
    """Record what has fallen due, and return it. One reminder stands for all that were missed."""
    now = datetime.now(UTC)
    due = [nudge for nudge in outstanding(ticket, step.execution.spec.reminders, desk) if nudge.at <= now]
    last_reminder = [nudge for nudge in due if nudge.kind == "reminder"][-1:]
    taken = (*last_reminder, *(nudge for nudge in due if nudge.kind == "escalation"))
    for nudge in taken:
        _record(step, ticket, nudge)
    return taken


def _record(step: StepRun, ticket: Mapping[str, Any], nudge: Nudge) -> None:
    about = {"task": ticket["task_id"], "n": ticket["n"], "number": nudge.number}
    if nudge.kind == "reminder":
        step.log(REMINDED, **about)
    else:
        step.log(ESCALATED, **about, to={"kind": "role", "name": nudge.to})
