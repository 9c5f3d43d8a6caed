"""What people say to each other about a ticket, through the API: comments, questions, added approvers; who is told."""

from __future__ import annotations

from fastapi import APIRouter, BackgroundTasks

from planexe_dag_factory.airflow.notify import Notice
from planexe_dag_factory.delegation.asked import who_is_asked
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.ui.access import MAY_ANSWER, Hand
from planexe_dag_factory.ui.api import ACTED
from planexe_dag_factory.ui.desk import actions
from planexe_dag_factory.ui.desk.index import Place
from planexe_dag_factory.ui.telling import tell_later
from planexe_dag_factory.ui.wire import Approver, Comment, Inquiry

router = APIRouter(prefix="/api/v1")


@router.post("/tickets/{dag_id}/{run_id}/{task_id}/comments", dependencies=MAY_ANSWER, status_code=204, responses=ACTED)
def comment(  # noqa: PLR0917 - FastAPI reads each as one part of the request
    dag_id: str, run_id: str, task_id: str, body: Comment, hand: Hand, later: BackgroundTasks
) -> None:
    """Say something to everybody who deals with the ticket. Who was asked for information replies by it."""
    said = actions.comment(hand, Place(dag_id, run_id, task_id), body)
    for question in said.questions:
        asker = question.deed.who
        notice = Notice(
            "commented",
            said.found.ticket,
            _called(asker),
            hand.people.addresses([asker.name or asker.id]),
            f"{_called(hand.person)} replies: {body.text}",
        )
        tell_later(later, said.found.step, notice)


@router.post(
    "/tickets/{dag_id}/{run_id}/{task_id}/questions", dependencies=MAY_ANSWER, status_code=204, responses=ACTED
)
def ask(  # noqa: PLR0917 - see `comment`
    dag_id: str, run_id: str, task_id: str, body: Inquiry, hand: Hand, later: BackgroundTasks
) -> None:
    """Ask somebody for information. The ticket stays open, and its clock runs on."""
    found = actions.ask(hand, Place(dag_id, run_id, task_id), body)
    asked = who_is_asked([actions.named(body.to)], hand.people)
    said = f"{_called(hand.person)} asks: {body.question}"
    tell_later(later, found.step, Notice("asked", found.ticket, str(asked), hand.people.addresses(asked.members), said))


@router.delete(
    "/tickets/{dag_id}/{run_id}/{task_id}/questions/{number}",
    dependencies=MAY_ANSWER,
    status_code=204,
    responses=ACTED,
)
def withdraw(dag_id: str, run_id: str, task_id: str, number: int, hand: Hand) -> None:
    """Take a question back."""
    actions.withdraw(hand, Place(dag_id, run_id, task_id), number)


@router.post(
    "/tickets/{dag_id}/{run_id}/{task_id}/approvers", dependencies=MAY_ANSWER, status_code=204, responses=ACTED
)
def add_approver(  # noqa: PLR0917 - see `comment`
    dag_id: str, run_id: str, task_id: str, body: Approver, hand: Hand, later: BackgroundTasks
) -> None:
    """Make the approval of somebody else necessary, beside those that the policy wants."""
    found = actions.add_approver(hand, Place(dag_id, run_id, task_id), body)
    asked = who_is_asked([actions.named(body.to)], hand.people)
    said = f"{_called(hand.person)} asks for your approval as well: {body.reason}"
    tell_later(
        later, found.step, Notice("opened", found.ticket, str(asked), hand.people.addresses(asked.members), said)
    )


@router.delete(
    "/tickets/{dag_id}/{run_id}/{task_id}/approvers/{number}",
    dependencies=MAY_ANSWER,
    status_code=204,
    responses=ACTED,
)
def take_back(dag_id: str, run_id: str, task_id: str, number: int, hand: Hand) -> None:
    """Take an added approver back, while nobody has approved since."""
    actions.take_back(hand, Place(dag_id, run_id, task_id), number)


def _called(person: Actor) -> str:
    return person.name or person.id
