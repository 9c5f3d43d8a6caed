"""What a review teaches: kept as a lesson once the person's answer has taken effect."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from planexe_dag_factory.delegation.attempts import last_attempts
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.learning.lessons import Kind, Lesson, Lessons, changed, in_brief
from planexe_dag_factory.record.events import Actor

log = logging.getLogger(__name__)

KINDS: Mapping[str, Kind] = {
    "Correct": "corrected", "Redo": "redone", "Refuse": "refused", "Accept": "accepted",
}  # fmt: skip
NOT_PEOPLE = frozenset({"demo-reviewer"})
"""Ways in by which nobody has read anything."""


def learn(step: StepRun, ticket: Mapping[str, Any], option: str, fields: Mapping[str, Any], by: Actor) -> None:
    """Keep what a reviewer said of an agent's work, and that it took longer than planned, where there is either."""
    attempts = last_attempts(step)
    outcome = attempts[-1].outcome if attempts else None
    if ticket["kind"] != "review" or outcome is None or option not in KINDS or by.via in NOT_PEOPLE:
        return
    corrected = json.loads(fields["result"]) if option == "Correct" and fields.get("result") else None
    edited = changed(outcome.result, corrected) if corrected is not None else ""
    said = [str(fields.get("comment") or ""), edited, _overrun(step)]
    text = in_brief("; ".join(filter(None, said)))
    if text:
        lesson = Lesson(
            kind=KINDS[option],
            text=text,
            title=in_brief(step.item.title),
            agent=outcome.agent,
            action=outcome.action,
            plan=step.execution.spec.plan_id,
            run=step.execution.run.name,
            work_item=step.id,
            by=by.as_json(),
            at=ticket["opened_at"],
        )
        try:
            Lessons.beside(step.execution.run).add(lesson, step.execution.key)
        except RecordError:
            log.exception("the lesson of a review of %s could not be kept; the review stands", step.id)


def _overrun(step: StepRun) -> str:
    """Say by how much a step that has ended took longer than its longest estimate."""
    ended = step.find_json("result.json")
    if ended is None or step.item.days is None:
        return ""
    took = datetime.fromisoformat(ended["ended_at"]) - datetime.fromisoformat(ended["started_at"])
    days, (least, _, most) = took / timedelta(days=1), step.item.days
    return f"it took {days:.1f} days where {least:g} to {most:g} were planned" if days > most else ""
