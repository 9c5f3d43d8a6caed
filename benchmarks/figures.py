"""What was measured: one figure is a subject against its rival, side by side in the same run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal

from rich.table import Table

Unit = Literal["ms", "s", "MB", ""]
_SHOWN: dict[Unit, str] = {"ms": "{:.0f} ms", "s": "{:.1f} s", "MB": "{:.0f} MB", "": "{:.1f}"}
_SCALE: dict[Unit, float] = {"ms": 1000, "s": 1, "MB": 1e-6, "": 1}


@dataclass(frozen=True)
class Figure:
    """What each round brought, ours and the rival's (times in seconds, memory in bytes), and the ratio aimed at.

    Without a rival, `against` is empty and a round is ours alone; without an aim, it is there to be known.
    """

    name: str
    against: str
    rounds: tuple[tuple[float, ...], ...]
    aim: float | None = None
    unit: Unit = "ms"

    @property
    def medians(self) -> tuple[float, ...]:
        return tuple(median(side) for side in zip(*self.rounds, strict=True))

    @property
    def ratio(self) -> float | None:
        """The median of the rounds' ratios: what slows a whole round down falls out of it."""
        return median(self._ratios) if self._ratios else None

    @property
    def spread(self) -> tuple[float, float] | None:
        """The middle half of the rounds' ratios."""
        quarter = len(self._ratios) // 4
        return (self._ratios[quarter], self._ratios[-1 - quarter]) if self._ratios else None

    @property
    def _ratios(self) -> list[float]:
        return sorted(pair[0] / pair[1] for pair in self.rounds if len(pair) > 1 and pair[1])

    @property
    def reached(self) -> bool | None:
        return round(self.ratio, 2) <= self.aim if self.ratio is not None and self.aim is not None else None

    def as_json(self) -> dict[str, Any]:
        rounds = [list(pair) for pair in self.rounds]
        found = {"medians": self.medians, "ratio": self.ratio, "spread": self.spread, "reached": self.reached}
        return {**asdict(self), "rounds": rounds, **found}


COLUMNS = ("measured", "against", "ours", "rival", "ratio", "middle half", "aim", "reached")
NOTHING = "-"


def rows(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    """One line of text a figure; what is shown of both sides is the median."""
    return [_row(figure) for figure in figures]


def _row(figure: Figure) -> tuple[str, ...]:
    shown = [_SHOWN[figure.unit].format(value * _SCALE[figure.unit]) for value in figure.medians]
    return (
        figure.name,
        figure.against or NOTHING,
        *(shown if len(shown) > 1 else (*shown, NOTHING)),
        NOTHING if figure.ratio is None else f"{figure.ratio:.2f}",
        NOTHING if figure.spread is None else "{:.2f} to {:.2f}".format(*figure.spread),
        NOTHING if figure.aim is None else f"{figure.aim:.2f}",
        {True: "yes", False: "no", None: NOTHING}[figure.reached],
    )


def table(title: str, figures: Sequence[Figure]) -> Table:
    shown = Table(*COLUMNS, title=title)
    for row in rows(figures):
        shown.add_row(*row)
    return shown


def markdown(title: str, setting: str, figures: Sequence[Figure]) -> str:
    lines = [f"# {title}", "", setting, "", f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows(figures))]) + "\n"
