"""What becomes of an outcome: accepted, reviewed by a person, or the work handed to a person."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Literal

from planexe_agents.protocol import Outcome
from planexe_agents.signing import digest

from planexe_dag_factory.delegation.assignment import schema_problems
from planexe_dag_factory.delegation.attempts import (
    BECAME,
    Attempt,
    Status,
    last_attempts,
    last_decision,
    may_have_acted,
    read_assignment,
    record_reroute,
)
from planexe_dag_factory.delegation.budget import is_spent
from planexe_dag_factory.delegation.execution import AgentGoneError, StepRun, numbered
from planexe_dag_factory.delegation.looked_at import confidence_of, is_drawn
from planexe_dag_factory.delegation.results import Result, write_result
from planexe_dag_factory.delegation.taught import learn_duration
from planexe_dag_factory.learning.calibration import Calibrated
from planexe_dag_factory.record.events import ORCHESTRATOR, Actor
from planexe_dag_factory.record.folder import now
from planexe_dag_factory.routing.model import Candidate

JUDGED, ENDED = "outcome-judged", ("step-done", "step-refused")


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a step goes on after its agents: `accept` ends it, the others open a ticket."""

    decision: Literal["accept", "review", "ticket"]
    why: str
    attempt: Attempt | None
    tried: tuple[Attempt, ...]
    calibrated: Calibrated | None = None


def decide(step: StepRun, *, accept: bool = True) -> Decision:
    """Verify the newest outcome, decide, and record it; an accepted outcome ends the step.

    With `accept` False a person asked for the outcome and will see it, however confident it is. What
    was decided by a process that died since stays.
    """
    if is_decided(step):
        return _standing(step)
    decision = _judge(step)
    if decision.decision == "accept" and not accept:
        decision = replace(decision, decision="review", why=f"done again as asked; {decision.why}")
    _record(step, decision)
    _take_effect(step, decision)
    return decision


def accept_at_once(step: StepRun) -> bool:
    """End the step with its newest outcome if that is beyond doubt; else leave all to `decide`."""
    decided = is_decided(step)
    decision = _standing(step) if decided else _judge(step)
    if decision.decision == "accept" and not decided:
        _record(step, decision)
        _take_effect(step, decision)
    return decision.decision == "accept"


def is_decided(step: StepRun) -> bool:
    """Say whether the newest attempts were decided about: whoever starts again after that asks no agent."""
    last = step.execution.last_of(step.id, JUDGED, *ENDED, "assignment-sent", "candidate-failed")
    return last in (JUDGED, *ENDED) and last_decision(step) is not None


def _standing(step: StepRun) -> Decision:
    """Read the decision on record, and let it take what is left of its effect."""
    recorded, tried = last_decision(step) or {}, last_attempts(step)
    decision = Decision(recorded["decision"], recorded["why"], tried[-1] if tried else None, tried)
    if step.execution.last_of(step.id, JUDGED, *ENDED) == JUDGED:
        _take_effect(step, decision)
    return decision


def _take_effect(step: StepRun, decision: Decision) -> None:
    outcome = decision.attempt.outcome if decision.attempt else None
    if decision.decision == "accept" and outcome:
        write_result(step, outcome_result(outcome, ORCHESTRATOR))
        learn_duration(step)


def outcome_result(outcome: Outcome, accepted_by: Actor) -> Result:
    """Return the end of a step whose outcome was accepted as it is."""
    return Result(
        "done",
        Actor("agent", outcome.agent),
        accepted_by,
        agent=outcome.agent,
        action=outcome.action,
        confidence=outcome.confidence,
        result=outcome.result,
    )


def _judge(step: StepRun) -> Decision:
    decision = _decide(step, last_attempts(step))
    sent = read_assignment(step, decision.attempt.number) if decision.attempt else None
    if sent and is_spent(sent.context):
        return replace(decision, why=f"{decision.why}; it worked without a language model, whose budget is spent")
    return decision


