"""What kind of work a step is: a person's, or finding, analysing or writing that an agent can do.

A multinomial logistic regression over words and word groups. The groups (`lexicon.json`) are
written by hand; the weights (`worktype.json`) are learned by `benchmarks/worktype_training.py` from
labelled tasks of real plans. No text of any plan is in either.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from planexe_dag_factory.plan.model import Step
from planexe_dag_factory.routing.model import HUMAN
from planexe_dag_factory.routing.words import clauses, deliverables, stem, telling_words

KINDS = ("analysis", "data_gathering", HUMAN, "reporting")

Features = Mapping[str, tuple[float, str]]
"""By name of the feature: its value, and the word of the step that brought it in."""


@cache
def lexicon() -> Mapping[str, tuple[str, ...]]:
    """Return the hand-written groups that the stem of a word belongs to."""
    text = files(__package__).joinpath("lexicon.json").read_text("utf-8")
    groups: dict[str, tuple[str, ...]] = {}
    for group, members in json.loads(text).items():
        for member in sorted({stem(word) for word in members.split()}):
            groups[member] = (*groups.get(member, ()), group)
    return groups


class _Collector:
    """Collects features; the first word that brings a feature in is kept to explain it."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[float, str]] = {}

    def stems(self, place: str, value: float, texts: Iterable[str]) -> None:
        for word in texts:
            self.found.setdefault(f"{place}:{stem(word)}", (value, word))

    def groups(self, place: str, value: float, texts: Iterable[str]) -> None:
        for word in texts:
            for group in lexicon().get(stem(word), ()):
                self.found.setdefault(f"{place}:{group}", (value, word))


def features(step: Step) -> Features:
    """Describe a step to the model: the values weigh the title above the description and resources."""
    collected = _Collector()
    title, detail = telling_words(step.title), telling_words(step.description)
    leads = [clause[0] for clause in clauses(step.description)]
    collected.stems("verb", 1.5, title[:1])
    collected.stems("title", 1.0, title)
    collected.groups("title group", 0.5, title)
    collected.groups("last group", 0.5, title[-1:])
    collected.stems("detail", 0.3, detail)
    collected.groups("detail group", 0.3, detail)
    collected.stems("clause", 0.5, leads)
    collected.groups("first group", 0.5, leads[:1])
    collected.groups("deliverable group", 0.4, telling_words(deliverables(step.description)))
    collected.groups("resource group", 0.25, telling_words("\n".join(step.resources)))
    return collected.found


@dataclass(frozen=True, slots=True)
class WorkModel:
    """Weights by feature, one per kind in the order of `KINDS`; `bias` has the same order."""

    bias: tuple[float, ...]
    weights: Mapping[str, tuple[float, ...]]

    def probabilities(self, found: Features) -> dict[str, float]:
        """Return how likely each kind of work is; they add up to 1."""
        scores = list(self.bias)
        for name, (value, _) in found.items():
            for kind, weight in enumerate(self.weights.get(name, ())):
                scores[kind] += weight * value
        highest = max(scores)
        powers = [math.exp(score - highest) for score in scores]
        return {kind: power / sum(powers) for kind, power in zip(KINDS, powers, strict=True)}

    def understands(self, found: Features) -> bool:
        """Say whether any word of the title is known; a title in another language is not."""
        return any(name in self.weights for name in found if name.startswith(("verb:", "title:", "title group:")))

    def reasons(self, found: Features, kind: str, count: int = 3) -> tuple[str, ...]:
        """Return the words of the step that speak most for a kind of work, strongest first."""
        at = KINDS.index(kind)
        votes: dict[str, float] = {}
        for name, (value, word) in found.items():
            if name in self.weights:
                votes[word] = votes.get(word, 0.0) + self.weights[name][at] * value
        ranked = sorted(votes, key=lambda word: (-votes[word], word))
        return tuple(word for word in ranked[:count] if votes[word] > 0)


@cache
def shipped_model() -> WorkModel:
    """Read the model that the package ships."""
    document = json.loads(files(__package__).joinpath("worktype.json").read_text("utf-8"))
    weights = {name: tuple(row) for name, row in document["weights"].items()}
    return WorkModel(bias=tuple(document["bias"]), weights=weights)
