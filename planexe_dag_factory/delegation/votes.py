"""Approvals that several different people must give: one signed vote each, bound to what is approved.

    steps/<work item>/votes/<n>.json      n is the number of the ticket that was answered

A vote counts until the gate is decided, and only for the plan, the step, the payload and the policy
that it was given for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from planexe_agents.signing import sign_document

from planexe_dag_factory.delegation.asked import names_of
from planexe_dag_factory.delegation.desk import VOTED, actor_of
from planexe_dag_factory.delegation.execution import StepRun, numbered
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.record.folder import now

Vote = Mapping[str, Any]


def approvals_needed(step: StepRun) -> int:
    """Say how many different people must approve the step."""
    gate = step.item.route.gate
    return gate.approvals_needed if gate else 1


def bound_to(step: StepRun) -> dict[str, str]:
    """Return what an approval or a vote is bound to; it holds for nothing else, nor in another run of the same plan."""
    return {
        "run": step.execution.run.name,
        "work_item": step.id,
        "plan_digest": step.execution.spec.plan_digest,
        "payload_digest": step.payload_digest,
    }


def record_vote(step: StepRun, ticket: Mapping[str, Any], by: Actor, said: Mapping[str, Any]) -> None:
    """Sign and keep one person's approval. Raises RecordError where it cannot be kept: then it does not count.

    `said`: their reason, the amount, and where they answer for somebody else, `instead_of` whom.
    """
    document = {**bound_to(step), **said, "by": by.as_json(), "at": now()}
    signed = sign_document(document, step.execution.key)
    files = {f"votes/{numbered(ticket['n'])}.json": signed}
    step.record(VOTED, files, by, task=ticket["task_id"], n=ticket["n"], **told(said))


def told(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return for whom an answer was given, as its event says it; nothing where it is the person's own."""
    return {"instead_of": said["instead_of"]} if said.get("instead_of") else {}


def open_votes(step: StepRun) -> tuple[Vote, ...]:
    """Return the votes since the gate was last decided, one for each person, that hold for the step as it is."""
    decided = step.find_json("approval.json")
    votes = (step.read_json("votes", name) for name in step.names("votes"))
    good = [vote for vote in votes if _holds(step, vote) and (decided is None or vote["at"] > decided["at"])]
    return distinct(good)


def distinct(votes: Iterable[Vote]) -> tuple[Vote, ...]:
    """Leave out every further vote of the same person, or in the place of one who has voted."""
    kept: list[Vote] = []
    taken: set[str] = set()
    for vote in votes:
        if taken.isdisjoint(seats_of(vote)):
            kept.append(vote)
            taken |= seats_of(vote)
    return tuple(kept)


def seats_of(vote: Vote) -> frozenset[str]:
    """Return whose vote it is: the person's, and that of whom they answered for. None of them has another."""
    away = vote.get("instead_of")
    return names_of(actor_of(vote["by"])) | ({away["user"]} if away else frozenset())


def names_of_voters(votes: tuple[Vote, ...]) -> str:
    """Name those who have approved."""
    voters = [actor_of(vote["by"]) for vote in votes]
    return ", ".join(voter.name or voter.id for voter in voters)


def _holds(step: StepRun, vote: Vote) -> bool:
    same = all(vote.get(name) == value for name, value in bound_to(step).items())
    return same and step.execution.is_ours(vote)
