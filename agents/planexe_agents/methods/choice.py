"""Compares options by weighted criteria, and says how far the winner depends on the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SWING = 0.25


@dataclass(frozen=True, slots=True)
class Ranking:
    """Options with their value (0 to 1), best first.

    `stability` is the share of trials, each with one weight a quarter up or down, that the same
    option wins; `completeness` the share of scores that were given at all.
    """

    values: tuple[tuple[str, float], ...]
    stability: float
    completeness: float


def compare(
    options: Mapping[str, Mapping[str, float]], weights: Mapping[str, float], lower_is_better: Sequence[str] = ()
) -> Ranking:
    """Rank options by the weighted sum of their scores, each criterion scaled from 0 (worst) to 1 (best).

    A missing score counts as the worst. The additive model of Keeney and Raiffa, "Decisions with
    Multiple Objectives", 1976. Raises ValueError where no criterion has a positive weight.
    """
    if not any(weight > 0 for weight in weights.values()):
        raise ValueError("no criterion has a positive weight")
    scaled = {name: _scale(options, name, lowest_best=name in lower_is_better) for name in weights}
    values = _values(options, scaled, weights)
    trials = [{**weights, name: weight * swing} for name, weight in weights.items() for swing in (1 - SWING, 1 + SWING)]
    winner = values[0][0]
    kept = sum(_values(options, scaled, trial)[0][0] == winner for trial in trials)
    given = sum(name in scores for scores in options.values() for name in weights)
    return Ranking(values, kept / len(trials), given / (len(options) * len(weights)))


def _scale(options: Mapping[str, Mapping[str, float]], criterion: str, *, lowest_best: bool) -> dict[str, float]:
    given = {option: scores[criterion] for option, scores in options.items() if criterion in scores}
    low, high = min(given.values(), default=0.0), max(given.values(), default=0.0)
    if low == high:
        return dict.fromkeys(given, 1.0)
    return {
        option: ((high - score) if lowest_best else (score - low)) / (high - low) for option, score in given.items()
    }


def _values(
    options: Mapping[str, object], scaled: Mapping[str, Mapping[str, float]], weights: Mapping[str, float]
) -> tuple[tuple[str, float], ...]:
    total = sum(weights.values())
    sums = {
        option: sum(weights[name] * scaled[name].get(option, 0.0) for name in weights) / total for option in options
    }
    return tuple(sorted(sums.items(), key=lambda item: (-item[1], item[0])))
