"""Which approval a step needs before it starts: the rules of `gate_rules`, applied to its words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from planexe_dag_factory.plan.model import Escalation, Plan, Role, Step
from planexe_dag_factory.plan.text import quote
from planexe_dag_factory.routing.amounts import Amount, amounts, largest
from planexe_dag_factory.routing.assignees import is_person, owner_of
from planexe_dag_factory.routing.gate_rules import APPROVER_WORDS, DESK_VERBS, OFFICE_WORDS, PAPERS, RULES, GateRule
from planexe_dag_factory.routing.model import Gate, GateKind, GateSource
from planexe_dag_factory.routing.words import MAX_TEXT, stem

ORDER: tuple[GateKind, ...] = ("budget", "regulatory", "irreversible")
REACH = 12
"""How many words after the act its object may stand."""

T = TypeVar("T")

_WORD = re.compile(r"[a-z]+")
_SENTENCE = re.compile(r"[;\n]|\.(?=\s|$)|\d+\.\s|\b(?:Objective|Scope|Steps|Deliverables?)\s*:")
_CLAUSE = re.compile(
    r"[,:()/]|\b(?:and|or|including|includes?|involves?|by|then|through|while|before|after)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that fired, and the phrase that made it."""

    rule: GateRule
    phrase: str
    amount: Amount | None


@dataclass(frozen=True, slots=True)
class _Clause:
    """What is said from the beginning of a clause to the end of its sentence; `desk`: it tells of a paper."""

    text: str
    desk: bool


@dataclass(frozen=True, slots=True)
class Approver:
    """Who approves, and why they do."""

    name: str
    why: str


def derive_gate(step: Step, plan: Plan, approver: Approver | None = None) -> tuple[Gate | None, str]:
    """Return the gate that the words of a step raise, and why there is one or none.

    The first kind in `ORDER` counts; `approver` wins over the plan's governance.
    """
    found = find_gate(step)
    if found is None:
        return None, "no phrase commits money, files with an authority or does what cannot be undone"
    why = f"the step {found.rule.name}: {quote(found.phrase)}"
    return make_gate(found.rule.kind, why, plan, approver, found.amount), why


def make_gate(
    kind: GateKind,
    why: str,
    plan: Plan,
    approver: Approver | None = None,
    amount: Amount | None = None,
    *,
    raised_by: GateSource = "words",
) -> Gate:
    """Return a gate with its approver: the one named, else whom the plan itself makes decide on its kind."""
    decides = approver or approver_of(kind, plan)
    value, currency = (amount.value, amount.currency) if amount else (None, None)
    return Gate(kind, why, decides.name, value, currency, approver_why=decides.why, raised_by=raised_by)


def find_gate(step: Step) -> Finding | None:
    """Return the first rule that fires: by the order of kinds, then title before description."""
    title, detail = _clauses(step.title), _clauses(step.description, on_paper=_is_desk(step.title))
    found = [*_acts(title), *_things(step.title), *_acts(detail)]
    if not found:
        return None
    rule, phrase = min(found, key=lambda one: ORDER.index(one[0].kind))
    return Finding(rule, phrase, named_amount(step, rule.kind))


def named_amount(step: Step, kind: GateKind) -> Amount | None:
    """Return the largest amount that a step names, where its gate is about money."""
    return largest(amounts(f"{step.title}\n{step.description}"[:MAX_TEXT])) if kind == "budget" else None


def approver_of(kind: GateKind, plan: Plan) -> Approver:
    """Return who approves such a gate by the plan itself: matrix, bodies, team, stakeholders, and then its owner.

    A stakeholder from outside, an authority say, is nobody's approver: only those whose title is a person's count.
    """
    if (row := _best(plan.escalations, APPROVER_WORDS[kind], _issue)) and row.level:
        return Approver(row.level, f"the plan's decision escalation matrix says so of {quote(row.issue)}")
    if body := _best((role for role in plan.roles if role.kind == "body"), APPROVER_WORDS[kind], _mandate):
        return Approver(body.title, "of the bodies of the plan's governance, its mandate is the nearest")
    if member := _best((role for role in plan.roles if role.kind == "team"), OFFICE_WORDS[kind], _title):
        return Approver(
            member.title, "the plan's governance names nobody for it; of its team, this role is the nearest"
        )
    outside = (role for role in plan.roles if role.kind == "stakeholder" and is_person(role.title))
    if stakeholder := _best(outside, OFFICE_WORDS[kind], _title):
        return Approver(stakeholder.title, "of the plan's stakeholders, this one is the nearest")
    return Approver(owner_of(plan), "nobody in the plan is named for it, so its owner decides")


