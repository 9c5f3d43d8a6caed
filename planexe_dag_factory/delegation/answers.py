"""What a person's answer does: it is checked, recorded, and only then takes effect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from planexe_dag_factory.delegation.approval import conflict, record_approval, settle
from planexe_dag_factory.delegation.asked import refusal
from planexe_dag_factory.delegation.attempts import last_attempts
from planexe_dag_factory.delegation.decision import outcome_result
from planexe_dag_factory.delegation.desk import Desk, read_desk
from planexe_dag_factory.delegation.execution import StepRun, numbered
from planexe_dag_factory.delegation.results import Result, write_result
from planexe_dag_factory.delegation.taught import learn
from planexe_dag_factory.delegation.tickets import check_answer, is_recordable
from planexe_dag_factory.delegation.votes import approvals_needed, names_of_voters, open_votes, record_vote
from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.record.folder import now
from planexe_dag_factory.routing.people import People

NOBODY = People()
"""Without a people file, Airflow alone says who may answer."""


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
    files = {f"tickets/{number}/ticket.json": ticket}
    step.record("ticket-opened", files, kind=kind, n=ticket["n"], assignee=ticket["assignee"])


def find_last_ticket(step: StepRun) -> dict[str, Any] | None:
    """Read the newest ticket of a work item, whichever of its tasks opened it; None where there is none."""
    numbers = step.names("tickets")
    return step.find_json("tickets", numbers[-1], "ticket.json") if numbers else None


def last_ticket(step: StepRun) -> dict[str, Any]:
    """Read the newest ticket of a work item. Raises RecordError where there is none."""
    ticket = find_last_ticket(step)
    if ticket is None:
        raise RecordError(f"{step.item.title!r} has no ticket in the record")
    return ticket


def is_answered(step: StepRun, ticket: Mapping[str, Any]) -> bool:
    """Say whether an answer to a ticket was recorded, enough or not."""
    return step.find_json("tickets", numbered(ticket["n"]), "answer.json") is not None


@dataclass(frozen=True, slots=True)
class Effect:
    """What an answer did: the step may go on, or not; or the ticket must open again, as `again` says."""

    go_on: bool
    again: str | None = None


def take_answer(step: StepRun, ticket: Mapping[str, Any], answer: Answer, people: People = NOBODY) -> Effect:
    """Check and record an answer and let it take effect.

    Raises AnswerRefusedError where the answer is not enough, or not this person's to give. `Redo` has
    no effect here: whoever asks acts on it.
    """
    problems = (*_not_theirs(step, ticket, answer, people), *check_answer(ticket, answer.option, answer.fields))
    _record(step, ticket, answer, problems)
    if problems:
        raise AnswerRefusedError(problems)
    if ticket["kind"] == "approval":
        return _approve(step, ticket, answer)
    effect = Effect(go_on=_finish(step, answer))
    learn(step, ticket, answer.option, answer.fields, answer.by)
    return effect


def person_problem(step: StepRun, ticket: Mapping[str, Any], desk: Desk, person: Actor, people: People) -> str | None:
    """Say why a person may not answer a ticket; None where they may."""
    reason = refusal(person, desk, people)
    return conflict(step, person) if reason is None and ticket["kind"] == "approval" else reason


def _not_theirs(step: StepRun, ticket: Mapping[str, Any], answer: Answer, people: People) -> tuple[str, ...]:
    desk = read_desk(step.execution.run, step.execution.ours, ticket)
    problem = person_problem(step, ticket, desk, answer.by, people)
    return (problem,) if problem else ()


def _record(step: StepRun, ticket: Mapping[str, Any], answer: Answer, problems: tuple[str, ...]) -> None:
    details = {"option": answer.option, "n": ticket["n"], "accepted": not problems}
    document = {
        "option": answer.option,
        "fields": {_recordable(name): _recordable(value) for name, value in answer.fields.items()},
        "by": answer.by.as_json(),
        "via": answer.by.via,
        "at": now(),
        "accepted": not problems,
        "problems": list(problems),
    }
    step.record("ticket-answered", {f"tickets/{numbered(ticket['n'])}/answer.json": document}, answer.by, **details)


def _recordable(value: Any) -> Any:
    return value if is_recordable(value) else ascii(value)


def _approve(step: StepRun, ticket: Mapping[str, Any], answer: Answer) -> Effect:
    """Count an approval; a single rejection rejects."""
    reason, amount = str(answer.fields.get("comment", "")), answer.fields.get("amount")
    if answer.option != "Approve":
        record_approval(step, answer.by, approved=False, reason=reason, amount=amount)
        write_result(step, Result("refused", answer.by, reason=reason))
        return Effect(go_on=False)
    record_vote(step, ticket, answer.by, reason, amount)
    if settle(step):
        return Effect(go_on=True)
    votes = open_votes(step)
    return Effect(
        go_on=False, again=f"{len(votes)} of {approvals_needed(step)} have approved: {names_of_voters(votes)}."
    )


def _finish(step: StepRun, answer: Answer) -> bool:
    comment = answer.fields.get("comment") or None
    if answer.option in ("Refuse", "Stop"):
        write_result(step, Result("refused", answer.by, reason=comment))
        return False
    if answer.option in ("Accept", "Proceed"):
        write_result(step, _accepted(step, answer, comment))
    elif answer.option in ("Done", "Correct"):
        result = json.loads(answer.fields["result"]) if answer.fields.get("result") else {}
        correction = _correction(step, result) if answer.option == "Correct" else None
        write_result(step, Result("done", answer.by, answer.by, result=result, note=comment, correction=correction))
    return True


def _correction(step: StepRun, result: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return what a person changed in the agent's result, as a JSON Patch (RFC 6902)."""
    from jsonpatch import make_patch  # noqa: PLC0415 - few answers correct anything, and every sensor imports this

    attempts = last_attempts(step)
    outcome = attempts[-1].outcome if attempts else None
    return tuple(make_patch(outcome.result if outcome else {}, result).patch)


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
