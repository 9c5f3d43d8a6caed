"""Approvals: signed, bound to plan, step and payload, and asked for by whoever is about to act."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from planexe_agents.signing import digest, sign_document, verify_document

from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.errors import DelegationError
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.record.folder import now

PLAN = "plan"
"""The work item of the senior approval that a refused plan needs before anything else."""


class ApprovalMissingError(DelegationError):
    """A gated step was about to act without an approval that holds."""


def record_approval(
    step: StepRun,
    by: Actor,
    *,
    approved: bool,
    reason: str,
    amount: float | None,
) -> str:
    """Sign and keep what a person decided at a gate; return the digest of the approval."""
    gate = step.item.route.gate
    document: dict[str, Any] = {
        "work_item": step.id,
        "gate": asdict(gate) if gate else None,
        "decision": "approved" if approved else "rejected",
        "by": by.as_json(),
        "reason": reason,
        "amount": amount,
        "plan_digest": step.execution.spec.plan_digest,
        "payload_digest": step.payload_digest,
        "at": now(),
    }
    signed = sign_document(document, step.execution.key)
    mark = digest(signed)
    step.log("gate-opened" if approved else "gate-refused", by, {"approval": mark}, reason=reason)
    step.write_json(signed, "approval.json")
    return mark


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
    if approval is None:
        return f"nobody has approved {step.item.title!r}"
    return _first_difference(
        approval,
        {
            "key": step.execution.key.public,
            "work_item": step.id,
            "decision": "approved",
            "plan_digest": step.execution.spec.plan_digest,
            "payload_digest": step.payload_digest,
        },
    ) or (None if verify_document(approval) else "the signature of its approval is wrong")


def _first_difference(approval: Mapping[str, Any], expected: Mapping[str, str]) -> str | None:
    for name, value in expected.items():
        if approval.get(name) != value:
            return f"its approval has another {name.replace('_', ' ')}: it was {approval.get(name)!r}"
    return None
