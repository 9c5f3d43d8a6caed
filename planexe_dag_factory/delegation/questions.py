"""What somebody asks about a ticket before they answer it: whom, and who has not replied yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from planexe_dag_factory.delegation.asked import who_is_asked
from planexe_dag_factory.delegation.desk import COMMENTED, QUESTIONED, WITHDRAWN, Deed, Desk, Named
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.routing.people import People


@dataclass(frozen=True, slots=True)
class Question:
    """The `n`th question about a ticket, from 1; open until whom it is put to replies, or it is withdrawn."""

    n: int
    deed: Deed
    open: bool

    @property
    def to(self) -> Named:
        return Named(self.deed.details["to"]["kind"], self.deed.details["to"]["name"])

    def is_put_to(self, person: Actor, people: People) -> bool:
        """Say whether a person is asked."""
        return who_is_asked([self.to], people).holds(person)


def questions_of(desk: Desk) -> tuple[Question, ...]:
    """Return every question about a ticket, in order."""
    closed = {deed.details["question"] for deed in desk.of(WITHDRAWN)}
    closed.update(mark for deed in desk.of(COMMENTED) for mark in deed.details.get("replies_to", ()))
    asked = enumerate(desk.of(QUESTIONED), start=1)
    return tuple(Question(n, deed, open=deed.mark not in closed) for n, deed in asked)


def open_questions(desk: Desk) -> tuple[Question, ...]:
    """Return those that nobody has replied to yet."""
    return tuple(one for one in questions_of(desk) if one.open)


def replied_by(desk: Desk, person: Actor, people: People) -> tuple[Question, ...]:
    """Return the questions to which a comment of this person would be the reply."""
    return tuple(one for one in open_questions(desk) if one.is_put_to(person, people))


def as_reply(questions: tuple[Question, ...]) -> Mapping[str, list[str]]:
    """Return what the event of a comment says of the questions it replies to: they end there, for good."""
    return {"replies_to": [one.deed.mark for one in questions]} if questions else {}
