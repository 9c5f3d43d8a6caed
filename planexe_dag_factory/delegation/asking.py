"""What a ticket asks, in one or two sentences of ours about this very step; what the plan calls it stands in “ ”.

Nothing in a plan can close those marks, so that a title cannot go on in our words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.plan.text import clean_line, shorten
from planexe_dag_factory.record.course import PLAN
from planexe_dag_factory.routing.model import Gate, GateKind

Kind = Literal["work", "review", "approval", "senior_review"]
LONGEST_NAME = 90
_MARKS = str.maketrans(dict.fromkeys('“”„‟«»"\uff02〝〞', "'"))

_MAY: Mapping[GateKind, str] = {
    "budget": "May {step} start? It commits money",
    "regulatory": "May {step} start? It deals with an authority, or binds you in law",
    "irreversible": "May {step} start? It cannot be undone",
}


def ask_of(step: StepRun, kind: Kind, brought_by: str | None = None) -> str:
    """Say what a person is asked about a step. `brought_by`: the agent whose outcome is looked at."""
    named = name(step.item.title)
    if kind == "approval":
        return _approval(step, named)
    if kind == "senior_review":
        return f"May the plan go on past {named}?{_waiting(step)}"
    if kind == "review":
        return f"Is what {brought_by or 'the agent'} brought for {named} good enough?{_waiting(step)}"
    return f"Please do {named}, and say how it went.{_waiting(step)}"


def name(title: str) -> str:
    """Return what the plan calls something, in marks that it cannot close."""
    return f"“{shorten(clean_line(title[: LONGEST_NAME * 4]).translate(_MARKS), LONGEST_NAME)}”"


def _approval(step: StepRun, named: str) -> str:
    gate = step.item.route.gate
    if step.id == PLAN or gate is None:
        return f"May the plan {name(step.execution.spec.title)} run at all? Nothing in it starts before you say so."
    return f"{_what(gate, named)}.{_several(gate)}{_waiting(step)}"


def _what(gate: Gate, named: str) -> str:
    if gate.kind == "budget" and gate.amount is not None:
        return f"May {named} start? It commits {money(gate)}"
    return _MAY[gate.kind].format(step=named)


def money(gate: Gate) -> str:
    """Return the amount of a gate, as people write it."""
    return f"{gate.currency or ''} {gate.amount:,.2f}".strip().removesuffix(".00")


def _several(gate: Gate) -> str:
    return f" {gate.approvals_needed} different people must approve." if gate.approvals_needed > 1 else ""


def _waiting(step: StepRun) -> str:
    """Say what cannot begin before."""
    waiting = unblocks(step)
    if not waiting:
        return ""
    first, rest = name(waiting[0]), len(waiting) - 1
    return f" {first} waits for it." if not rest else f" {first} and {rest} more wait for it."


def unblocks(step: StepRun) -> Sequence[str]:
    """Name the steps that wait for this one directly."""
    return [other.title for other in step.execution.spec.work_items.values() if step.id in other.upstream]
