"""How a run stands, step by step, for whoever assesses a milestone: planned against what the record holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from planexe_dag_factory.delegation.execution import Execution, StepRun
from planexe_dag_factory.report.model import Days
from planexe_dag_factory.report.schedule import planned_days, steps_in_order
from planexe_dag_factory.spec.model import WorkItem

SECONDS_A_DAY = 86400


def progress_of(execution: Execution) -> dict[str, Any]:
    """Count how the steps stand and tell each one's planned days, actual days, refusals, confidence and amount.

    Days count from the start of the run to its last recorded end, never to the clock's now, so that
    the same record says the same.
    """
    planned = planned_days(execution.spec)
    begun = _moment(execution.run.read_json("run.json")["started_at"])
    rows = [_row(execution.step(item), planned.get(item), begun) for item in steps_in_order(execution.spec)]
    results = [row for row in rows if row["status"] != "open"]
    confidences = [row["confidence"] for row in results if row["confidence"] is not None]
    return {
        "steps": len(rows),
        "done": sum(row["status"] == "done" for row in rows),
        "refused": sum(row["status"] == "refused" for row in rows),
        "by_people": sum(row["by"] == "person" for row in rows),
        "mean_confidence": round(sum(confidences) / len(confidences), 3) if confidences else None,
        "day": max((row["ended_day"] for row in results), default=0.0),
        "work": rows,
    }


def _row(step: StepRun, planned: Days | None, begun: datetime) -> dict[str, Any]:
    result = step.find_json("result.json") or {}
    approval = step.find_json("approval.json") or {}
    rejected = approval.get("decision") == "rejected"
    gate = step.item.route.gate
    return {
        "step": step.id,
        "title": step.item.title,
        "package": step.item.package,
        "planned_days": round(planned.end - planned.start, 3) if planned else 0.0,
        "started_day": _day(result.get("started_at"), begun),
        "ended_day": _day(result.get("ended_at") or (approval["at"] if rejected else None), begun),
        "status": "refused" if rejected else result.get("status", "open"),
        "by": result["by"]["kind"] if result else None,
        "refusals": _refusals(step) + (result.get("status") == "refused") + rejected,
        "confidence": result.get("confidence"),
        "amount": gate.amount if gate else None,
        "approved": _approved(approval, step.item),
        "currency": gate.currency if gate else None,
    }


def _refusals(step: StepRun) -> int:
    """Count the attempts of agents that brought nothing that could be used."""
    names = [name for name in step.names() if name.isdecimal()] if step.item.route.candidates else []
    failures = [step.find_json(name, "failure.json") is not None for name in names]
    outcomes = [step.find_json(name, "outcome.json") or {"status": "completed"} for name in names]
    return sum(failed or outcome["status"] != "completed" for failed, outcome in zip(failures, outcomes, strict=True))


def _approved(approval: Mapping[str, Any], item: WorkItem) -> float | None:
    """Return the amount that was approved: the one that the person named, else the gate's."""
    if approval.get("decision") != "approved" or item.route.gate is None:
        return None
    amount: float | None = approval.get("amount")
    return item.route.gate.amount if amount is None else amount


def _day(moment: str | None, begun: datetime) -> float | None:
    if moment is None:
        return None
    return round(max(0.0, (_moment(moment) - begun).total_seconds()) / SECONDS_A_DAY, 6)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
