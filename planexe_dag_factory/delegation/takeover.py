"""Work that was done in the run from which this one goes on: what every task asks first, so that it imports little."""

from __future__ import annotations

from planexe_dag_factory.delegation.approval import approval_fault
from planexe_dag_factory.delegation.execution import StepRun

TAKEN_OVER = "step-taken-over"
APPROVED = "approval-taken-over"


def is_taken_over(step: StepRun) -> bool:
    """Say whether a step was done in the run that this one goes on from, and nobody has cleared it since."""
    return step.execution.last_of(step.id, TAKEN_OVER) is not None


def is_opened(step: StepRun) -> bool:
    """Say whether a gate was opened in the run that this one goes on from, and nobody has cleared it since."""
    if step.execution.last_of(step.id, APPROVED) is None:
        return False
    approval = step.find_json("approval.json")
    return approval is not None and approval_fault(step, approval) is None
