"""Metrics by Airflow's own Stats (StatsD or OpenTelemetry, as Airflow is configured), counted from what is on record.

Every name is in docs/observability.md. Tags hold ids of plans and agents and words of ours: never a run, a step, a
person or a text, so that there are never more series than plans times agents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from planexe_dag_factory.delegation.execution import Execution, numbered
from planexe_dag_factory.record.events import Event, read_events
from planexe_dag_factory.record.folder import now

EVENTS = "planexe.record.events"
OUTCOMES = "planexe.agent.outcomes"
LATENCY = "planexe.agent.latency"
CONFIDENCE = "planexe.agent.confidence"
REROUTED = "planexe.steps.rerouted"
JUDGED = "planexe.steps.judged"
ENDED = "planexe.steps.ended"
OPENED = "planexe.tickets.opened"
ANSWERED = "planexe.tickets.answered"
WAITED = "planexe.tickets.waited"
APPROVALS = "planexe.approvals"
RUNS = "planexe.runs.ended"

Tags = Mapping[str, str]


class Stats(Protocol):
    """What is used of Airflow's module of that name; servers and tasks have one each."""

    def incr(self, stat: str, *, tags: dict[str, Any] | None = None) -> None: ...
    def gauge(self, stat: str, value: float, *, tags: dict[str, Any] | None = None) -> None: ...
    def timing(self, stat: str, dt: float, *, tags: dict[str, Any] | None = None) -> None: ...


def count(stats: Stats, execution: Execution, event: Event) -> None:
    """Count an event, and what it means."""
    plan = execution.spec.dag_id
    stats.incr(EVENTS, tags={"plan": plan, "event": event.action})
    meaning = _MEANINGS.get(event.action)
    if meaning:
        meaning(stats, execution, event, {"plan": plan})


def sent_event(execution: Execution, about: str, attempt: int) -> Mapping[str, Any] | None:
    """Read the event of the assignment that an attempt sent; None where it sent none."""
    sent = (event for event in read_events(execution.run, about) if event["action"] == "assignment-sent")
    return next((event for event in sent if event["details"]["attempt"] == attempt), None)


def _outcome(stats: Stats, execution: Execution, event: Event, tags: Tags) -> None:
    details = event.details
    _asked(stats, execution, event, {**tags, "agent": event.actor.id, "status": details["status"]})
    if details["status"] == "completed":
        stats.gauge(CONFIDENCE, details["confidence"], tags={**tags, "agent": event.actor.id})


def _failure(stats: Stats, execution: Execution, event: Event, tags: Tags) -> None:
    candidate = event.details["candidate"]
    _asked(stats, execution, event, {**tags, "agent": candidate["agent"], "status": candidate["status"]})


def _asked(stats: Stats, execution: Execution, event: Event, about: Tags) -> None:
    stats.incr(OUTCOMES, tags=dict(about))
    sent = sent_event(execution, event.about, event.details["attempt"])
    if sent:
        stats.timing(LATENCY, _milliseconds(sent["at"]), tags=dict(about))


def _rerouted(stats: Stats, _: Execution, event: Event, tags: Tags) -> None:
    to = "people" if event.details["to"] == "people" else "agent"
    stats.incr(REROUTED, tags={**tags, "to": to, "why": event.details["why"]})


def _judged(stats: Stats, _: Execution, event: Event, tags: Tags) -> None:
    stats.incr(JUDGED, tags={**tags, "decision": event.details["decision"]})


def _ended(stats: Stats, execution: Execution, event: Event, tags: Tags) -> None:
    status = event.action.removeprefix("step-")
    kind = execution.work_item(event.about).route.executor
    stats.incr(ENDED, tags={**tags, "kind": kind, "status": status})


def _opened(stats: Stats, _: Execution, event: Event, tags: Tags) -> None:
    stats.incr(OPENED, tags={**tags, "kind": event.details["kind"]})


def _answered(stats: Stats, execution: Execution, event: Event, tags: Tags) -> None:
    if not event.details["accepted"]:
        return
    ticket = execution.run.read_json("steps", event.about, "tickets", numbered(event.details["n"]), "ticket.json")
    about = {**tags, "kind": ticket["kind"]}
    stats.incr(ANSWERED, tags={**about, "option": event.details["option"]})
    stats.timing(WAITED, _milliseconds(ticket["opened_at"]), tags=about)


def _approval(stats: Stats, _: Execution, event: Event, tags: Tags) -> None:
    decision = "approved" if event.action == "gate-opened" else "rejected"
    stats.incr(APPROVALS, tags={**tags, "decision": decision})


def _run(stats: Stats, _: Execution, event: Event, tags: Tags) -> None:
    stats.incr(RUNS, tags={**tags, "state": event.details["state"]})


def _milliseconds(since: str) -> float:
    """Return the time since a moment on record; a clock that was set back never makes it negative."""
    passed = datetime.fromisoformat(now()) - datetime.fromisoformat(since)
    return max(0.0, passed.total_seconds() * 1000)


_MEANINGS: Mapping[str, Callable[[Stats, Execution, Event, Tags], None]] = {
    "outcome-received": _outcome,
    "candidate-failed": _failure,
    "re-routed": _rerouted,
    "outcome-judged": _judged,
    "step-done": _ended,
    "step-refused": _ended,
    "ticket-opened": _opened,
    "ticket-answered": _answered,
    "gate-opened": _approval,
    "gate-refused": _approval,
    "run-ended": _run,
}
