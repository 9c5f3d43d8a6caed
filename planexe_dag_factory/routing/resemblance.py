"""How much a step resembles the work that an agent publishes: cosine over words weighted by rarity.

What is compared is the step's title with the name, the description, each example and each `cannot`
of an action, and the vocabulary of all of them and of its input schema. A word counts more the
fewer tasks of real plans use it (inverse document frequency), and the verb that leads counts twice.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from planexe_dag_factory.plan.model import Step
from planexe_dag_factory.routing.model import Capability
from planexe_dag_factory.routing.words import stem, words

Vector = Mapping[str, float]

LEAD = 2.0
SENTENCE_SHARE = 0.75
"""How much of a resemblance is the closest sentence; the rest is shared vocabulary."""

REFUSED_AT = 0.6
SCHEMA_DEPTH = 5


@dataclass(frozen=True, slots=True)
class Resemblance:
    """How well an action fits a step, 0 to 1; the example that is closest; what the agent says it cannot."""

    score: float
    example: str
    cannot: str | None = None


@dataclass(frozen=True, slots=True)
class _Profile:
    sentences: tuple[tuple[str, Vector], ...]
    cannot: tuple[tuple[str, Vector], ...]
    vocabulary: frozenset[str]


@cache
def rarity() -> Mapping[str, float]:
    """Return the inverse document frequency of stems; the entry '' is for those never seen."""
    document = json.loads(files(__package__).joinpath("rarity.json").read_text("utf-8"))
    total = document["documents"]
    seen = {name: math.log((1 + total) / (1 + count)) for name, count in document["stems"].items()}
    return {**seen, "": math.log(1 + total)}


def resemblance(step: Step, capability: Capability) -> Resemblance:
    """Compare a step with an action."""
    profile = _profile(
        capability.action,
        capability.description,
        capability.examples,
        capability.cannot,
        " ".join(_schema_words(capability.input_schema)),
    )
    title = vector(step.title)
    closeness, example = _closest(title, profile.sentences)
    refused, cannot = _closest(title, profile.cannot)
    score = SENTENCE_SHARE * closeness + (1 - SENTENCE_SHARE) * _coverage(title, profile.vocabulary)
    refuses = refused >= REFUSED_AT and refused > closeness
    return Resemblance(round(min(score, 1.0), 4), example, cannot if refuses else None)


def vector(text: str) -> Vector:
    """Return the stems of a text with their weights."""
    weights = rarity()
    stems = [stem(word) for word in words(text)]
    found = {name: weights.get(name, weights[""]) for name in stems}
    return found | {stems[0]: LEAD * found[stems[0]]} if stems else {}


@cache
def _profile(
    action: str, description: str, examples: tuple[str, ...], cannot: tuple[str, ...], schema: str
) -> _Profile:
    published = (action.replace("_", " "), description, *examples)
    return _Profile(
        sentences=tuple((text, vector(text)) for text in published),
        cannot=tuple((text, vector(text)) for text in cannot),
        vocabulary=frozenset(stem(word) for text in (*published, schema) for word in words(text)),
    )


def _closest(title: Vector, sentences: Iterable[tuple[str, Vector]]) -> tuple[float, str]:
    scored = ((_cosine(title, sentence), text) for text, sentence in sentences)
    return max(scored, key=lambda pair: pair[0], default=(0.0, ""))


def _cosine(left: Vector, right: Vector) -> float:
    shared = sum(weight * right[name] for name, weight in left.items() if name in right)
    lengths = math.hypot(*left.values()) * math.hypot(*right.values())
    return shared / lengths if lengths else 0.0


def _coverage(title: Vector, vocabulary: frozenset[str]) -> float:
    total = sum(title.values())
    return sum(weight for name, weight in title.items() if name in vocabulary) / total if total else 0.0


def _schema_words(schema: Any, depth: int = SCHEMA_DEPTH) -> Iterator[str]:
    """Yield what an input schema says in words: names and descriptions of its properties."""
    if not isinstance(schema, Mapping) or depth == 0:
        return
    properties = schema.get("properties")
    for name, inner in sorted(properties.items()) if isinstance(properties, Mapping) else ():
        yield str(name).replace("_", " ")
        if isinstance(inner, Mapping):
            yield str(inner.get("description", ""))
        yield from _schema_words(inner, depth - 1)
