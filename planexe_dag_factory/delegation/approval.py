"""Approvals: signed, bound to plan, step and payload, and asked for by whoever is about to act."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from planexe_agents.signing import digest, digest_bytes, sign_document

from planexe_dag_factory.delegation.asked import Asked, names_of
from planexe_dag_factory.delegation.desk import actor_of
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.delegation.votes import approvals_needed, bound_to, distinct, open_votes, seats_of
from planexe_dag_factory.errors import DelegationError
from planexe_dag_factory.record.course import PLAN
from planexe_dag_factory.record.events import RUN, Actor, list_events, read_events
from planexe_dag_factory.record.folder import now

HEADER = "run.json"


class ApprovalMissingError(DelegationError):
    """A gated step was about to act without an approval that holds."""


def record_approval(
    step: StepRun,
    by: Actor,
    *,
    approved: bool,
    reason: str,
    amount: float | None,
    instead_of: Mapping[str, str] | None = None,
) -> str:
    """Sign and keep what was decided at a gate; return the digest of the approval.

    `by` spoke last; `instead_of` whom, where they answer for somebody who is away.
    """
    gate = step.item.route.gate
    said = {"by": by.as_json(), "at": now(), "reason": reason, "amount": amount, "instead_of": instead_of}
    votes = [*open_votes(step), said] if approved else open_votes(step)
    document: dict[str, Any] = {
        "gate": asdict(gate) if gate else None,
        "decision": "approved" if approved else "rejected",
        **said,
        "needed": approvals_needed(step),
        "votes": [{name: vote.get(name) for name in said} for vote in distinct(votes)],
        **bound_to(step),
    }
    signed = sign_document(document, step.execution.key)
    step.record("gate-opened" if approved else "gate-refused", {"approval.json": signed}, by, reason=reason)
    return digest(signed)


def settle(step: StepRun) -> bool:
    """Open the gate where enough different people have approved; say whether it was opened now."""
    votes = open_votes(step)
    if len(votes) < approvals_needed(step):
        return False
    last = max(votes, key=lambda vote: str(vote["at"]))
    record_approval(
        step,
        actor_of(last["by"]),
        approved=True,
        reason=last["reason"],
        amount=last["amount"],
        instead_of=last.get("instead_of"),
    )
    return True


def conflict(step: StepRun, person: Actor) -> str | None:
    """Say why a person cannot approve a step whoever is asked: four eyes are two persons. None where they can."""
    if problem := four_eyes(step, person):
        return problem
    names = names_of(person)
    for vote in open_votes(step):
        if not names.isdisjoint(names_of(actor_of(vote["by"]))):
            return f"you have approved already: {approvals_needed(step)} different people must"
        if not names.isdisjoint(seats_of(vote)):
            return f"{vote['by'].get('name') or vote['by']['id']} has approved already for you, while you were away"
    return None


def four_eyes(step: StepRun, person: Actor) -> str | None:
    """Say why a person has too much to do with a step to approve it; None where they have not."""
    names = names_of(person)
    run = step.execution.run
    if run.exists(HEADER) and list_events(run, RUN) and _began(step) is None:
        return "who started the run cannot be told from its record, so nobody can approve in it"
    starter, done = _starter(step), step.find_json("result.json")
    if starter and not names.isdisjoint(names_of(starter)):
        return "whoever started the run cannot approve its steps: somebody else must"
    if done and done["by"]["kind"] == "person" and not names.isdisjoint(names_of(actor_of(done["by"]))):
        return "whoever did the step cannot approve it: somebody else must"
    return None


def same_eyes(step: StepRun, person: Actor) -> str | None:
    """Say why a person cannot do a step that they approved themself; None where they can.

    At least two people stand behind an approved step: whoever approved it alone does not also do it. With
    `separate_doer` in the policy no approver does; where that is false, anybody may.
    """
    wanted, approval = step.execution.policy.get("separate_doer"), step.find_json("approval.json")
    if wanted is False or approval is None or approval["decision"] != "approved":
        return None
    votes = distinct(approval.get("votes", [approval]))
    mine = [vote for vote in votes if not seats_of(vote).isdisjoint(names_of(person))]
    if not mine or (len(votes) > len(mine) and not wanted):
        return None
    return "whoever approved the step cannot do it too: somebody else must"


def too_few_left(step: StepRun, ticket: Mapping[str, Any], asked: Asked) -> str | None:
    """Say why a ticket cannot be left to these alone: nobody among them, or too few, could answer it; None else."""
    if ticket["kind"] == "work" and len(asked.members) == 1:
        [name] = asked.members
        return (
            f"{name} approved the step, and cannot do it too" if same_eyes(step, Actor("person", name, name)) else None
        )
    if ticket["kind"] != "approval" or asked.is_anybody:
        return None
    votes, starter = open_votes(step), _starter(step)
    barred = [*map(seats_of, votes), *([names_of(starter)] if starter else [])]
    left = asked.members.difference(*barred)
    missing = approvals_needed(step) - len(votes)
    if len(left) >= missing:
        return None
    who = "nobody" if not left else "only " + ", ".join(sorted(left))
    more = "1 more approval is needed" if missing == 1 else f"{missing} more approvals are needed"
    return f"{more}, and {who} of {asked} could give {'it' if missing == 1 else 'them'}: name a group, or somebody else"


def _starter(step: StepRun) -> Actor | None:
    """Return the person who started the run, from its signed event; None where it was no person."""
    begun = _began(step)
    starter = actor_of(begun["actor"]) if begun else None
    return starter if starter and starter.kind == "person" else None


def _began(step: StepRun) -> Mapping[str, Any] | None:
    """Read the event that began this very run: signed by us, and about its own `run.json`."""
    run = step.execution.run
    header = digest_bytes(run.read_bytes(HEADER)) if run.exists(HEADER) else None
    begun = (one for one in read_events(run, RUN) if one["action"] == "run-started" and step.execution.is_ours(one))
    return next((one for one in begun if header is None or one["digests"].get(HEADER) == header), None)


def require_approvals(step: StepRun) -> None:
    """Let a step go on, or raise ApprovalMissingError: its own gate and the plan's must both be open."""
    wanted = [step] if step.item.route.gate else []
    if step.execution.spec.senior_approval is not None and step.id != PLAN:
        wanted.append(step.execution.step(PLAN))
    for gated in wanted:
        fault = _fault(gated)
        if fault:
            step.log("gate-held", reason=fault)
            raise ApprovalMissingError(f"{step.item.title!r} may not start: {fault}")


def _fault(step: StepRun) -> str | None:
    """Say what is wrong with a work item's approval; None where it holds."""
    approval = step.find_json("approval.json")
    return approval_fault(step, approval) if approval else f"nobody has approved {step.item.title!r}"


def approval_fault(step: StepRun, approval: Mapping[str, Any], run: str | None = None) -> str | None:
    """Say why an approval does not open this gate, given in this run or in `run`; None where it does."""
    return (
        _first_difference(approval, {"decision": "approved", **bound_to(step), **({"run": run} if run else {})})
        or (None if step.execution.is_ours(approval) else "the signature of its approval is wrong")
        or _too_few(approval, approvals_needed(step))
    )


def _too_few(approval: Mapping[str, Any], needed: int) -> str | None:
    """Count again: so many different people must have approved."""
    given = len(distinct(approval.get("votes", [approval])))
    return None if given >= needed else f"{given} of the {needed} different people who must approve it have"


def _first_difference(approval: Mapping[str, Any], expected: Mapping[str, str]) -> str | None:
    for name, value in expected.items():
        if approval.get(name) != value:
            return f"its approval has another {name.replace('_', ' ')}: it was {approval.get(name)!r}"
    return None
