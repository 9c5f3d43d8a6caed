"""What earlier runs say of a plan before it runs: added to what `compile.explain` says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from planexe_dag_factory.learning.calibration import passing
from planexe_dag_factory.learning.durations import Durations
from planexe_dag_factory.learning.pace import kind_of_route
from planexe_dag_factory.learning.reviews import Reviews
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.routing.model import Policy, Routes


@dataclass(frozen=True, slots=True)
class Experience:
    """What was learnt below a run root, as the keys of its installation vouch for."""

    reviews: Reviews
    durations: Durations

    @classmethod
    def below(cls, root: RunFolder, keys: frozenset[str]) -> Experience:
        return cls(Reviews.below(root, keys), Durations.below(root, keys))


def with_experience(
    explained: Mapping[str, Any], routes: Routes, policy: Policy, experience: Experience
) -> dict[str, Any]:
    """Return the explanation with what was learnt of each step's agent and kind of work, as far as the policy uses it.

    A step gets `calibration` (agent, action, reviews, accepted, expected, threshold, passing) and `pace` (kind,
    factor, n), each null where nothing is known; `learned` lists each of them once.
    """
    paces = experience.durations.paces() if policy.learned_estimates else {}
    reviewed: dict[tuple[str, str, float], dict[str, Any] | None] = {}
    steps = []
    for step in explained["steps"]:
        kind = kind_of_route(routes[step["id"]])
        pace = {"kind": kind, **asdict(paces[kind])} if kind in paces else None
        calibration = None
        if policy.calibrate and step["agent"]:
            of = (step["agent"], step["action"], step["threshold"])
            reviewed.setdefault(of, _calibration(*of, experience.reviews))
            calibration = reviewed[of]
        steps.append({**step, "calibration": calibration, "pace": pace})
    used = {step["pace"]["kind"] for step in steps if step["pace"]}
    learned = {
        "calibration": [one for _, one in sorted(reviewed.items()) if one],
        "paces": [{"kind": kind, **asdict(pace)} for kind, pace in paces.items() if kind in used],
    }
    return {**explained, "steps": steps, "learned": learned}


def _calibration(agent: str, action: str, threshold: float, reviews: Reviews) -> dict[str, Any] | None:
    """Say what reviews made of an action, and with which claims it passes a threshold (none: it cannot)."""
    judged = reviews.of(agent, action)
    if not judged:
        return None
    return {
        "agent": agent,
        "action": action,
        "reviews": len(judged),
        "accepted": sum(one.accepted for one in judged),
        "expected": round(sum(one.confidence for one in judged), 2),
        "threshold": threshold,
        "passing": [list(claims) for claims in passing(threshold, judged)],
    }
