"""What an agent's confidence is worth, by what people made of the outcomes that they reviewed.

Reviews are set against what the agent itself had said: of outcomes with confidences q1 ... qn, q1 + ... + qn were to
be accepted, and k were. With a prior worth PRIOR reviews that went as claimed, a claim p counts as

    p * (k + PRIOR * p) / (q1 + ... + qn + PRIOR * p)

Where all n claims are p, that is the mean of a Beta-binomial posterior whose prior is Beta(PRIOR p, PRIOR (1 - p)):
(k + PRIOR p) / (n + PRIOR). Shrinkage of observed over expected towards 1: D. Clayton and J. Kaldor, Biometrics 43,
1987; the m-estimate: B. Cestnik, ECAI 1990. Platt scaling and isotonic regression need hundreds of reviews.

A claim never counts for more than was said, and counts for the least of what the reviews of such claims say and what
all reviews say: what was accepted far below a claim does not support it. See docs/adr/0012.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

PRIOR = 5.0
"""Every agent begins as if so many reviews had gone as claimed: one refusal makes 0.75 of a claim of 0.9."""
NEAR = 0.1
"""Reviews of claims so far away say what a claim is worth; further down, acceptance says nothing of it."""
STEP = 0.01
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Judged:
    """An outcome that a person reviewed: how sure the agent was, and whether it was accepted as it was."""

    confidence: float
    accepted: bool


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What a claim counts as, and on what that rests: reviews, how many accepted, and how many by the agent's word."""

    claim: float
    counts_as: float
    reviews: int
    accepted: int
    expected: float

    @property
    def lowered(self) -> bool:
        return self.counts_as < self.claim

    @property
    def why(self) -> str:
        """Say what it rests on."""
        counted = f"{self.accepted} of {self.reviews} such reviews accepted the work"
        return f"{counted}, where its own word made it {self.expected:.1f}"


def calibrate(claim: float, judged: Sequence[Judged]) -> Calibrated:
    """Say what a claim is worth; without reviews, what it says."""
    near = [one for one in judged if one.confidence >= claim - NEAR - ROUNDING]
    return min((_by(claim, near), _by(claim, judged)), key=lambda one: one.counts_as)


def passing(threshold: float, judged: Sequence[Judged]) -> tuple[tuple[float, float], ...]:
    """Return the ranges of claims, to the hundredth, that count for as much as a threshold.

    To claim more may count for less: what was refused near a high claim says nothing of one far below it.
    """
    claims = [round(number * STEP, 2) for number in range(round(1 / STEP) + 1)]
    passes = [(claim, calibrate(claim, judged).counts_as >= threshold) for claim in claims]
    runs = (list(run) for passed, run in groupby(passes, key=lambda one: one[1]) if passed)
    return tuple((run[0][0], run[-1][0]) for run in runs)


def _by(claim: float, judged: Iterable[Judged]) -> Calibrated:
    found = list(judged)
    accepted = sum(one.accepted for one in found)
    expected = sum(one.confidence for one in found)
    if accepted >= expected - ROUNDING:
        counts_as = claim
    else:
        share = (accepted + PRIOR * claim) / (expected + PRIOR * claim)
        counts_as = min(claim, round(claim * share, 4))
    return Calibrated(claim, counts_as, len(found), accepted, round(expected, 2))
