"""The plan that is carried out while its machinery is killed: every kind of step, several at once."""

from __future__ import annotations

from typing import Any

PLAN_ID = "faults"
PHASES = ("sow", "reap", "bake")
_STEPS: tuple[tuple[str, str], ...] = (
    ("grind", "a"),
    ("mature", "a"),
    ("human", "b"),
    ("sift", "b"),
    ("gate", "c"),
    ("grind", "c"),
    ("ship", "d"),
)


def fault_plan(phases: tuple[str, ...] = PHASES) -> dict[str, Any]:
    """Seven steps in each phase: agents at once and from the triggerer, reviews, people, approvals."""
    return {
        "format": "planexe-dag/1",
        "id": PLAN_ID,
        "title": "Work on while everything dies",
        "phases": [{"id": phase, "title": phase.title()} for phase in phases],
        "steps": [_step(phase, kind, package) for phase in phases for kind, package in _STEPS],
    }


def fault_policy(phases: tuple[str, ...] = PHASES) -> dict[str, Any]:
    """The gates, and who opens them."""
    rules = [{"step": f"{phase}-gate-c", "gate": "irreversible", "approver": "Board"} for phase in phases]
    return {"separate_doer": False, "rules": rules}  # one person answers everything


def _step(phase: str, kind: str, package: str) -> dict[str, Any]:
    step = {
        "id": f"{phase}-{kind}-{package}",
        "title": f"{kind.title()} for {phase}",
        "phase": phase,
        "package": f"{phase}-{package}",
    }
    if kind == "human":
        return {**step, "human_required": True}
    return {**step, "action": f"mill.{'grind' if kind == 'gate' else kind}", "human_required": False}