def _decide(step: StepRun, tried: tuple[Attempt, ...]) -> Decision:
    last = tried[-1] if tried else None
    if last is None or last.status != "completed" or last.outcome is None:
        return Decision("ticket", _why_nobody(step, tried), last, tried)
    doubt = _fault(step, last, last.outcome)
    if doubt:
        return Decision("ticket", doubt, last, tried)
    concern = _concern(last.outcome)
    if concern:
        return Decision("review", concern, last, tried)
    threshold = step.item.route.threshold
    worth = confidence_of(step, last.outcome)
    counted = f", which counts as {worth.counts_as:.2f} since {worth.why}" if worth.lowered else ""
    figures = f"a confidence of {worth.claim:.2f}{counted}, where {threshold:.2f} is asked for"
    why = f"the agent {last.agent} has {figures}"
    if worth.counts_as < threshold:
        return Decision("review", why, last, tried, worth)
    if is_drawn(step, last.number):
        return Decision("review", f"{why}; it was drawn by lot to be looked at all the same", last, tried, worth)
    return Decision("accept", why, last, tried, worth)


PEOPLE = "people"
"""Whom work is re-routed to that no agent did."""

OUR_REASONS: Collection[Status] = frozenset({"untrusted", "unfit", "set-aside"})
"""Where the reason is the orchestrator's own too."""


def _why_nobody(step: StepRun, tried: tuple[Attempt, ...]) -> str:
    if not tried:
        return "no agent can do this step"
    told = "no agent did this step: " + "; ".join(map(_became, tried))
    if may_have_acted(step, tried[-1]):
        return f"{told}. It may have done what cannot be undone, so no other was asked: please look first"
    return told


def _became(attempt: Attempt) -> str:
    reason = f" ({attempt.reason})" if attempt.status in OUR_REASONS else ""
    return f"{attempt.agent} {BECAME[attempt.status]}{reason}"


def _fault(step: StepRun, attempt: Attempt, outcome: Outcome) -> str | None:
    """Check again what the record holds: nobody between the agent and here may have changed it."""
    try:
        agent, capability = step.execution.agent(Candidate(attempt.agent, attempt.action, 0))
    except AgentGoneError as error:
        return f"{attempt.agent} {error}, so its outcome cannot be verified"
    if agent.public_key is None or not outcome.signed_by(agent.public_key):
        return f"the outcome is not signed with the key of {agent.id}"
    sent = read_assignment(step, attempt.number)
    if sent is None or outcome.assignment_digest != digest(sent.model_dump(mode="json")):
        return f"the outcome of {agent.id} answers another assignment"
    wrong = schema_problems(outcome.result, capability.output_schema)
    return f"the result of {agent.id} does not fit its own schema" if wrong else None


def _concern(outcome: Outcome) -> str | None:
    """Say why a senior person must look at an outcome whatever its confidence: a flagged risk."""
    if outcome.result.get("existential") is True:
        return f"the agent {outcome.agent} flags an existential risk"
    return None


def _record(step: StepRun, decision: Decision) -> None:
    outcome = decision.attempt.outcome if decision.attempt else None
    document: dict[str, Any] = {
        "decision": decision.decision,
        "why": decision.why,
        "confidence": outcome.confidence if outcome else None,
        "calibrated": _calibrated(decision.calibrated),
        "threshold": step.item.route.threshold,
        "agent": decision.attempt.agent if decision.attempt else None,
        "action": decision.attempt.action if decision.attempt else None,
        "tried": [attempt.as_json() for attempt in decision.tried],
        "at": now(),
    }
    number = decision.attempt.number if decision.attempt else 1
    files = {f"{numbered(number)}/decision.json": document}
    step.record(JUDGED, files, decision=decision.decision, why=decision.why)
    if decision.decision == "ticket" and decision.attempt:
        record_reroute(step, decision.attempt, PEOPLE)


def _calibrated(worth: Calibrated | None) -> dict[str, Any] | None:
    """Write what reviews made of a confidence; null where there are none."""
    if worth is None or not worth.reviews:
        return None
    return {
        "counts_as": worth.counts_as,
        "reviews": worth.reviews,
        "accepted": worth.accepted,
        "expected": worth.expected,
    }
