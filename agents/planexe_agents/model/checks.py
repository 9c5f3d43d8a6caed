"""Checks what a model wrote against what it was given, sentence by sentence; trusts none of it.

A claim stays only if it stands under a heading that was asked for, cites evidence that exists with words
that are there, holds no number or address that its evidence does not hold, denies what it cites nowhere and
decides nothing that it does not, and shares three quarters of its words that carry meaning with that evidence
and the question. The words are compared, not what they mean: a model that was talked into something can
choose, cut and reorder what the evidence says, and may so still say something else with its words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from planexe_agents.methods.text import terms
from planexe_agents.model.answer import Answer, Citation, Claim
from planexe_agents.model.prompt import Brief, Item, clean

NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:\s?%)?")
ADDRESS = re.compile(
    r"(?:https?://|www\.|mailto:)\S+|\b[\w.+-]+@[\w-]+\.\w+|\b[\w-]+\.(?:com|net|org|io|dev|info)\b", re.IGNORECASE
)
NUMBER_WORDS = frozenset(
    """
    two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty sixty seventy eighty ninety
    hundred thousand million billion dozen twice double triple half quarter
    """.split()  # noqa: SIM905 - as in methods.text
)
WORD = re.compile(r"[^\W\d_]+")
NEGATION = re.compile(
    r"""
    \b(?: no | not | non | nor | neither | never | none | nobody | nothing | nowhere | cannot | without | \w+n['\u2019]t
    | nicht | kein\w* | nie | niemals | ohne | ikke | ingen | inte | niet | geen | ne | pas | jamais | sans | nunca
    | sin )\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Words that turn a sentence round, of the languages that plans are mostly in."""
DECIDING = tuple(
    """
    accept approv authori bypass cancel confiden declin deni deny dismiss fail forbid ignor impossib lack oppos
    overrul prohibit refus reject revok review skip unable unlikely unnecessar waiv withdr
    """.split()  # noqa: SIM905 - as in methods.text
)
"""How words begin that decide or undo something, or speak to whoever decides: those of the evidence alone may."""
CLAUSE = re.compile(r"[.!?,;:()]\s+|\s[-\u2013\u2014]\s")
SHARED = 0.75
ROUNDABLE = 1000
"""A whole number below this may be a rounded one; above it every digit counts."""
QUOTE_WORDS = 3


@dataclass(frozen=True, slots=True)
class KeptClaim:
    """A claim that stood its checks, with what it cites: the source's own name and the words found there."""

    heading: str
    text: str
    cites: tuple[tuple[str, Item], ...]
    quotes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """What is left of an answer; `faults` counts, in words, what was dropped and why."""

    claims: tuple[KeptClaim, ...]
    faults: Mapping[str, int]
    asked: int

    @property
    def share(self) -> float:
        """The share of claims without any fault: one that lost a citation and stands on another is at fault too."""
        return max(0.0, 1 - sum(self.faults.values()) / self.asked)

    @property
    def cited(self) -> frozenset[str]:
        """The ids of the evidence that the claims rest on."""
        return frozenset(name for claim in self.claims for name, _ in claim.cites)


def check(answer: Answer, brief: Brief) -> Checked:
    """Keep the claims that the evidence bears out."""
    evidence = brief.evidence
    question = set(terms(" ".join(text for kind, text in brief.about if kind != "lesson")))
    faults: Counter[str] = Counter()
    kept: dict[str, KeptClaim] = {}
    for claim in answer.claims:
        good = [one for one in claim.citations if _is_found(one, evidence)]
        fault = _fault(claim, good, evidence, question, brief.headings)
        if fault or len(good) < len(claim.citations):
            faults[fault or "cited what is not there"] += 1
        if not fault:
            text = " ".join(clean(claim.text).split())
            kept.setdefault(text, KeptClaim(claim.heading, text, *_cites(good, evidence)))
    return Checked(tuple(kept.values()), dict(faults), len(answer.claims))


def agreement(one: Checked, other: Checked) -> float:
    """How far two samples rest on the same evidence, 0 to 1: the overlap coefficient of what they cite."""
    least = min(len(one.cited), len(other.cited))
    return len(one.cited & other.cited) / least if least else 0.0


def _fault(
    claim: Claim,
    good: Sequence[Citation],
    evidence: Mapping[str, Item],
    question: set[str],
    headings: Iterable[str],
) -> str | None:
    """Say what is wrong with a claim; the words are shown to people."""
    if claim.heading not in headings:
        return "stood under a heading nobody asked for"
    if not good:
        return "cited nothing that is there"
    return _departure(clean(claim.text), " ".join(evidence[one.evidence].text for one in good), question)


def _departure(text: str, words: str, question: set[str]) -> str | None:
    """Say how a claim departs from the words of what it cites."""
    if not _addresses(text) <= _addresses(words):
        return "named an address that the evidence does not"
    if not _bears_out(text, words):
        return "gave a number that the evidence does not"
    if not _deciding(text) <= _deciding(words):
        return "decided what the evidence does not"
    if not _agrees(text, words):
        return "denied what it cites, or left out that it is denied"
    said = set(terms(text))
    if len(said & (set(terms(words)) | question)) < SHARED * len(said) or not said & set(terms(words)):
        return "said what the evidence does not"
    return None


def _is_found(citation: Citation, evidence: Mapping[str, Item]) -> bool:
    item = evidence.get(citation.evidence)
    if item is None:
        return False
    quote, text = _folded(citation.quote), _folded(item.text)
    return quote in text and (len(quote.split()) >= QUOTE_WORDS or quote == text)


def _folded(text: str) -> str:
    return " ".join(clean(text).casefold().split()).strip(" .\"'…")


def _deciding(text: str) -> set[str]:
    """Return how those words begin that decide or undo something."""
    found = (word for word in WORD.findall(text.casefold()) if word.startswith(DECIDING))
    return {next(start for start in DECIDING if word.startswith(start)) for word in found}


def _agrees(text: str, words: str) -> bool:
    """Say whether each clause of a claim denies what such clauses of the evidence deny, and no more."""
    there = [(set(terms(clause)), bool(NEGATION.search(clause))) for clause in CLAUSE.split(words)]
    return all(_is_so(clause, there) for clause in CLAUSE.split(text))


def _is_so(clause: str, there: Sequence[tuple[set[str], bool]]) -> bool:
    said, denies = set(terms(clause)), bool(NEGATION.search(clause))
    near = {denied for found, denied in there if len(said & found) >= SHARED * len(said)}
    return True in near if denies else not said or near != {True}


def _addresses(text: str) -> set[str]:
    return {found.casefold().rstrip(".,;)") for found in ADDRESS.findall(text)}


def _bears_out(text: str, words: str) -> bool:
    """Say whether every number of a text, in digits or in words, stands in `words`."""
    return _number_words(text) <= _number_words(words) and all(_holds(words, one) for one in NUMBER.findall(text))


def _number_words(text: str) -> set[str]:
    return {word for word in WORD.findall(text.casefold()) if word in NUMBER_WORDS}


def _holds(words: str, claimed: str) -> bool:
    """Say whether a text holds a number: as it is, or more exactly; a percentage also as a share of one."""
    digits = claimed.rstrip(" %").replace(",", "")
    value, decimals = float(digits), len(digits.partition(".")[2])
    slack = 0.5 * 10.0**-decimals if decimals or value < ROUNDABLE else 0.0
    given = [float(found.rstrip(" %").replace(",", "")) for found in NUMBER.findall(words)]
    shares = [100 * one for one in given if one <= 1] if claimed.endswith("%") else []
    return any(abs(one - value) <= slack + 1e-9 for one in (*given, *shares))


def _cites(
    good: Sequence[Citation], evidence: Mapping[str, Item]
) -> tuple[tuple[tuple[str, Item], ...], tuple[str, ...]]:
    first = {one.evidence: one for one in reversed(good)}
    names = list(dict.fromkeys(one.evidence for one in good))
    return tuple((name, evidence[name]) for name in names), tuple(clean(first[name].quote) for name in names)
