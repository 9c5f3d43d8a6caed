"""Approvals that several different people must give: one signed vote each, bound to what is approved.

    steps/<work item>/votes/<n>.json      n is the number of the ticket that was answered

A vote counts until the gate is decided, and only for the plan, the step, the payload and the policy
that it was given for. It says what it stands for: for one of those whom the policy asks, or for an
approver whom somebody added (`added`), by the mark of that event. An approval is enough where every
one of these is met by a vote of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from planexe_agents.signing import sign_document

from planexe_dag_factory.delegation.desk import VOTED, Deed, named_in, read_added
from planexe_dag_factory.delegation.execution import StepRun, numbered
from planexe_dag_factory.record.events import Actor, actor_of, names_of
from planexe_dag_factory.record.folder import now

Vote = Mapping[str, Any]
POLICY = "policy"
"""What a vote stands for where the policy asks the person; there are no other words for it but marks of events."""


def approvals_needed(step: StepRun) -> int:
    """Say how many different people must approve the step by its policy; more, where somebody adds approvers."""
    gate = step.item.route.gate
    return gate.approvals_needed if gate else 1


def added_to(step: StepRun) -> tuple[Deed, ...]:
    """Return the deeds by which somebody made another approval of the step necessary."""
    return read_added(step.execution.run, step.execution.ours, step.id)


def all_needed(step: StepRun) -> int:
    """Say how many different people must approve the step, those added among them."""
    return approvals_needed(step) + len(added_to(step))


def still_wanted(step: StepRun) -> tuple[str, ...]:
    """Return what is wanted and no vote so far meets, as `unmet` does."""
    return unmet(approvals_needed(step), [deed.mark for deed in added_to(step)], open_votes(step))


def how_many_have(step: StepRun) -> str:
    """Say how many have approved, who they are, and who was added and has not."""
    votes, added, needed = open_votes(step), added_to(step), approvals_needed(step)
    wanted = unmet(needed, [deed.mark for deed in added], votes)
    missing = [_added(deed) for deed in added if deed.mark in wanted]
    said = f"{len(votes)} of {needed + len(added)} have approved: {names_of_voters(votes)}."
    return f"{said} Needed still: {'; '.join(missing)}." if missing else said


def _added(deed: Deed) -> str:
    return f"{named_in(deed)}, added by {deed.who.name or deed.who.id}"


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

    `said`: their reason, the amount, what the vote stands for, and where they answer for somebody else, `instead_of`
    whom.
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


def unmet(needed: int, added: Sequence[str], votes: Sequence[Vote]) -> tuple[str, ...]:
    """Return what no vote meets: POLICY for each approval that the policy still wants, and the marks of added ones.

    No vote meets two of them. Votes and wants are matched along augmenting paths (H. W. Kuhn, "The Hungarian method
    for the assignment problem", 1955), so that what can be met together is met; added ones come first.
    """
    wants = [*added, *[POLICY] * needed]
    meets: dict[int, int] = {}

    def is_met(want: int, tried: set[int]) -> bool:
        for n, vote in enumerate(votes):
            if n not in tried and wants[want] in may_meet(vote):
                tried.add(n)
                if n not in meets or is_met(meets[n], tried):
                    meets[n] = want
                    return True
        return False

    return tuple(wanted for want, wanted in enumerate(wants) if not is_met(want, set()))


def may_meet(vote: Vote) -> Sequence[str]:
    """Return what a vote may meet. A record from before approvers could be added says nothing of it."""
    said: Sequence[str] | None = vote.get("stands_for")
    return (POLICY,) if said is None else said


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
