"""The ratings of a plan's risks, as the scenarios and the rules need them."""

from __future__ import annotations

from collections.abc import Sequence

from planexe_agents.context import RiskRow
from planexe_agents.methods.ratings import LEVELS, Level, read_level
from planexe_agents.methods.scenarios import LIKELIHOOD, SEVERITY, Hazard

TITLE = 90
SHOWN = 40


def likelihood(row: RiskRow) -> Level | None:
    """Return how likely the plan says a risk is; None where that cannot be read."""
    return read_level(row.likelihood, chance=True)


def severity(row: RiskRow) -> Level | None:
    """Return how severe the plan says a risk is; None where that cannot be read."""
    return read_level(row.severity)


def rank(row: RiskRow) -> int:
    """Likelihood times severity, each 1 to 3; what is not rated counts as medium."""
    return _points(likelihood(row)) * _points(severity(row))


def is_rated(row: RiskRow) -> bool:
    """Say whether the plan rates both the likelihood and the severity of a risk."""
    return likelihood(row) is not None and severity(row) is not None


def unread(rows: Sequence[RiskRow]) -> list[str]:
    """Name the risks whose ratings cannot be read, and what the plan says there."""
    return [
        f"{title(row)[: 2 * TITLE]} (likelihood: {_quoted(row.likelihood)}, severity: {_quoted(row.severity)})"
        for row in rows
        if not is_rated(row)
    ]


def rated_share(rows: Sequence[RiskRow]) -> float:
    """The share of risks with both ratings, 0 to 1."""
    return sum(map(is_rated, rows)) / len(rows) if rows else 0.0


def hazard(row: RiskRow) -> Hazard:
    """Put a risk on the scale of the scenarios; what is not rated counts as medium."""
    return Hazard(
        area=row.area or "unnamed",
        probability=LIKELIHOOD[likelihood(row) or "medium"],
        loss=SEVERITY[severity(row) or "medium"],
        mitigated=bool(row.action.strip()),
        title=title(row),
    )


def title(row: RiskRow) -> str:
    """Return the words that a reader knows a risk by: its area and the first words of its description."""
    words = " ".join(row.description.split())
    short = words if len(words) <= TITLE else words[: TITLE - 1].rsplit(" ", 1)[0] + "…"
    return ": ".join(part for part in (row.area, short) if part)


def _points(level: Level | None) -> int:
    return 1 + LEVELS.index(level or "medium")


def _quoted(rating: str) -> str:
    return f"“{' '.join(rating.split())[:SHOWN]}”" if rating.strip() else "nothing"
