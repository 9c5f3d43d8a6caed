"""Which entries of the plan's risk register a step has to do with: those that share its rarest words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from planexe_dag_factory.routing.resemblance import rarity
from planexe_dag_factory.routing.words import stem, telling_words

SHOWN = 3
SHARED = 2
"""One word in common says little: `site` or `data` is in half of all risks."""


def risks_near(register: Sequence[Mapping[str, Any]], step: str) -> list[Mapping[str, Any]]:
    """Return the risks that share at least two telling words with a step's text, the closest first."""
    told = _stems(step)
    scored = [(_weight(told & _stems(_text(risk))), risk) for risk in register]
    return [risk for weight, risk in sorted(scored, key=lambda one: -one[0]) if weight > 0][:SHOWN]


def _stems(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in telling_words(text))


def _text(risk: Mapping[str, Any]) -> str:
    return " ".join(str(risk.get(name) or "") for name in ("area", "description", "action"))


def _weight(shared: frozenset[str]) -> float:
    """Weigh by rarity among the tasks of real plans, so that `permit` counts for more than `plan`."""
    known = rarity()
    return sum(known.get(name, known[""]) for name in shared) if len(shared) >= SHARED else 0.0
