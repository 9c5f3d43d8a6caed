"""Finds the passages that answer a question, and says how well they cover it."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from planexe_agents.methods.text import Passage, passages, terms

K1 = 1.2
B = 0.75
WORTH_SHOWING = 0.25
RESTATES = 0.85


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage, its BM25 score, and the terms of the question that it holds."""

    passage: Passage
    score: float
    matched: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found on a question; `weights` says how telling each of its terms is (inverse document frequency)."""

    weights: Mapping[str, float]
    hits: tuple[Hit, ...]

    @property
    def covered(self) -> frozenset[str]:
        """The terms of the question that the hits hold."""
        return frozenset(term for hit in self.hits for term in hit.matched)

    @property
    def gaps(self) -> tuple[str, ...]:
        """The terms of the question that no hit holds, most telling first."""
        return tuple(sorted(self.weights.keys() - self.covered, key=lambda term: (-self.weights[term], term)))

    @property
    def coverage(self) -> float:
        """The share of the question's terms that the hits hold, by weight."""
        return sum(self.weights[term] for term in self.weights if term in self.covered) / (
            sum(self.weights.values()) or 1
        )

    def where(self, keep: Callable[[Hit], bool]) -> Findings:
        """Return the findings that rest on some of the hits alone."""
        return Findings(self.weights, tuple(hit for hit in self.hits if keep(hit)))

    @property
    def sources(self) -> tuple[str, ...]:
        """The distinct sources, best hit first."""
        return tuple(dict.fromkeys(hit.passage.source for hit in self.hits))

    @property
    def support(self) -> float:
        """How far independent sources bear each other out: 0 with none, 1/2 with one, 3/4 with two, ..."""
        return 1 - 0.5 ** len(self.sources)

    @property
    def confidence(self) -> float:
        """Coverage of the question times support by sources."""
        return round(self.coverage * self.support, 3)

    @property
    def confidence_why(self) -> str:
        """The two factors in words."""
        known = f"{len(self.covered)} of {len(self.weights)} terms of the question ({self.coverage:.0%} by weight)"
        return (
            f"evidence covers {known} "
            f"in {len(self.sources)} source{'' if len(self.sources) == 1 else 's'} (support {self.support:.0%})"
        )


class Index:
    """Passages ranked by Okapi BM25, k1 = 1.2, b = 0.75, with an idf that is never negative.

    Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009.
    """

    def __init__(self, found: Sequence[Passage]) -> None:
        self._passages = found
        self._mean = sum(len(passage.terms) for passage in found) / max(1, len(found))
        self._postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, passage in enumerate(found):
            for term, count in Counter(passage.terms).items():
                self._postings[term].append((number, count))

    def weight(self, term: str) -> float:
        """The inverse document frequency of a term, in nats."""
        count = len(self._postings.get(term, ()))
        return math.log(1 + (len(self._passages) - count + 0.5) / (count + 0.5))

    def rank(self, question: Iterable[str]) -> list[Hit]:
        """Return every passage that holds a term of the question, best first."""
        scores: dict[int, float] = defaultdict(float)
        matched: dict[int, list[str]] = defaultdict(list)
        for term in dict.fromkeys(question):
            weight = self.weight(term)
            for number, count in self._postings.get(term, ()):
                scores[number] += weight * self._saturated(number, count)
                matched[number].append(term)
        order = sorted(scores, key=lambda number: (-scores[number], number))
        return [Hit(self._passages[number], round(scores[number], 4), tuple(matched[number])) for number in order]

    def _saturated(self, number: int, count: int) -> float:
        length = len(self._passages[number].terms) / self._mean
        return count * (K1 + 1) / (count + K1 * (1 - B + B * length))


def find(question: str, texts: Iterable[tuple[str, str]], limit: int = 8) -> Findings:
    """Search named texts for what answers the question.

    A passage counts as an answer with two terms of the question (one, where the question has less
    than three) and a quarter of the best score; at most about a third come from one source. The same words
    in two sources count once, and words that only repeat the question are no answer.
    """
    asked = tuple(dict.fromkeys(terms(question)))
    index = Index([p for p in _distinct(texts) if not _restates(p, asked)])
    hits = _choose(index.rank(asked), 2 if len(asked) > 2 else 1, limit)  # noqa: PLR2004 - as the docstring says
    return Findings({term: index.weight(term) for term in asked}, hits)


def _distinct(texts: Iterable[tuple[str, str]]) -> list[Passage]:
    found = (passage for name, text in texts for passage in passages(name, text))
    first: dict[str, Passage] = {}
    for passage in found:
        first.setdefault(passage.text, passage)
    return list(first.values())


def _restates(passage: Passage, asked: tuple[str, ...]) -> bool:
    held, question = set(passage.terms), set(asked)
    return len(held & question) >= RESTATES * len(held | question)


def _choose(ranked: Sequence[Hit], least_terms: int, limit: int) -> tuple[Hit, ...]:
    chosen: list[Hit] = []
    per_source: Counter[str] = Counter()
    for hit in ranked:
        good = len(hit.matched) >= least_terms and hit.score >= WORTH_SHOWING * ranked[0].score
        if good and per_source[hit.passage.source] <= limit // 3:
            per_source[hit.passage.source] += 1
            chosen.append(hit)
    return tuple(chosen[:limit])
