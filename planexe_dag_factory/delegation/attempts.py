"""The attempts at a step, as they lie in its folder.

    steps/<work item>/<attempt>/order.json          whom to ask in this round; in its first attempt (`turns`)
                                assignment.json     written before it is sent
                                outcome.json        signed by the agent
                                failure.json        why there is no outcome that could be used
                                decision.json       in the last attempt of a round

Attempts are numbered `round * 10 + candidate`: a redo, or a clear by hand in Airflow, begins a new
round once the last one was decided; whatever starts again after a crash goes on in the same one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from planexe_agents.protocol import Assignment, Outcome

from planexe_dag_factory.delegation.execution import StepRun, numbered

ROUND = 10
Status = Literal["completed", "rejected", "failed", "unavailable", "invalid", "untrusted", "unfit", "busy", "set-aside"]
PASSING: Collection[Status] = frozenset({"unavailable", "busy", "set-aside"})
"""What says nothing about the next time: such a candidate may be asked again in the same round."""

BECAME: Mapping[Status, str] = {
    "completed": "completed it",
    "rejected": "rejected it",
    "failed": "failed",
    "unavailable": "could not be reached",
    "invalid": "gave an answer that cannot be used",
    "untrusted": "sent an outcome that is not trusted",
    "unfit": "could not be asked",
    "busy": "had no time",
    "set-aside": "was not asked",
}
"""What became of an attempt, in our words; an agent's own words stay apart, where they are labelled."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One candidate's turn. Without an outcome, `status` and `reason` say why."""

    number: int
    agent: str
    action: str
    status: Status
    reason: str = ""
    outcome: Outcome | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the short form that decisions and tickets show."""
        return {"agent": self.agent, "action": self.action, "status": self.status, "reason": self.reason}


def current_round(step: StepRun) -> int:
    """Number the round that is under way, from 0."""
    numbers = _numbers(step)
    if not numbers:
        return 0
    last = max(numbers) // ROUND
    decided = any(step.find_json(numbered(n), "decision.json") for n in numbers if n // ROUND == last)
    return last + 1 if decided else last


def last_attempts(step: StepRun) -> tuple[Attempt, ...]:
    """Read the attempts of the newest round that there is, in order; one that completed comes last.

    It need not have the last number: a candidate that was out of reach or busy is asked again.
    """
    numbers = _numbers(step)
    last = max(numbers, default=0) // ROUND
    found = (read_attempt(step, number) for number in numbers if number // ROUND == last)
    return tuple(sorted(filter(None, found), key=lambda attempt: attempt.status == "completed"))


def attempts_beside(step: StepRun, number: int) -> tuple[Attempt, ...]:
    """Read how the other turns of an attempt's own round have ended."""
    others = (one for one in _numbers(step) if one // ROUND == number // ROUND and one != number)
    return tuple(filter(None, (read_attempt(step, one) for one in others)))


def record_reroute(step: StepRun, attempt: Attempt, to: str) -> None:
    """Put on record that the work goes to somebody else: `agent.action`, or `people`."""
    step.log("re-routed", before=f"{attempt.agent}.{attempt.action}", to=to, why=attempt.status)


def may_have_acted(step: StepRun, attempt: Attempt) -> bool:
    """Say whether an attempt may have done, unknown to us, what cannot be undone: no other agent gets that step."""
    known = step.execution.capability(attempt.agent, attempt.action)
    irreversible = known is None or known.side_effects == "irreversible"
    return irreversible and attempt.status in {"failed", "unavailable", "invalid", "untrusted"}


def read_attempt(step: StepRun, number: int) -> Attempt | None:
    """Read an attempt; None where it never came to an end."""
    failure: Mapping[str, Any] | None = step.find_json(numbered(number), "failure.json")
    outcome = _outcome(step.find_json(numbered(number), "outcome.json"))
    if outcome and (failure is None or failure["status"] in PASSING):
        return Attempt(number, outcome.agent, outcome.action, outcome.status, outcome.reason or "", outcome)
    if failure:
        return Attempt(number, failure["agent"], failure["action"], failure["status"], failure["reason"], outcome)
    return None


def last_decision(step: StepRun) -> Mapping[str, Any] | None:
    """Read what was decided about the newest attempts; None where no agent was asked."""
    found = (step.find_json(numbered(number), "decision.json") for number in reversed(_numbers(step)))
    return next((decision for decision in found if decision), None)


def read_assignment(step: StepRun, number: int) -> Assignment | None:
    """Read what was sent, or was about to be; None where nothing was."""
    found = step.find_json(numbered(number), "assignment.json")
    return Assignment.model_validate(found) if found else None


def _outcome(document: Any | None) -> Outcome | None:
    return Outcome.model_validate(document) if document else None


def _numbers(step: StepRun) -> list[int]:
    return [int(name) for name in step.names() if name.isdecimal()]
