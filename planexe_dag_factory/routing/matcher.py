"""Matching a step to a registered action, or to a person, from what it says and what agents publish.

Two questions, in this order. What kind of work is it: does any indispensable part need a person
(`worktype`, learned)? And whose published work does it resemble most (`resemblance`, from the
registry alone, so that a new agent takes part at once)? An agent whose type is none of the learned
kinds is a specialist: it wins a step only by resemblance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from planexe_dag_factory.plan.model import Plan, Step
from planexe_dag_factory.plan.text import quote
from planexe_dag_factory.routing.model import HUMAN, Candidate, Capability, Registry
from planexe_dag_factory.routing.resemblance import Resemblance, resemblance
from planexe_dag_factory.routing.worktype import Features, WorkModel, features, shipped_model

MILESTONE_ACTION = "assess_milestone"
"""The action that belongs to milestones; steps are never matched to it."""

SPECIALIST_AT = 0.45
"""Resemblance from which a specialist is better than an agent of a learned kind."""

CERTAIN_AT = 0.7
"""Resemblance from which a specialist gets work that otherwise reads as a person's."""

KIN = {"risk_assessment": "analysis"}
"""Specialists in a learned kind: what the model says of people holds for their work too."""

SECOND_KIND_AT = 0.25
MAX_CANDIDATES = 5
NEAR = 0.6
"""What fits less than this share of the best fit is no candidate: after a rejection a person does better."""

_READS_AS = {
    "analysis": "analysing what is at hand",
    "data_gathering": "finding what exists",
    "reporting": "writing a document",
    HUMAN: "a person's work",
}


@dataclass(frozen=True, slots=True)
class Match:
    """What a matcher decided: the executor, how sure it is (0 to 1), why, and who could do it, best first.

    `alone` is how likely it is, 0 to 1, that no person is needed: what `caution` is held against.
    None: something else decided.
    """

    executor: str
    score: float
    why: str
    candidates: tuple[Candidate, ...] = ()
    alone: float | None = None


class Matcher(Protocol):
    """Decides who does a step. The same arguments always give the same answer, without a network."""

    def match(self, step: Step, plan: Plan, registry: Registry, caution: float) -> Match:
        """Choose between a person and the registry's actions.

        `caution` is how likely it must be, 0 to 1, that no person is needed.
        """

    def rank(self, step: Step, capabilities: Iterable[Capability]) -> tuple[Candidate, ...]:
        """Order actions by how well they fit a step, best first; equals keep the order given."""


@dataclass(frozen=True, slots=True)
class _Option:
    capability: Capability
    likeness: Resemblance
    score: float

    @property
    def candidate(self) -> Candidate:
        return Candidate(self.capability.agent, self.capability.action, self.score)


