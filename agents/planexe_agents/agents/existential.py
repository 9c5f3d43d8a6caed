"""When the plan itself, or somebody's life, is at stake: the rules, in one table. Each alone asks for a senior review.

A limit is crossed, not touched. A severity that cannot be read may be any: where a risk's words speak of harm or of the
end, it counts as high. docs/agents.md shows the table to those who answer for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from planexe_agents.agents.progress import Progress
from planexe_agents.agents.ratings import likelihood, severity
from planexe_agents.context import RiskRow
from planexe_agents.methods.scenarios import Play

RUIN = 2.0
HARM = re.compile(
    r"\b(?:deaths?|dead|dying|fatal(?:ity|ities|ly)?|loss of (?:human )?life|loss of lives|lives? lost|"
    r"kill(?:s|ed|ing)?|casualt(?:y|ies)|(?:serious|severe|bodily|personal|physical) (?:injur(?:y|ies)|harm)|"
    r"injur(?:y|ies|ed|ing)|maim(?:ed|ing)?|poisoning|electrocut\w+|suffocat\w+|drown(?:s|ed|ing)?|"
    r"life[- ]threatening|harm to (?:\w+ )?(?:people|humans?|children|patients?|workers|participants|residents|public)|"
    r"human rights (?:violation|abuse)s?)\b",
    re.IGNORECASE,
)
END = re.compile(
    r"\b(?:bankrupt(?:cy)?|insolven(?:t|cy)|project (?:failure|termination|cancellation|collapse|abandonment|shutdown)|"
    r"(?:terminat|cancel|abandon|halt|end|shut)\w*(?: down)?(?: of)? the (?:entire |whole )?(?:project|program(?:me)?)|"
    r"(?:project|program(?:me)?) (?:is |being |could be |may be |might be )?"
    r"(?:terminated|cancell?ed|abandoned|shut down|halted|failed|fails)|"
    r"(?:complete|total|catastrophic) (?:project )?(?:failure|loss|collapse|shutdown)|"
    r"cease operations|run(?:ning)? out of (?:money|funds|funding)|existential)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules look at: the register, the run so far, and the plays, the base scenario first."""

    risks: Sequence[RiskRow]
    progress: Progress
    plays: Sequence[Play]


@dataclass(frozen=True, slots=True)
class ExistentialRule:
    """A rule: what it says, the value it looks at, and on which side of which limit it fires."""

    says: str
    value: Callable[[Situation], float]
    fires: Literal["below", "above"]
    limit: float

    def fired(self, situation: Situation) -> bool:
        value = self.value(situation)
        return value < self.limit if self.fires == "below" else value > self.limit


def _base_success(situation: Situation) -> float:
    return situation.plays[0].success


def _worst_resilience(situation: Situation) -> float:
    return min(one.resilience for one in situation.plays if one.scenario.kind == "adverse")


def _failed_share(situation: Situation) -> float:
    return situation.progress.failed_share


def _open_high(situation: Situation) -> float:
    rows = (row for row in situation.risks if (likelihood(row), severity(row)) == ("high", "high"))
    return sum(not row.action.strip() for row in rows)


def _ruin(situation: Situation) -> float:
    return situation.plays[0].ruinous(RUIN)


def _harmful(situation: Situation) -> float:
    """Count severe risks to people that are more than unlikely; a mitigation on paper excuses none."""
    severe = (row for row in situation.risks if _may_be_severe(row) and likelihood(row) != "low")
    return sum(bool(HARM.search(_words(row))) for row in severe)


def _ending(situation: Situation) -> float:
    """Count risks that may end the project and are severe and likely, or more than unlikely without a mitigation."""
    return sum(bool(END.search(_words(row))) and _pressing(row) for row in situation.risks)


RULES = (
    ExistentialRule("the base scenario succeeds less often than not", _base_success, "below", 0.5),
    ExistentialRule("an adverse scenario leaves a resilience below the limit", _worst_resilience, "below", 0.4),
    ExistentialRule("more of the ended steps than the limit were refused or failed", _failed_share, "above", 0.2),
    ExistentialRule("a risk is high in likelihood and severity and has no mitigation", _open_high, "above", 0),
    ExistentialRule("cost or duration may come to twice the plan more often than the limit", _ruin, "above", 0.05),
    ExistentialRule("a severe risk, more than unlikely, may harm people", _harmful, "above", 0),
    ExistentialRule("a severe risk, likely or without mitigation, may end the project", _ending, "above", 0),
)


def _pressing(row: RiskRow) -> bool:
    if not _may_be_severe(row):
        return False
    chance = likelihood(row) or "medium"
    return chance == "high" or (chance == "medium" and not row.action.strip())


def _may_be_severe(row: RiskRow) -> bool:
    return severity(row) in ("high", None)


def _words(row: RiskRow) -> str:
    return f"{row.area} {row.description} {row.impact}"
