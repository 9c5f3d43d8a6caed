"""What a person's answer does: it is checked, recorded, and only then takes effect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from planexe_agents.signing import sign_document

from planexe_dag_factory.delegation.added import what_it_meets
from planexe_dag_factory.delegation.approval import DECISIONS, conflict, record_approval, same_eyes, settle
from planexe_dag_factory.delegation.asked import refusal
from planexe_dag_factory.delegation.attempts import last_attempts, last_decision
from planexe_dag_factory.delegation.decision import outcome_result
from planexe_dag_factory.delegation.deputies import find_stand_in
from planexe_dag_factory.delegation.desk import Desk, read_desk
from planexe_dag_factory.delegation.execution import StepRun, numbered
from planexe_dag_factory.delegation.given import ANSWER, answer_of, find_answer, read_answer
from planexe_dag_factory.delegation.results import Result, write_result
from planexe_dag_factory.delegation.taught import learn
from planexe_dag_factory.delegation.tickets import check_answer, is_recordable
from planexe_dag_factory.delegation.votes import POLICY, how_many_have, record_vote, told
from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.events import Actor, actor_of, names_of
from planexe_dag_factory.record.folder import now
from planexe_dag_factory.routing.people import People

ANSWERED = "ticket-answered"
DONE_AGAIN = "The agents have worked again, by the instructions of the last answer: this is what they bring now."
NOBODY = People()
"""Without a people file, Airflow alone says who may answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person chose and filled in, and when, where that is known: who may answer is judged as of then."""

    option: str
    fields: Mapping[str, Any]
    by: Actor
    at: datetime | None = None
    instead_of: Mapping[str, Any] | None = None
    """The signed absence of whom they answer for; None: in their own name."""
    meets: tuple[str, ...] = (POLICY,)
    """What an approval stands for: see `votes`."""

    @property
    def said(self) -> dict[str, Any]:
        """What an approval keeps of it."""
        comment, amount, away = str(self.fields.get("comment", "")), self.fields.get("amount"), self.instead_of
        return {
            "reason": comment,
            "amount": amount,
            "instead_of": {"user": away["user"], "until": away["until"]} if away else None,
            "stands_for": list(self.meets),
        }

    @property
    def seats(self) -> frozenset[str]:
        """Whose answer it is: of whom they answer for, else their own."""
        return frozenset({self.instead_of["user"]}) if self.instead_of else names_of(self.by)


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
    return find_answer(step, ticket["n"]) is not None


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
    desk = read_desk(step.execution.run, step.execution.ours, ticket, until=answer.at)  # as it was then
    stand_in = find_stand_in(step, ticket, desk, answer.by, people, at=answer.at)
    given = replace(answer, instead_of=stand_in.absence.signed) if stand_in and not stand_in.problem else answer
    given = replace(given, meets=what_it_meets(desk, given.seats, people, answer.at))
    problems = (*_not_theirs(step, ticket, given, desk, people), *check_answer(ticket, answer.option, answer.fields))
    _record(step, ticket, given, problems)
    if problems:
        raise AnswerRefusedError(problems)
    return _take_effect(step, ticket, given)


def standing_answer(step: StepRun, ticket: Mapping[str, Any]) -> Answer | None:
    """Read the answer on record to a ticket; None where the task was cleared by hand since: then it counts no more."""
    if step.execution.last_of(step.id, ANSWERED) is None:
        return None
    answer = read_answer(step, ticket["n"])
    by = actor_of(answer["by"])
    meets = tuple(answer.get("stands_for", (POLICY,)))
    return Answer(answer["option"], answer["fields"], by, instead_of=answer.get("instead_of"), meets=meets)


def take_again(step: StepRun, ticket: Mapping[str, Any], answer: Answer) -> Effect:
    """Let a recorded answer take what is left of its effect: the process that took it may have died at any point.

    Raises AnswerRefusedError where it was not enough.
    """
    recorded = read_answer(step, ticket["n"])
    if not recorded["accepted"]:
        raise AnswerRefusedError(tuple(recorded["problems"]))
    approval, result = step.find_json("approval.json"), step.find_json("result.json")
    if ticket["kind"] == "approval" and approval and approval["at"] > recorded["at"]:
        if approval["decision"] == "rejected" and not (result and result["ended_at"] > recorded["at"]):
            write_result(step, Result("refused", answer.by, reason=approval["reason"]))
        return Effect(go_on=approval["decision"] == "approved")
    if result and result["ended_at"] > recorded["at"]:
        learn(step, ticket, answer.option, answer.fields, answer.by)
        return Effect(go_on=result["status"] == "done")
    if answer.option == "Redo" and (last_decision(step) or {"at": ""})["at"] > recorded["at"]:
        return Effect(go_on=False, again=DONE_AGAIN)
    return _take_effect(step, ticket, answer)


def _take_effect(step: StepRun, ticket: Mapping[str, Any], answer: Answer) -> Effect:
    if ticket["kind"] == "approval":
        return _approve(step, ticket, answer)
    effect = Effect(go_on=_finish(step, answer))
    learn(step, ticket, answer.option, answer.fields, answer.by)
    return effect


def person_problem(
    step: StepRun, ticket: Mapping[str, Any], desk: Desk, person: Actor, people: People, *, at: datetime | None = None
) -> str | None:
    """Say why a person may not answer a ticket, now or at a time, in their own name or for who is away; else None."""
    stand_in = find_stand_in(step, ticket, desk, person, people, at=at)
    reason = stand_in.problem if stand_in else refusal(person, desk, people, at)
    if reason is None and ticket["kind"] in DECISIONS:
        return conflict(step, ticket["kind"], person)
    return same_eyes(step, person) if reason is None and ticket["kind"] == "work" else reason


def correction_problem(step: StepRun, option: str, person: Actor) -> str | None:
    """Say why a person may not correct a result, which is to do the step; to accept or refuse it is not."""
    return same_eyes(step, person) if option == "Correct" else None


def _not_theirs(
    step: StepRun, ticket: Mapping[str, Any], answer: Answer, desk: Desk, people: People
) -> tuple[str, ...]:
    problem = person_problem(step, ticket, desk, answer.by, people, at=answer.at)
    problem = problem or correction_problem(step, answer.option, answer.by)
    return (problem,) if problem else ()


def _record(step: StepRun, ticket: Mapping[str, Any], answer: Answer, problems: tuple[str, ...]) -> None:
    details = {"option": answer.option, "n": ticket["n"], "accepted": not problems, **told(answer.said)}
    document = {
        **answer_of(step, ticket["n"]),
        "option": answer.option,
        "fields": {_recordable(name): _recordable(value) for name, value in answer.fields.items()},
        "by": answer.by.as_json(),
        "via": answer.by.via,
        "given_at": answer.at.astimezone(UTC).isoformat(timespec="microseconds") if answer.at else None,
        "instead_of": answer.instead_of,
        **({"stands_for": list(answer.meets)} if ticket["kind"] == "approval" else {}),
        "at": now(),
        "accepted": not problems,
        "problems": list(problems),
    }
    signed = sign_document(document, step.execution.key)
    step.record(ANSWERED, {f"tickets/{numbered(ticket['n'])}/{ANSWER}": signed}, answer.by, **details)


def _recordable(value: Any) -> Any:
    return value if is_recordable(value) else ascii(value)


def _approve(step: StepRun, ticket: Mapping[str, Any], answer: Answer) -> Effect:
    """Count an approval; a single rejection rejects."""
    if answer.option != "Approve":
        record_approval(step, answer.by, approved=False, **answer.said)
        write_result(step, Result("refused", answer.by, reason=answer.said["reason"]))
        return Effect(go_on=False)
    if step.find_json("votes", f"{numbered(ticket['n'])}.json") is None:
        record_vote(step, ticket, answer.by, answer.said)
    if settle(step):
        return Effect(go_on=True)
    return Effect(go_on=False, again=how_many_have(step))


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
