"""Approvals: signed, bound to plan, step and payload, and asked for by whoever is about to act."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from planexe_agents.signing import digest, sign_document

from planexe_dag_factory.delegation.asked import Asked
from planexe_dag_factory.delegation.desk import Deed
from planexe_dag_factory.delegation.execution import HEADER, StepRun
from planexe_dag_factory.delegation.votes import (
    POLICY,
    Vote,
    added_to,
    all_needed,
    approvals_needed,
    bound_to,
    distinct,
    may_meet,
    open_votes,
    seats_of,
    still_wanted,
    unmet,
)
from planexe_dag_factory.errors import DelegationError
from planexe_dag_factory.record.course import PLAN
from planexe_dag_factory.record.events import RUN, Actor, actor_of, list_events, names_of
from planexe_dag_factory.record.folder import now


class _Decision(NamedTuple):
    """What a ticket decides, in the words of those who cannot."""

    what: str
    of_starter: str
    of_doer: str


DECISIONS: Mapping[str, _Decision] = {
    "approval": _Decision("approve", "approve its steps", "whoever did the step cannot approve it"),
    "senior_review": _Decision(
        "lift a hold",
        "let it go on past a flagged risk",
        "whoever did a step of the phase cannot let the run go on past its risks",
    ),
}
"""Kinds of tickets whose deciders the plan and its policy name, and that take four eyes."""


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
    stands_for: Sequence[str] = (POLICY,),
) -> str:
    """Sign and keep what was decided at a gate; return the digest of the approval.

    `by` spoke last; `instead_of` whom, where they answer for somebody who is away; `stands_for`: see `votes`.
    """
    gate = step.item.route.gate
    said = {
        "by": by.as_json(),
        "at": now(),
        "reason": reason,
        "amount": amount,
        "instead_of": instead_of,
        "stands_for": list(stands_for),
    }
    votes = [*open_votes(step), said] if approved else open_votes(step)
    document: dict[str, Any] = {
        "gate": asdict(gate) if gate else None,
        "decision": "approved" if approved else "rejected",
        **said,
        "needed": approvals_needed(step),
        "added": [_as_json(deed) for deed in added_to(step)],
        "votes": [{name: vote.get(name) for name in said} for vote in distinct(votes)],
        **bound_to(step),
    }
    signed = sign_document(document, step.execution.key)
    step.record("gate-opened" if approved else "gate-refused", {"approval.json": signed}, by, reason=reason)
    return digest(signed)


def settle(step: StepRun) -> bool:
    """Open the gate where enough different people have approved; say whether it was opened now."""
    if still_wanted(step):
        return False
    last = max(open_votes(step), key=lambda vote: str(vote["at"]))
    record_approval(
        step,
        actor_of(last["by"]),
        approved=True,
        reason=last["reason"],
        amount=last["amount"],
        instead_of=last.get("instead_of"),
        stands_for=may_meet(last),
    )
    return True


def _as_json(deed: Deed) -> dict[str, Any]:
    said = deed.details
    return {"mark": deed.mark, "to": said["to"], "by": deed.who.as_json(), "at": deed.at, "reason": said["reason"]}


def conflict(step: StepRun, kind: str, person: Actor) -> str | None:
    """Say why a person cannot decide a ticket whoever is asked: four eyes are two persons. None where they can."""
    if problem := four_eyes(step, person, kind):
        return problem
    names = names_of(person)
    for vote in open_votes(step):
        if not names.isdisjoint(names_of(actor_of(vote["by"]))):
            return f"you have approved already: {all_needed(step)} different people must"
        if not names.isdisjoint(seats_of(vote)):
            return f"{vote['by'].get('name') or vote['by']['id']} has approved already for you, while you were away"
    return None


def four_eyes(step: StepRun, person: Actor, kind: str = "approval") -> str | None:
    """Say why a person has too much to do with a step to decide such a ticket about it; None where they have not."""
    if kind not in DECISIONS:
        return None
    names, starter, run = names_of(person), _starter(step), step.execution.run
    if run.exists(HEADER) and list_events(run, RUN) and step.execution.begun is None:
        return f"who started the run cannot be told from its record, so nobody can {DECISIONS[kind].what} in it"
    if starter and not names.isdisjoint(names_of(starter)):
        return f"whoever started the run cannot {DECISIONS[kind].of_starter}: somebody else must"
    if any(not names.isdisjoint(names_of(doer)) for doer in _doers(step, kind)):
        return f"{DECISIONS[kind].of_doer}: somebody else must"
    return None


def barred(step: StepRun, kind: str) -> frozenset[str]:
    """Return the names of those who cannot answer such a ticket: with too much to do with the step, or done with it."""
    if kind == "work":
        votes = _votes_for(step)
        names = frozenset().union(*map(seats_of, votes))
        return frozenset(name for name in names if _is_kept_from_doing(step, votes, frozenset({name})))
    if kind not in DECISIONS:
        return frozenset()
    starter = _starter(step)
    voters = map(seats_of, open_votes(step)) if kind == "approval" else ()
    return frozenset().union(*map(names_of, (*([starter] if starter else []), *_doers(step, kind))), *voters)


def _doers(step: StepRun, kind: str) -> Iterator[Actor]:
    """Yield the people who did the work that is decided on: the step's, or all that a held milestone closes.

    A policy with `separate_doer: false` lets whoever worked in a phase also look at its risks.
    """
    judged = [step.id] if kind == "approval" else _closed_with(step)
    for name in judged:
        done = step.execution.run.find_json("steps", name, "result.json")
        if done and done["status"] == "done" and done["by"]["kind"] == "person":
            yield actor_of(done["by"])


def _closed_with(step: StepRun) -> list[str]:
    if step.execution.policy.get("separate_doer") is False:
        return []
    milestones = (one for one in step.execution.spec.milestones if one.id == step.item.milestone)
    return [name for one in milestones for name in one.work_items if name != step.id]


def same_eyes(step: StepRun, person: Actor) -> str | None:
    """Say why a person cannot do a step that they approved themself; None where they can.

    At least two people stand behind an approved step: whoever approved it alone does not also do it. With
    `separate_doer` in the policy no approver does; where that is false, anybody may.
    """
    if not _is_kept_from_doing(step, _votes_for(step), names_of(person)):
        return None
    return "whoever approved the step cannot do it too: somebody else must"


def _is_kept_from_doing(step: StepRun, votes: Sequence[Vote], names: frozenset[str]) -> bool:
    wanted = step.execution.policy.get("separate_doer")
    mine = [vote for vote in votes if not seats_of(vote).isdisjoint(names)]
    return wanted is not False and bool(mine) and (len(votes) == len(mine) or bool(wanted))


def _votes_for(step: StepRun) -> tuple[Vote, ...]:
    """Return the votes by which a step was approved; none where it was not."""
    approval = step.find_json("approval.json")
    if approval is None or approval["decision"] != "approved":
        return ()
    return distinct(approval.get("votes", [approval]))


def too_few_left(step: StepRun, ticket: Mapping[str, Any], asked: Asked) -> str | None:
    """Say why a ticket cannot be left to these alone: nobody among them, or too few, could answer it; None else."""
    if ticket["kind"] == "work" and len(asked.members) == 1:
        [name] = asked.members
        return (
            f"{name} approved the step, and cannot do it too" if same_eyes(step, Actor("person", name, name)) else None
        )
    if ticket["kind"] not in DECISIONS or asked.is_anybody:
        return None
    left = asked.members - barred(step, ticket["kind"])
    missing = still_wanted(step).count(POLICY)
    if len(left) >= missing:
        return None
    who = "nobody" if not left else "only " + ", ".join(sorted(left))
    if ticket["kind"] == "senior_review":
        return f"{who} of {asked} could decide it: name a group, or somebody else"
    more = "1 more approval is needed" if missing == 1 else f"{missing} more approvals are needed"
    return f"{more}, and {who} of {asked} could give {'it' if missing == 1 else 'them'}: name a group, or somebody else"


def _starter(step: StepRun) -> Actor | None:
    """Return the person who started the run, from its signed event; None where it was no person."""
    begun = step.execution.begun
    starter = actor_of(begun["actor"]) if begun else None
    return starter if starter and starter.kind == "person" else None


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
        or _too_few(step, approval)
    )


def _too_few(step: StepRun, approval: Mapping[str, Any]) -> str | None:
    """Count again: so many different people must have approved, and everybody whom somebody added."""
    added = dict.fromkeys((*(one["mark"] for one in approval.get("added", ())), *(one.mark for one in added_to(step))))
    wanted, votes = approvals_needed(step) + len(added), distinct(approval.get("votes", [approval]))
    missing = len(unmet(approvals_needed(step), tuple(added), votes))
    return f"{wanted - missing} of the {wanted} different people who must approve it have" if missing else None


def _first_difference(approval: Mapping[str, Any], expected: Mapping[str, str]) -> str | None:
    for name, value in expected.items():
        if approval.get(name) != value:
            return f"its approval has another {name.replace('_', ' ')}: it was {approval.get(name)!r}"
    return None
