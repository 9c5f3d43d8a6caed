"""Hand a step to its candidates, one after another, until one brings an outcome that fits.

The assignment is written before it is sent, and the outcome before anybody acts on it. Whoever
starts again after a crash finds them, sends the same assignment under the same key, and so no work
is done twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from planexe_agents.client import AgentProtocolError, AgentRefused, AgentUnavailable
from planexe_agents.protocol import Assignment, Outcome
from planexe_agents.signing import digest

from planexe_dag_factory.delegation.approval import require_approvals
from planexe_dag_factory.delegation.assignment import build_assignment, schema_problems
from planexe_dag_factory.delegation.attempts import (
    ROUND,
    Attempt,
    Status,
    current_round,
    read_assignment,
    read_attempt,
)
from planexe_dag_factory.delegation.execution import StepRun, numbered
from planexe_dag_factory.errors import DelegationError
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.record.folder import now
from planexe_dag_factory.routing.model import Agent, Candidate, Capability

Ask = Callable[[Agent, Assignment], Awaitable[Outcome]]
"""Sends an assignment to an agent and waits for the outcome, whose signature it has verified."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An assignment that is on record and may be sent."""

    agent: Agent
    capability: Capability
    assignment: Assignment


class NobodyReachableError(DelegationError):
    """No candidate brought an outcome, and one of them could not be reached: trying again may help."""


async def delegate(step: StepRun, ask: Ask, *, last_try: bool) -> Attempt | None:
    """Try the candidates in order; return the last attempt, None where there is no candidate.

    Raises ApprovalMissingError where a gate is not open, NobodyReachableError where another try may
    help and there is one, and RecordError where the record cannot be written.
    """
    await asyncio.to_thread(require_approvals, step)
    first = await asyncio.to_thread(current_round, step) * ROUND + 1
    attempts: list[Attempt] = []
    for number, candidate in enumerate(step.item.route.candidates[: ROUND - 1], start=first):
        attempts.append(await _attempt(step, candidate, number, ask))
        if attempts[-1].status == "completed":
            return attempts[-1]
    unreachable = [attempt for attempt in attempts if attempt.status == "unavailable"]
    if unreachable and not last_try:
        raise NobodyReachableError("; ".join(f"{one.agent}: {one.reason}" for one in unreachable))
    return attempts[-1] if attempts else None


async def _attempt(step: StepRun, candidate: Candidate, number: int, ask: Ask) -> Attempt:
    """Give one candidate its turn, or read how that ended. Files are touched off the event loop."""
    prepared = await asyncio.to_thread(_prepare, step, candidate, number)
    if isinstance(prepared, Attempt):
        return prepared
    try:
        outcome = await ask(prepared.agent, prepared.assignment)
    except AgentUnavailable as error:
        return await asyncio.to_thread(_fail, step, number, candidate, "unavailable", str(error))
    except (AgentProtocolError, AgentRefused) as error:
        return await asyncio.to_thread(_fail, step, number, candidate, "invalid", str(error))
    return await asyncio.to_thread(_receive, step, number, prepared.capability, outcome)


def _prepare(step: StepRun, candidate: Candidate, number: int) -> _Prepared | Attempt:
    """Put the assignment on record; or return the attempt where it has ended already."""
    ended = read_attempt(step, number)
    if ended and ended.status != "unavailable":
        return ended
    known = step.execution.agent(candidate)
    if known is None:
        return _fail(step, number, candidate, "unfit", "it is not registered any more")
    agent, capability = known
    assignment = _assignment(step, agent, capability, number)
    if isinstance(assignment, Assignment):
        return _Prepared(agent, capability, assignment)
    return _fail(step, number, candidate, "unfit", "its inputs cannot be built: " + "; ".join(assignment))


def _assignment(step: StepRun, agent: Agent, capability: Capability, number: int) -> Assignment | tuple[str, ...]:
    """Read the assignment of an attempt that was begun before, or build and keep it."""
    begun = read_assignment(step, number)
    if begun:
        return begun
    instructions = redo_instructions(step)
    built = build_assignment(step, agent, capability, number, instructions)
    if isinstance(built, Assignment):
        document = built.model_dump(mode="json")
        digests = {"assignment": digest(document)}
        step.log("assignment-sent", digests=digests, to=f"{agent.id}.{capability.action}", attempt=number)
        step.write_json(document, numbered(number), "assignment.json")
    return built


def redo_instructions(step: StepRun) -> str | None:
    """Return what a reviewer said with the last answer, where that asked for a redo."""
    tickets = step.names("tickets")
    answer = step.find_json("tickets", tickets[-1], "answer.json") if tickets else None
    return answer["fields"].get("comment") if answer and answer["option"] == "Redo" else None


def _receive(step: StepRun, number: int, capability: Capability, outcome: Outcome) -> Attempt:
    """Keep an outcome; one whose result does not fit the action's schema counts as a rejection."""
    document = outcome.model_dump(mode="json")
    step.log(
        "outcome-received",
        Actor("agent", outcome.agent),
        {"outcome": digest(document), "assignment": outcome.assignment_digest},
        status=outcome.status,
        confidence=outcome.confidence,
        attempt=number,
    )
    step.write_json(document, numbered(number), "outcome.json")
    problems = schema_problems(outcome.result, capability.output_schema) if outcome.status == "completed" else ()
    if problems:
        candidate = Candidate(outcome.agent, outcome.action, 0)
        failed = _fail(step, number, candidate, "invalid", "its result is wrong: " + "; ".join(problems))
        return replace(failed, outcome=outcome)
    return Attempt(number, outcome.agent, outcome.action, outcome.status, outcome.reason or "", outcome)


def _fail(step: StepRun, number: int, candidate: Candidate, status: Status, reason: str) -> Attempt:
    """Record why a candidate brought no outcome that could be used."""
    attempt = Attempt(number, candidate.agent, candidate.action, status, reason[:2000])
    step.log("candidate-failed", attempt=number, candidate=attempt.as_json())
    failure = {**attempt.as_json(), "at": now()}
    step.write_json(failure, numbered(number), "failure.json")
    return attempt
