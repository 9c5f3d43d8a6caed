"""Hand a step to its candidates, one after another, until one brings an outcome that fits.

The assignment is written before it is sent, and the outcome before anybody acts on it. Whoever
starts again after a crash finds them, sends the same assignment under the same key, and so no work
is done twice.

Whom to ask first follows from how the agents stand (`standing`). One that is set aside after faults,
or asked for time, is passed over; only where nobody else ended the step is it waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from planexe_agents.client import AgentDistrusted, AgentError, AgentForbidden, AgentOverdue, AgentUnavailable
from planexe_agents.protocol import Assignment, Outcome

from planexe_dag_factory.delegation.approval import require_approvals
from planexe_dag_factory.delegation.assignment import build_assignment, schema_problems
from planexe_dag_factory.delegation.attempts import (
    PASSING,
    Attempt,
    Status,
    attempts_beside,
    may_have_acted,
    read_assignment,
    read_attempt,
    record_reroute,
)
from planexe_dag_factory.delegation.budget import settle
from planexe_dag_factory.delegation.execution import AgentGoneError, StepRun, numbered
from planexe_dag_factory.delegation.given import find_answer
from planexe_dag_factory.delegation.history import History
from planexe_dag_factory.delegation.standing import AGENT_S, LONGEST_BUSY, Hold, find_hold
from planexe_dag_factory.delegation.turns import Turn, take_turns
from planexe_dag_factory.errors import DelegationError
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.record.folder import now
from planexe_dag_factory.routing.model import Agent, Capability

WAITS = 3
"""How often a step waits for agents that are set aside before people are asked: three minutes for one that is down."""
LONGEST_PAUSE_S = 30.0
"""For so long at most a step waits on its own account, where others of its kind keep an agent busy."""
Fault = Literal["unavailable", "failed", "invalid", "untrusted"]

Ask = Callable[[Agent, Assignment], Awaitable[Outcome]]
"""Sends an assignment to an agent and waits for the outcome, whose signature it has verified."""
Wait = Callable[[float], Awaitable[None]]
"""Lets so many seconds pass."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An assignment that is on record and may be sent, while in `traced`."""

    agent: Agent
    capability: Capability
    assignment: Assignment
    again: bool
    traced: AbstractContextManager[object]

    @property
    def may_have_acted(self) -> bool:
        """Say whether it was sent before, so that what cannot be undone may be done already."""
        return self.again and self.capability.side_effects == "irreversible"


class NobodyReachableError(DelegationError):
    """No candidate brought an outcome, and one of them could not be reached: trying again may help."""


@dataclass(slots=True)
class _Patience:
    """How long a step still waits: a few times for agents that are set aside, by the clock for those without time.

    What others were told counts for all, so that a busy agent is on hold again and again though nobody asked it for
    this step. Each wait is longer than the last, so that a crowd of steps does not look all the time.
    """

    busy_s: float
    began: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    waited_s: float = 0
    pauses: int = 0
    waits: int = 0

    def left(self, held: Mapping[Turn, Hold]) -> bool:
        """Say whether to go on waiting for those on hold."""
        if not _is_busy(held):
            return self.waits < WAITS
        return max(self.waited_s, asyncio.get_running_loop().time() - self.began) < self.busy_s

    async def spend(self, held: Mapping[Turn, Hold], wait: Wait) -> None:
        """Wait until the first of them may be asked."""
        seconds = _seconds_until_first(held)
        if _is_busy(held):
            seconds = max(seconds, min(2.0**self.pauses, LONGEST_PAUSE_S))
            self.pauses += 1
            self.waited_s += seconds
        else:
            self.waits += 1
        await wait(seconds)


def _is_busy(held: Mapping[Turn, Hold]) -> bool:
    return any(hold.status == "busy" for hold in held.values())


