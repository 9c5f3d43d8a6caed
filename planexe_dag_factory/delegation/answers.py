"""What a person's answer does: it is checked, recorded, and only then takes effect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from planexe_dag_factory.delegation.approval import record_approval
from planexe_dag_factory.delegation.attempts import last_attempts
from planexe_dag_factory.delegation.decision import outcome_result
from planexe_dag_factory.delegation.execution import StepRun, numbered
from planexe_dag_factory.delegation.results import Result, write_result
from planexe_dag_factory.delegation.tickets import check_answer
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.record.folder import now


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person chose and filled in."""

    option: str
    fields: Mapping[str, Any]
    by: Actor


class AnswerRefusedError(Exception):
    """An answer was not enough; the ticket must open again. `problems` say why."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def open_ticket(step: StepRun, ticket: Mapping[str, Any]) -> None:
    """Record a ticket, before anybody is asked."""
    kind, number = ticket["kind"], numbered(ticket["n"])
    step.log("ticket-opened", kind=kind, n=ticket["n"], assignee=ticket["assignee"])
    step.write_json(ticket, "tickets", number, "ticket.json")


def last_ticket(step: StepRun) -> dict[str, Any]:
    """Read the newest ticket of a work item. Raises RecordError where there is none."""
    numbers = step.names("tickets") or ["001"]
    ticket: dict[str, Any] = step.read_json("tickets", numbers[-1], "ticket.json")
    return ticket


def take_answer(step: StepRun, ticket: Mapping[str, Any], answer: Answer) -> bool:
    """Check and record an answer and let it take effect.

    Returns whether the step may go on: False where the person said no. Raises AnswerRefusedError
    where the answer is not enough. `Redo` has no effect here: whoever asks acts on it.
    """
    problems = check_answer(ticket, answer.option, answer.fields)
    _record(step, ticket, answer, problems)
    if problems:
        raise AnswerRefusedError(problems)
    if ticket["kind"] == "approval":
        return _approve(step, answer)
    return _finish(step, answer)


def _record(step: StepRun, ticket: Mapping[str, Any], answer: Answer, problems: tuple[str, ...]) -> None:
    details = {"option": answer.option, "n": ticket["n"], "accepted": not problems}
    step.log("ticket-answered", answer.by, **details)
    document = {
        "option": answer.option,
        "fields": dict(answer.fields),
        "by": answer.by.as_json(),
        "via": answer.by.via,
        "at": now(),
        "accepted": not problems,
        "problems": list(problems),
    }
    step.write_json(document, "tickets", numbered(ticket["n"]), "answer.json")


def _approve(step: StepRun, answer: Answer) -> bool:
    approved = answer.option == "Approve"
    reason = str(answer.fields.get("comment", ""))
    record_approval(step, answer.by, approved=approved, reason=reason, amount=answer.fields.get("amount"))
    if not approved:
        write_result(step, Result("refused", answer.by, reason=reason))
    return approved


def _finish(step: StepRun, answer: Answer) -> bool:
    comment = answer.fields.get("comment") or None
    if answer.option in ("Refuse", "Stop"):
        write_result(step, Result("refused", answer.by, reason=comment))
        return False
    if answer.option in ("Accept", "Proceed"):
        write_result(step, _accepted(step, answer, comment))
    elif answer.option in ("Done", "Correct"):
        result = json.loads(answer.fields["result"]) if answer.fields.get("result") else {}
        write_result(step, Result("done", answer.by, answer.by, result=result, note=comment))
    return True


def _accepted(step: StepRun, answer: Answer, comment: str | None) -> Result:
    """Return the agent's outcome as the end of the step, or the person's word where there is no outcome."""
    attempts = last_attempts(step)
    outcome = attempts[-1].outcome if attempts else None
    if outcome is None:
        return Result("done", answer.by, answer.by, note=comment)
    accepted = outcome_result(outcome, answer.by)
    return Result(
        accepted.status,
        accepted.by,
        answer.by,
        accepted.agent,
        accepted.action,
        accepted.confidence,
        accepted.result,
        note=comment,
    )
