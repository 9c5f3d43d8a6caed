"""What was measured: one figure is a subject against its rival, side by side in the same run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """What each round took, ours and the rival's in seconds, and the ratio that is aimed at."""

    name: str
    against: str
    rounds: tuple[tuple[float, float], ...]
    aim: float

    @property
    def medians(self) -> tuple[float, float]:
        return median(ours for ours, _ in self.rounds), median(rival for _, rival in self.rounds)

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios: what slows a whole round down falls out of it."""
        return median(self._ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The middle half of the rounds' ratios."""
        return self._ratios[len(self._ratios) // 4], self._ratios[-1 - len(self._ratios) // 4]

    @property
    def _ratios(self) -> list[float]:
        return sorted(ours / rival for ours, rival in self.rounds)

    @property
    def reached(self) -> bool:
        return round(self.ratio, 2) <= self.aim

    def as_json(self) -> dict[str, Any]:
        rounds = [list(pair) for pair in self.rounds]
        found = {"medians": self.medians, "ratio": self.ratio, "spread": self.spread, "reached": self.reached}
        return {**asdict(self), "rounds": rounds, **found}


COLUMNS = ("measured", "against", "ours, ms", "rival, ms", "ratio", "middle half", "aim", "reached")


def rows(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    """One line of text a figure; times are medians."""
    return [
        (
            figure.name,
            figure.against,
            *(f"{seconds * 1000:.0f}" for seconds in figure.medians),
            f"{figure.ratio:.2f}",
            "{:.2f} to {:.2f}".format(*figure.spread),
            f"{figure.aim:.2f}",
            "yes" if figure.reached else "no",
        )
        for figure in figures
    ]


def table(title: str, figures: Sequence[Figure]) -> Table:
    shown = Table(*COLUMNS, title=title)
    for row in rows(figures):
        shown.add_row(*row)
    return shown


def markdown(title: str, figures: Sequence[Figure]) -> str:
    lines = [f"# {title}", "", f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows(figures))]) + "\n"
