"""Which outcomes people look at beside the doubtful ones: what reviews teach of a confidence, and a share by lot.

Where nobody ever looks at what agents are sure of, nobody learns how often they are right in it (docs/adr/0012).
"""

from __future__ import annotations

import hashlib

from planexe_agents.protocol import Outcome
from planexe_agents.signing import canonical

from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.learning.calibration import Calibrated, calibrate
from planexe_dag_factory.learning.reviews import Reviews


def confidence_of(step: StepRun, outcome: Outcome) -> Calibrated:
    """Say what the confidence of an outcome counts as, by the reviews of its action; never for more than it says."""
    execution = step.execution
    if not execution.policy.get("calibrate", True) or outcome.confidence < step.item.route.threshold:
        return calibrate(outcome.confidence, ())
    reviews = Reviews.below(execution.root, execution.ours)
    return calibrate(outcome.confidence, reviews.of(outcome.agent, outcome.action))


def is_drawn(step: StepRun, attempt: int) -> bool:
    """Draw whether a person looks at an outcome that is sure enough.

    The lot is the orchestrator's signature over the attempt: nobody without its key can foresee it, and it falls the
    same way however often it is drawn. What is assessed at a milestone has a review of its own.
    """
    share: float = step.execution.policy.get("audit_share", 0)
    if not share or step.item.milestone:
        return False
    signed = step.execution.key.sign_bytes(canonical(["audit", step.execution.run.name, step.id, attempt]))
    lot = int.from_bytes(hashlib.sha256(signed).digest()[:8]) / 2**64
    return lot < share
