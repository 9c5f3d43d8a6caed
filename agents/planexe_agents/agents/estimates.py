"""Turns a plan's estimates into activities that can be scheduled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planexe_agents.context import Estimate
from planexe_agents.methods.schedule import Activity


@dataclass(frozen=True, slots=True)
class Schedulable:
    """Activities, and what the plan says about them.

    `linked` is the share of them that wait for another or are waited for, `ranged` the share with a true range of days.
    """

    activities: tuple[Activity, ...]
    order_is_stated: bool
    linked: float
    ranged: float


def schedulable(estimates: Sequence[Estimate]) -> Schedulable:
    """Take the estimates that include no other one, so that no day counts twice.

    Where the plan states no order at all, they follow each other as listed, which is PlanExe's own
    waterfall and the longest the work can take.
    """
    including = {estimate.parent for estimate in estimates}
    leaves = [estimate for estimate in estimates if estimate.id not in including]
    stated = any(estimate.depends_on for estimate in leaves)
    before = [()] + [(estimate.id,) for estimate in leaves]
    activities = tuple(
        Activity(leaf.id, leaf.days_min, leaf.days_likely, leaf.days_max, leaf.depends_on if stated else previous)
        for leaf, previous in zip(leaves, before, strict=False)
    )
    waited_for = {name for leaf in leaves for name in leaf.depends_on}
    linked = sum(bool(leaf.depends_on) or leaf.id in waited_for for leaf in leaves)
    ranged = sum(leaf.days_min < leaf.days_max for leaf in leaves)
    count = max(1, len(leaves))
    return Schedulable(activities, stated, linked / count, ranged / count)