async def delegate(
    step: StepRun, ask: Ask, wait: Wait, *, last_try: bool, agent_s: float | None = None
) -> Attempt | None:
    """Try the candidates in order; return the last attempt, None where there is no candidate.

    `agent_s` is how long an agent may take, which it is told, and for how long those without time are waited for;
    None: for AGENT_S, and it is told nothing.
    Raises ApprovalMissingError where a gate is not open, NobodyReachableError where another try may
    help and there is one, and RecordError where the record cannot be written.
    """
    await asyncio.to_thread(require_approvals, step)
    patience = _Patience(agent_s or AGENT_S)
    attempts, held = await _ask_in_turn(step, await asyncio.to_thread(_turns, step), ask, agent_s)
    while held and patience.left(held):
        await patience.spend(held, wait)
        ended, held = await _ask_in_turn(step, held, ask, agent_s)
        attempts += ended
    attempts += [await asyncio.to_thread(_fail, step, turn, hold.status, hold.why) for turn, hold in held.items()]
    if attempts and attempts[-1].status == "completed":
        return attempts[-1]
    unreachable = [attempt for attempt in attempts if attempt.status == "unavailable"]
    if unreachable and not last_try:
        raise NobodyReachableError("; ".join(f"{one.agent}: {one.reason}" for one in unreachable))
    return attempts[-1] if attempts else None


def _turns(step: StepRun) -> tuple[Turn, ...]:
    """Return whose turn it is: first whoever has the step already, so that nobody else gets it too.

    That is who is at work on it, has completed it, or may have done what cannot be undone.
    """
    return tuple(sorted(take_turns(step), key=lambda turn: not _has_it(step, turn)))


def _has_it(step: StepRun, turn: Turn) -> bool:
    ended = read_attempt(step, turn.number)
    if ended is None:
        return read_assignment(step, turn.number) is not None
    if ended.status in PASSING and History.beside(step.execution.run).is_asked(step, turn.candidate):
        return True  # it was asked once more, and whoever asked it died before it answered
    return ended.status == "completed" or may_have_acted(step, ended)


async def _ask_in_turn(
    step: StepRun, turns: Iterable[Turn], ask: Ask, agent_s: float | None
) -> tuple[list[Attempt], Mapping[Turn, Hold]]:
    """Give each its turn until the step needs no other; return also who was on hold, where it does."""
    ended: list[Attempt] = []
    held: dict[Turn, Hold] = {}
    for turn in turns:
        told = await _attempt(step, turn, ask, agent_s)
        if isinstance(told, Hold):
            held[turn] = told
            continue
        ended.append(told)
        if told.status == "completed" or may_have_acted(step, told):
            return ended, {}
    return ended, held


async def _attempt(step: StepRun, turn: Turn, ask: Ask, agent_s: float | None) -> Attempt | Hold:
    """Give one candidate its turn, or read how that ended. Files are touched off the event loop."""
    prepared = await asyncio.to_thread(_prepare, step, turn, agent_s)
    if not isinstance(prepared, _Prepared):
        return prepared
    try:
        with prepared.traced:
            outcome = await ask(prepared.agent, prepared.assignment)
    except AgentError as error:
        wait = error.retry_after if isinstance(error, AgentUnavailable) else None
        if wait is not None and not prepared.may_have_acted:
            return await asyncio.to_thread(_postpone, step, turn, wait, str(error))
        return await asyncio.to_thread(_fault, step, turn, _fault_in(error), str(error))
    return await asyncio.to_thread(_receive, step, turn, prepared.capability, outcome)


def _fault_in(error: AgentError) -> Fault:
    if isinstance(error, AgentUnavailable | AgentForbidden):
        return "unavailable"
    if isinstance(error, AgentOverdue):
        return "failed"  # it has had all its time: who tries again would wait as long again
    return "untrusted" if isinstance(error, AgentDistrusted) else "invalid"


