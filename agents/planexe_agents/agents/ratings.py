"""Reads the words by which a plan rates its risks."""

from __future__ import annotations

from collections.abc import Sequence

from planexe_agents.context import RiskRow
from planexe_agents.methods.scenarios import LEVELS, LIKELIHOOD, SEVERITY, Hazard

TITLE = 90


def level(rating: str) -> str | None:
    """Return `low`, `medium` or `high`, or None for any other word. `Very high` is high."""
    words = rating.lower().replace("critical", "high").replace("moderate", "medium").split()
    return next((word for word in LEVELS if word in words), None)


def rank(row: RiskRow) -> int:
    """Likelihood times severity, each 1 to 3; what is not rated counts as medium."""
    return _points(row.likelihood) * _points(row.severity)


def is_rated(row: RiskRow) -> bool:
    """Say whether the plan rates both the likelihood and the severity of a risk."""
    return level(row.likelihood) is not None and level(row.severity) is not None


def rated_share(rows: Sequence[RiskRow]) -> float:
    """The share of risks with both ratings, 0 to 1."""
    return sum(map(is_rated, rows)) / len(rows) if rows else 0.0


def hazard(row: RiskRow) -> Hazard:
    """Put a risk on the scale of the scenarios; what is not rated counts as medium."""
    return Hazard(
        area=row.area or "unnamed",
        probability=LIKELIHOOD[level(row.likelihood) or "medium"],
        loss=SEVERITY[level(row.severity) or "medium"],
        mitigated=bool(row.action.strip()),
        title=title(row),
    )


def title(row: RiskRow) -> str:
    """Return the words that a reader knows a risk by: its area and the first words of its description."""
    words = " ".join(row.description.split())
    short = words if len(words) <= TITLE else words[: TITLE - 1].rsplit(" ", 1)[0] + "…"
    return ": ".join(part for part in (row.area, short) if part)


def _points(rating: str) -> int:
    return 1 + LEVELS.index(level(rating) or "medium")
