"""What a step teaches once it has ended or was reviewed: lessons, what confidence is worth, how long work takes.

Only what people made of it counts, never what the demo reviewer did; and nothing of it undoes an answer.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from planexe_dag_factory.delegation.attempts import BECAME, Attempt, last_attempts
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.learning.durations import Duration, Durations
from planexe_dag_factory.learning.lessons import Kind, Lesson, Lessons, changed, in_brief
from planexe_dag_factory.learning.pace import kind_of
from planexe_dag_factory.learning.reviews import Review, Reviews
from planexe_dag_factory.record.events import Actor

log = logging.getLogger(__name__)

KINDS: Mapping[str, Kind] = {
    "Correct": "corrected", "Redo": "redone", "Refuse": "refused", "Accept": "accepted",
}  # fmt: skip
GOOD = frozenset({"Accept", "Correct", "Done"})
"""Answers after which the work is done."""
NOT_PEOPLE = frozenset({"demo-reviewer"})
"""Ways in by which nobody has read anything."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Answered:
    """A ticket about an agent's work or instead of it, what a person chose, and who was asked before."""

    step: StepRun
    ticket: Mapping[str, Any]
    option: str
    fields: Mapping[str, Any]
    by: Actor
    tried: tuple[Attempt, ...]


def learn(step: StepRun, ticket: Mapping[str, Any], option: str, fields: Mapping[str, Any], by: Actor) -> None:
    """Keep what a person's answer says: of the work, of the agent's confidence, of who did it, and how long it took."""
    if by.via in NOT_PEOPLE:
        return
    answered = _Answered(step, ticket, option, fields, by, last_attempts(step))
    try:
        _keep_review(answered)
        for lesson in _lessons(answered):
            Lessons.below(step.execution.root, step.execution.ours).add(lesson, step.execution.key)
    except RecordError:
        log.exception("what an answer about %s teaches could not be kept; the answer stands", step.id)
    learn_duration(step)


def learn_duration(step: StepRun) -> None:
    """Keep how long a step took that is done and was estimated, where nothing of it was simulated."""
    ended = step.find_json("result.json")
    if ended is None or ended["status"] != "done" or step.item.days is None or _simulated(ended):
        return
    planned = step.item.days[1]
    if planned <= 0:
        return
    execution = step.execution
    duration = Duration(
        kind=_kind(step),
        days=round(worked_days(step, ended), 6),
        planned=planned,
        plan=execution.spec.plan_id,
        run=execution.run.name,
        work_item=step.id,
        at=ended["ended_at"],
    )
    try:
        Durations.below(execution.root, execution.ours).add(duration, execution.key)
    except RecordError:
        log.exception("how long %s took could not be kept; what was done stands", step.id)


def worked_days(step: StepRun, ended: Mapping[str, Any]) -> float:
    """Return how many days a step took since somebody could begin with it: to wait for an approval is no work."""
    approved = (step.find_json("approval.json") or {}).get("at")
    began = max(map(datetime.fromisoformat, filter(None, (ended["started_at"], approved))))
    return max(0.0, (datetime.fromisoformat(ended["ended_at"]) - began) / DAY)


def _simulated(ended: Mapping[str, Any]) -> bool:
    return any((who or {}).get("via") in NOT_PEOPLE for who in (ended["by"], ended["accepted_by"]))


def _kind(step: StepRun) -> str:
    """Name the kind of work that was done, by whoever did it first: a correction is still the agent's work."""
    tried = last_attempts(step)
    if not tried or tried[-1].status != "completed":
        return kind_of("", None)
    capability = step.execution.capability(tried[-1].agent, tried[-1].action)
    return kind_of(capability.agent_type if capability else step.item.route.executor, tried[-1].action)


def _keep_review(answered: _Answered) -> None:
    step, outcome = answered.step, _outcome(answered)
    if answered.ticket["kind"] != "review" or outcome is None or answered.option not in KINDS:
        return
    review = Review(
        agent=outcome.agent,
        action=outcome.action,
        confidence=outcome.outcome.confidence if outcome.outcome else 0.0,
        option=answered.option,
        plan=step.execution.spec.plan_id,
        run=step.execution.run.name,
        work_item=step.id,
        by=answered.by.as_json(),
        at=answered.ticket["opened_at"],
    )
    Reviews.below(step.execution.root, step.execution.ours).add(review, step.execution.key)


def _outcome(answered: _Answered) -> Attempt | None:
    """Return the attempt whose outcome was before the person."""
    last = answered.tried[-1] if answered.tried else None
    return last if last and last.outcome else None


def _lessons(answered: _Answered) -> Iterator[Lesson]:
    outcome = _outcome(answered)
    reviewed = answered.ticket["kind"] == "review" and answered.option in KINDS
    if reviewed and outcome and (text := in_brief(_said(answered, outcome))):
        yield _lesson(answered, KINDS[answered.option], outcome, text)
    if answered.ticket["kind"] in ("review", "work") and answered.option in GOOD:
        yield from _rerouted(answered)
    overrun = _overrun(answered.step) if (answered.ticket["kind"], answered.option) == ("work", "Done") else ""
    if overrun:
        text = "; ".join(filter(None, (overrun, str(answered.fields.get("comment") or ""))))
        yield _lesson(answered, "overran", None, in_brief(text))


def _said(answered: _Answered, attempt: Attempt) -> str:
    """Put together what a reviewer said and changed, and that the work took longer than planned."""
    fields, step = answered.fields, answered.step
    corrected = json.loads(fields["result"]) if answered.option == "Correct" and fields.get("result") else None
    before = attempt.outcome.result if attempt.outcome else {}
    edited = changed(before, corrected) if corrected is not None else ""
    return "; ".join(filter(None, (str(fields.get("comment") or ""), edited, _overrun(step))))


def _rerouted(answered: _Answered) -> Iterator[Lesson]:
    """Tell who did not do a step that somebody else then did well, in our words alone."""
    passed = [attempt for attempt in answered.tried if attempt.status != "completed"]
    if not passed:
        return
    last = answered.tried[-1]
    did = f"{last.agent}.{last.action} did, and a person looked at it" if last not in passed else "a person did it"
    told = "; ".join((*(f"{one.agent}.{one.action} {BECAME[one.status]}" for one in passed), did))
    yield _lesson(answered, "rerouted", passed[0], in_brief(told))


def _lesson(answered: _Answered, kind: Kind, attempt: Attempt | None, text: str) -> Lesson:
    step = answered.step
    return Lesson(
        kind=kind,
        text=text,
        title=in_brief(step.item.title),
        agent=attempt.agent if attempt else "",
        action=attempt.action if attempt else "",
        plan=step.execution.spec.plan_id,
        run=step.execution.run.name,
        work_item=step.id,
        by=answered.by.as_json(),
        at=answered.ticket["opened_at"],
    )


def _overrun(step: StepRun) -> str:
    """Say by how much a step that has ended took longer than its longest estimate."""
    ended = step.find_json("result.json")
    if ended is None or step.item.days is None:
        return ""
    took, (least, _, most) = worked_days(step, ended), step.item.days
    return f"it took {took:.1f} days where {least:g} to {most:g} were planned" if took > most else ""