class PublishedMatcher:
    """The matcher that ships: a small learned model, and resemblance to what agents publish."""

    def __init__(self, model: WorkModel | None = None) -> None:
        self._model = model or shipped_model()

    def match(self, step: Step, plan: Plan, registry: Registry, caution: float) -> Match:
        """See `Matcher.match`; the title, description and resources of the step alone decide."""
        del plan
        found = features(step)
        odds = self._model.probabilities(found)
        options = _options(step, registry)
        able = [option for option in options if option.likeness.cannot is None]
        unknown = not self._model.understands(found)
        needs_person = unknown or 1 - odds[HUMAN] < caution
        if special := _specialist(able, needs_person=needs_person):
            return _by_resemblance(special, able)
        if unknown:
            return Match(HUMAN, round(odds[HUMAN], 3), "its title has no word that the matcher knows")
        if needs_person:
            alone = round(1 - odds[HUMAN], 4)
            return Match(HUMAN, round(odds[HUMAN], 3), self._why_person(found, odds, caution), alone=alone)
        return self._by_kind(found, odds, options, able)

    def rank(self, step: Step, capabilities: Iterable[Capability]) -> tuple[Candidate, ...]:
        """See `Matcher.rank`; the score is the resemblance."""
        scored = [(resemblance(step, one).score, one) for one in capabilities]
        ranked = sorted(scored, key=lambda pair: -pair[0])
        enough = NEAR * ranked[0][0] if ranked else 0.0
        return tuple(Candidate(one.agent, one.action, score) for score, one in ranked if score >= enough)

    def _by_kind(
        self, found: Features, odds: dict[str, float], options: Sequence[_Option], able: Sequence[_Option]
    ) -> Match:
        kind = max(sorted(set(odds) - {HUMAN}), key=lambda one: odds[one])
        share = 1 - odds[HUMAN]
        kinds = [kind, *(one for one in sorted(odds) if one not in {kind, HUMAN} and odds[one] >= SECOND_KIND_AT)]
        chosen = [
            _Option(option.capability, option.likeness, round((odds[one] / share + option.likeness.score) / 2, 4))
            for one in kinds
            for option in able
            if option.capability.agent_type == one
        ]
        says = self._says(found, odds, kind)
        if not chosen or chosen[0].capability.agent_type != kind:
            return Match(HUMAN, round(odds[HUMAN], 3), f"{says}, but {_nobody(options, kind)}")
        firsts = sorted((one for one in chosen if one.capability.agent_type == kind), key=lambda one: -one.score)
        others = sorted((one for one in chosen if one.capability.agent_type != kind), key=lambda one: -one.score)
        best = firsts[0].capability
        enough = NEAR * firsts[0].likeness.score
        near = [option for option in (*firsts, *others) if option.likeness.score >= enough]
        ranked = tuple(option.candidate for option in near[:MAX_CANDIDATES])
        why = f"{says}; {best.agent}.{best.action} fits best"
        return Match(kind, round(odds[kind], 3), why, ranked, alone=round(share, 4))

    def _says(self, found: Features, odds: dict[str, float], kind: str) -> str:
        heard = ", ".join(map(quote, self._model.reasons(found, kind)))
        sure = f"{odds[kind]:.0%} sure"
        return f"it reads as {_READS_AS[kind]} ({sure}{': ' + heard if heard else ''})"

    def _why_person(self, found: Features, odds: dict[str, float], caution: float) -> str:
        says = self._says(found, odds, HUMAN)
        if odds[HUMAN] >= 1 - odds[HUMAN]:
            return says
        return f"{says}; it must be {caution:.0%} sure that no person is needed before an agent gets it"


def _options(step: Step, registry: Registry) -> list[_Option]:
    likenesses = (
        (capability, resemblance(step, capability))
        for agent in registry.agents
        for capability in agent.capabilities
        if capability.action != MILESTONE_ACTION
    )
    return [_Option(capability, likeness, likeness.score) for capability, likeness in likenesses]


def _specialist(able: Sequence[_Option], *, needs_person: bool) -> _Option | None:
    """Return the specialist that a step resembles enough, and more than any action of a learned kind."""
    generalists = [option.score for option in able if option.capability.agent_type in _READS_AS]
    enough = max(CERTAIN_AT if needs_person else SPECIALIST_AT, *generalists, 0.0)
    learned = {*_READS_AS, *KIN} if needs_person else {*_READS_AS}
    special = [option for option in able if option.capability.agent_type not in learned and option.score >= enough]
    return max(special, key=lambda option: option.score, default=None)


def _by_resemblance(best: _Option, able: Iterable[_Option]) -> Match:
    kind = best.capability.agent_type
    enough = NEAR * best.score
    kin = (one for one in able if one.capability.agent_type == kind and one.score >= enough)
    ranked = sorted(kin, key=lambda one: -one.score)
    name = f"{best.capability.agent}.{best.capability.action}"
    why = f"it resembles what {name} publishes: {quote(best.likeness.example)} ({best.score:.0%})"
    return Match(kind, best.score, why, tuple(option.candidate for option in ranked[:MAX_CANDIDATES]))


def _nobody(options: Iterable[_Option], kind: str) -> str:
    refusals = [option for option in options if option.capability.agent_type == kind and option.likeness.cannot]
    if not refusals:
        return f"no registered agent does {kind.replace('_', ' ')}"
    first = refusals[0]
    return f"{first.capability.agent}.{first.capability.action} says it cannot: {quote(first.likeness.cannot or '')}"
