"""Answers as they lie in the record: signed, and bound to the run, the step and the ticket that they were given to."""

from __future__ import annotations

from typing import Any

from planexe_dag_factory.delegation.execution import StepRun, numbered
from planexe_dag_factory.errors import RecordError

ANSWER = "answer.json"


def answer_of(step: StepRun, n: int) -> dict[str, Any]:
    """Return what an answer to a ticket of a step is bound to."""
    return {"run": step.execution.run.name, "work_item": step.id, "n": n}


def find_answer(step: StepRun, n: int) -> dict[str, Any] | None:
    """Read the answer to a ticket; None where there is none.

    Raises RecordError where it is not what the orchestrator signed for this very ticket: who can write the
    folder could else answer in anybody's name, or with what was said in another run.
    """
    answer: dict[str, Any] | None = step.find_json("tickets", numbered(n), ANSWER)
    if answer is None:
        return None
    bound = all(answer.get(name) == value for name, value in answer_of(step, n).items())
    if not bound or not step.execution.is_ours(answer):
        raise RecordError(f"steps/{step.id}/tickets/{numbered(n)}/{ANSWER} is not what was answered: it was put there")
    return answer


def read_answer(step: StepRun, n: int) -> dict[str, Any]:
    """Read the answer to a ticket. Raises RecordError where there is none, or it is not what was answered."""
    answer = find_answer(step, n)
    if answer is None:
        raise RecordError(f"steps/{step.id}/tickets/{numbered(n)}/{ANSWER} is missing")
    return answer