def _prepare(step: StepRun, turn: Turn, agent_s: float | None) -> _Prepared | Attempt | Hold:
    """Put the assignment on record; or return the attempt where it has ended already, or why to wait with it.

    What was sent before, and has not come to an end, is followed whatever became of the agent since.
    """
    ended = read_attempt(step, turn.number)
    if ended and ended.status not in PASSING:
        return ended
    begun = read_assignment(step, turn.number)
    try:
        agent, capability = step.execution.agent(turn.candidate)
    except AgentGoneError as error:
        return _fail(step, turn, "failed" if begun else "unfit", f"it {error}")
    built = begun or build_assignment(step, agent, capability, turn.number, redo_instructions(step), deadline_s=agent_s)
    if not isinstance(built, Assignment):
        return _fail(step, turn, "unfit", "; ".join(built))
    if not begun:
        require_approvals(step)  # once more: a gate may have been closed while another candidate was at work
    history = History.beside(step.execution.run)
    if not _has_it(step, turn):
        hold = find_hold(history.read(agent.id), datetime.now(UTC))
        if hold:
            return hold
        history.add(step, turn.candidate, "asked")
    if not begun:
        _keep(step, turn, built)
    traced = step.execution.telemetry.asking(step, built)
    return _Prepared(agent, capability, built, begun is not None, traced)


def _keep(step: StepRun, turn: Turn, assignment: Assignment) -> None:
    """Put an assignment on record, before it is sent."""
    document = assignment.model_dump(mode="json")
    to = f"{assignment.agent}.{assignment.action}"
    others = attempts_beside(step, turn.number)
    if others:
        record_reroute(step, others[-1], to)
    files = {f"{numbered(turn.number)}/assignment.json": document}
    trace = step.execution.telemetry.sending(assignment)
    step.record("assignment-sent", files, to=to, attempt=turn.number, **trace)


def redo_instructions(step: StepRun) -> str | None:
    """Return what a reviewer said with the last answer, where that asked for a redo."""
    tickets = step.names("tickets")
    answer = find_answer(step, int(tickets[-1])) if tickets else None
    return answer["fields"].get("comment") if answer and answer["option"] == "Redo" else None


def _receive(step: StepRun, turn: Turn, capability: Capability, outcome: Outcome) -> Attempt:
    """Keep an outcome; one whose result does not fit the action's schema counts as a rejection."""
    document = outcome.model_dump(mode="json")
    step.record(
        "outcome-received",
        {f"{numbered(turn.number)}/outcome.json": document},
        Actor("agent", outcome.agent),
        status=outcome.status,
        confidence=outcome.confidence,
        attempt=turn.number,
        **({"usage": document["usage"]} if outcome.usage else {}),
    )
    settle(step, turn.number, outcome.usage)
    problems = schema_problems(outcome.result, capability.output_schema) if outcome.status == "completed" else ()
    if problems:
        failed = _fault(step, turn, "invalid", "its result is wrong: " + "; ".join(problems))
        return replace(failed, outcome=outcome)
    reason = outcome.reason or ""
    History.beside(step.execution.run).add(step, turn.candidate, outcome.status, reason)
    return Attempt(turn.number, outcome.agent, outcome.action, outcome.status, reason, outcome)


def _fault(step: StepRun, turn: Turn, status: Fault, reason: str) -> Attempt:
    """Record that a candidate brought nothing that can be used, here and in its history."""
    History.beside(step.execution.run).add(step, turn.candidate, status, reason)
    return _fail(step, turn, status, reason)


def _postpone(step: StepRun, turn: Turn, seconds: float, reason: str) -> Hold:
    """Record that a candidate has no time now, once in its turn, and when to ask it again."""
    History.beside(step.execution.run).add(step, turn.candidate, "busy", reason, seconds)
    before = read_attempt(step, turn.number)
    if before is None or before.status != "busy":
        _fail(step, turn, "busy", reason)
    return Hold(datetime.now(UTC) + timedelta(seconds=min(seconds, LONGEST_BUSY.total_seconds())), "busy", reason)


def _fail(step: StepRun, turn: Turn, status: Status, reason: str) -> Attempt:
    """Record why a candidate brought no outcome that could be used."""
    candidate = turn.candidate
    attempt = Attempt(turn.number, candidate.agent, candidate.action, status, reason[:2000])
    files = {f"{numbered(turn.number)}/failure.json": {**attempt.as_json(), "at": now()}}
    step.record("candidate-failed", files, attempt=turn.number, candidate=attempt.as_json())
    return attempt


def _seconds_until_first(held: Mapping[Turn, Hold]) -> float:
    first = min(hold.until for hold in held.values())
    return max(0.0, (first - datetime.now(UTC)).total_seconds())