def _issue(row: Escalation) -> str:
    return row.issue


def _title(role: Role) -> str:
    return role.title


def _mandate(body: Role) -> str:
    return f"{body.title} {body.description}"


def _best(rows: Iterable[T], listed: str, text: Callable[[T], str]) -> T | None:
    """Return the row that says most of the listed words; the first of equals."""
    wanted = _stems(listed)
    ranked = [(len(wanted & _stems(text(row).lower())), row) for row in rows]
    hits, row = max(ranked, key=lambda pair: pair[0], default=(0, None))
    return row if hits else None


def _clauses(text: str, *, on_paper: bool = False) -> Iterator[_Clause]:
    for sentence in _SENTENCE.split(text[:MAX_TEXT]):
        desk = on_paper or _is_desk(sentence)
        start = 0
        for mark in (*_CLAUSE.finditer(sentence), None):
            yield _Clause(sentence[start:].strip(), desk)
            start = mark.end() if mark else len(sentence)


def _is_desk(sentence: str) -> bool:
    """Say whether a sentence makes a paper: what follows in it is what the paper holds."""
    said = _WORD.findall(sentence.lower())
    papers = _stems(PAPERS)
    return bool(said) and said[0] in _forms(DESK_VERBS) and any(stem(word) in papers for word in said)


def _acts(found: Iterable[_Clause]) -> Iterator[tuple[GateRule, str]]:
    for clause in found:
        said = _WORD.findall(clause.text.lower())
        act = _act(said)
        if act is None or (clause.desk and act.endswith("ing")):
            continue
        follows = {stem(word) for word in said[1:REACH]}
        for rule in _rules_by_act().get(act, ()):
            if _applies(rule, follows):
                yield rule, " ".join(clause.text.split()[:REACH])


def _act(said: list[str]) -> str | None:
    """Return the word a clause is about: its first, or the next one after an adverb."""
    lead = next((word for word in said[:2] if not word.endswith("ly")), None)
    return None if lead in _forms(DESK_VERBS) else lead


def _applies(rule: GateRule, follows: set[str]) -> bool:
    wanted = _stems(rule.objects)
    return (not wanted or bool(wanted & follows)) and not _stems(rule.unless) & follows


@cache
def _rules_by_act() -> Mapping[str, tuple[GateRule, ...]]:
    acts = {act for rule in RULES for act in _forms(rule.acts)}
    return {act: tuple(rule for rule in RULES if act in _forms(rule.acts)) for act in acts}


def _things(title: str) -> Iterator[tuple[GateRule, str]]:
    said = _WORD.findall(title.lower())
    if not said or said[0] in _forms(DESK_VERBS) or _stems(PAPERS) & {stem(word) for word in said}:
        return
    for rule in RULES:
        if set(rule.things.split()) & set(said) and not _stems(rule.unless) & {stem(word) for word in said}:
            yield rule, title


@cache
def _stems(listed: str) -> frozenset[str]:
    return frozenset(stem(word) for word in _WORD.findall(listed))


@cache
def _forms(verbs: str) -> frozenset[str]:
    """Return each verb as it leads a clause: sign, signing; submit, submitting; file, filing."""
    plain = verbs.split()
    doubled = (verb + verb[-1] for verb in plain)
    shortened = (verb.removesuffix("e") for verb in plain)
    return frozenset(plain) | {f"{base}ing" for base in (*plain, *doubled, *shortened)}
