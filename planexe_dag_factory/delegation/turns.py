"""Whose turn it is: the order of a step's candidates, chosen once for each round and kept.

steps/<work item>/<first attempt of the round>/order.json    {"order": [{"agent", "action", "score", "why"}], "at"}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from planexe_dag_factory.delegation.attempts import ROUND, current_round
from planexe_dag_factory.delegation.execution import StepRun, numbered
from planexe_dag_factory.delegation.history import History
from planexe_dag_factory.delegation.standing import Standing, order_candidates
from planexe_dag_factory.record.folder import now
from planexe_dag_factory.routing.model import Candidate


@dataclass(frozen=True, slots=True)
class Turn:
    """A candidate, and the number of its attempt."""

    number: int
    candidate: Candidate


def take_turns(step: StepRun) -> tuple[Turn, ...]:
    """Return the candidates of the round that is under way, in order.

    Where there is a choice it is recorded before anybody is asked, so that whoever starts again
    after a crash goes on in the same order, however the agents stand by then.
    """
    first = current_round(step) * ROUND + 1
    candidates = step.item.route.candidates[: ROUND - 1]
    if len(candidates) > 1:
        kept = step.find_json(numbered(first), "order.json")
        candidates = _read(kept) if kept else _choose(step, first)
    return tuple(Turn(number, candidate) for number, candidate in enumerate(candidates, start=first))


def _choose(step: StepRun, first: int) -> tuple[Candidate, ...]:
    candidates = step.item.route.candidates[: ROUND - 1]
    entries = History.beside(step.execution.run).read_all(candidate.agent for candidate in candidates)
    order = order_candidates(candidates, entries, datetime.now(UTC))
    document = [_as_json(standing) for standing in order]
    files = {f"{numbered(first)}/order.json": {"order": document, "at": now()}}
    step.record("candidates-ordered", files, order=document)
    return tuple(standing.candidate for standing in order)


def _as_json(standing: Standing) -> dict[str, Any]:
    candidate = standing.candidate
    return {"agent": candidate.agent, "action": candidate.action, "score": candidate.score, "why": standing.why}


def _read(kept: Mapping[str, Any]) -> tuple[Candidate, ...]:
    return tuple(Candidate(one["agent"], one["action"], one["score"]) for one in kept["order"])
