"""How a step ended: one `result.json` for each, which later steps and reports read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from planexe_agents.signing import digest

from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.record.events import Actor, list_events
from planexe_dag_factory.record.folder import now


@dataclass(frozen=True, slots=True)
class Result:
    """The end of a step: who did it, who accepted it, and what came out.

    `correction` is what a person changed in an agent's result, as a JSON Patch (RFC 6902).
    """

    status: Literal["done", "refused"]
    by: Actor
    accepted_by: Actor | None = None
    agent: str | None = None
    action: str | None = None
    confidence: float | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    note: str | None = None
    correction: tuple[Mapping[str, Any], ...] | None = None


def write_result(step: StepRun, result: Result) -> str:
    """Record how a work item ended; return the digest of the result."""
    document = {
        "work_item": step.id,
        "status": result.status,
        "by": result.by.as_json(),
        "accepted_by": result.accepted_by.as_json() if result.accepted_by else None,
        "agent": result.agent,
        "action": result.action,
        "confidence": result.confidence,
        "result": dict(result.result),
        "reason": result.reason,
        "note": result.note,
        "correction": list(result.correction) if result.correction is not None else None,
        "started_at": _started_at(step),
        "ended_at": now(),
    }
    step.record(f"step-{result.status}", {"result.json": document}, result.accepted_by or result.by)
    return digest(document)


def _started_at(step: StepRun) -> str:
    """Return when the first thing about the step was recorded."""
    events = list_events(step.execution.run, step.id)
    return str(step.execution.run.read_json(*events[0].segments)["at"]) if events else now()
