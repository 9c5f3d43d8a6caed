"""Finds what the plan's own documents, earlier results and configured files say, and cites it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel

from planexe_agents.agents import telling
from planexe_agents.agents.step import Source, StepInput, evidence, quotes, search
from planexe_agents.methods.amounts import amounts
from planexe_agents.methods.search import Findings
from planexe_agents.methods.text import STOP_WORDS, sentences
from planexe_agents.model.narrate import NarratedT, narrate
from planexe_agents.model.narrative import Narrated
from planexe_agents.service import Agent, Completed, Reject, Task

WIDE = 40
OBLIGATION = re.compile(
    r"\b(?:must|shall|required?|requires|requirements?|mandatory|comply|compliance|obligat\w+|permits?|licen[cs]\w+|"
    r"regulat\w+|certif\w+|standards?|approval|minimum|at least|no (?:more|less|later) than|should)\b",
    re.IGNORECASE,
)
KINDS: tuple[tuple[Literal["legal", "safety", "financial", "schedule", "technical"], re.Pattern[str]], ...] = (
    (
        "legal",
        re.compile(r"\b(?:law|legal|regulat\w+|permit|licen[cs]|comply|compliance|gdpr|act|directive)", re.IGNORECASE),
    ),
    ("safety", re.compile(r"\b(?:safety|secur\w+|hazard|protect\w+|health|emergency)", re.IGNORECASE)),
    ("financial", re.compile(r"\b(?:budget|cost|fund\w*|financ\w+|price|revenue|insurance)", re.IGNORECASE)),
    ("schedule", re.compile(r"\b(?:deadline|within|days|weeks|months|later than|before|schedule)\b", re.IGNORECASE)),
    (
        "technical",
        re.compile(r"\b(?:specification|performance|capacity|technical|test\w*|standard|equipment)", re.IGNORECASE),
    ),
)
REFERENCE = re.compile(
    r"https?://[^\s<>\"')\]]{1,300}"
    r"|\b(?:ISO|IEC|EN|IEEE|ASTM|ANSI|NIST|MIL-STD|DIN|BS|UL)(?:[ /-](?:ISO|IEC|EN|SP|IEC))*[ -]\d[\d.:-]{0,15}"
    r"|\b(?:Regulation|Directive) \((?:EU|EC)\)(?: No\.?)? \d{2,4}/\d{2,4}"
    r"|\b(?:GDPR|HIPAA|CCPA|REACH|RoHS|OSHA|FERPA|CITES)\b"
    r"|\b(?:[A-Z][a-z]+ ){1,5}(?:Act|Code|Treaty|Convention)\b(?: of \d{4})?"
)
NUMBER = re.compile(
    r"(?<![\w.,:/-])(?:\d{1,3}(?:,\d{3}){1,5}|\d{1,15})(?:\.\d{1,6})? ?(?:%|(?P<unit>[a-zA-Z]{1,14})\b)"
)

agent = Agent(id="data_gathering", type="data_gathering", name="Data gathering", version="1.0")


class FoundEvidence(Narrated):
    """Passages that answer the question, best first, and the terms of it that nothing was found on."""

    findings: list[Source]
    gaps: list[str]
    coverage: float


class Requirement(BaseModel):
    """A sentence that obliges somebody, and what kind of obligation it is."""

    text: str
    kind: Literal["legal", "safety", "financial", "schedule", "technical", "other"]
    source: str


class Requirements(Narrated):
    """Requirements found, most relevant first."""

    requirements: list[Requirement]
    gaps: list[str]


class RankedSource(BaseModel):
    """A source, its share of all relevance found (0 to 1), and its best passage."""

    source: str
    relevance: float
    quote: str


class Reference(BaseModel):
    """A law, standard or address that a source names."""

    text: str
    source: str


class Sources(Narrated):
    """Where to read on, and what no source says anything about."""

    sources: list[RankedSource]
    references: list[Reference]
    gaps: list[str]


class Figure(BaseModel):
    """A number with its unit or currency, in the sentence that holds it."""

    figure: str
    sentence: str
    source: str


class Figures(Narrated):
    """Figures that bear on the question."""

    figures: list[Figure]
    gaps: list[str]


@agent.action(
    examples=[
        "Research existing suppliers of low-cost sensors",
        "Gather historical weather and flooding data for the site",
        "Review literature on comparable community projects",
        "Collect information on competitor products and prices",
        "Research best practices for volunteer retention",
        "Identify potential funding sources and grant programmes",
        "Find case studies of similar deployments",
        "Gather demographic data on the target neighbourhoods",
        "Investigate available locations and their constraints",
    ],
    cannot=[
        "interview people, run surveys or hold workshops",
        "measure, inspect or visit anything physical",
        "buy data or sign for access to it",
        "browse the open web",
    ],
)
def find_evidence(inputs: StepInput, task: Task) -> Completed[FoundEvidence]:
    """Find, collect and research existing information on a question: data, literature, market facts, background.

    Searches the plan's documents, results of earlier steps and configured files, and cites every passage.
    """
    found = search(inputs, task)
    findings = quotes(found)
    result = FoundEvidence(findings=findings, gaps=list(found.gaps), coverage=round(found.coverage, 3))
    done = Completed(result, found.confidence, found.confidence_why, evidence(findings))
    return _summed_up(done, inputs, task, findings)


@agent.action(
    examples=[
        "Identify applicable permits and licences",
        "Research building codes and zoning regulations",
        "List data protection requirements",
        "Gather technical requirements from existing documents",
        "Research safety standards for electrical equipment",
        "Identify legal and regulatory requirements in each country",
        "Collect certification requirements for the product",
        "Determine required environmental clearances",
    ],
    cannot=["give legal advice", "file or submit an application", "negotiate requirements with stakeholders"],
)
def list_requirements(inputs: StepInput, task: Task) -> Completed[Requirements]:
    """Collect and list requirements that exist: regulations, permits, licences, standards, codes, obligations."""
    found = search(inputs, task, WIDE).where(lambda hit: OBLIGATION.search(hit.passage.text) is not None)
    rows = [
        Requirement(text=sentence, kind=_kind(sentence), source=hit.passage.source)
        for hit in found.hits
        for sentence in sentences(hit.passage.text)
        if OBLIGATION.search(sentence)
    ]
    if not rows:
        raise Reject("missing data: nothing found on this states an obligation")
    cited = [Source(source=row.source, quote=row.text) for row in rows]
    result = Requirements(requirements=rows, gaps=list(found.gaps))
    done = Completed(result, found.confidence, found.confidence_why, evidence(cited))
    return _summed_up(done, inputs, task, cited)


@agent.action(
    examples=[
        "Compile a list of vendors and information sources",
        "Identify databases and archives with relevant records",
        "Collect references to applicable laws and standards",
        "List relevant stakeholders and organisations",
        "Find documents needed for the feasibility study",
        "Create an inventory of existing reports and datasets",
    ],
    cannot=["obtain documents that must be requested from an authority", "contact organisations"],
)
def collect_sources(inputs: StepInput, task: Task) -> Completed[Sources]:
    """Compile lists and inventories of sources: documents, organisations, laws and standards that bear on a subject."""
    found = search(inputs, task, WIDE)
    result = Sources(sources=_ranked(found), references=_references(found), gaps=list(found.gaps))
    cited = [Source(source=row.source, quote=row.quote) for row in result.sources]
    done = Completed(result, found.confidence, found.confidence_why, evidence(cited))
    return _summed_up(done, inputs, task, cited)


@agent.action(
    examples=[
        "Collect benchmark cost figures for comparable projects",
        "Gather baseline energy consumption data",
        "Research current market prices of materials",
        "Collect statistics on traffic volumes",
        "Obtain published performance data of candidate components",
        "Gather salary benchmarks for the required roles",
    ],
    cannot=["measure anything", "ask suppliers for quotations"],
)
def collect_figures(inputs: StepInput, task: Task) -> Completed[Figures]:
    """Collect the numbers that sources state: prices, costs, quantities, benchmarks, statistics, baseline data."""
    found = search(inputs, task, WIDE).where(lambda hit: bool(_figures_in(hit.passage.text)))
    rows = [
        Figure(figure=figure, sentence=sentence, source=hit.passage.source)
        for hit in found.hits
        for sentence in sentences(hit.passage.text)
        for figure in _figures_in(sentence)
    ]
    if not rows:
        raise Reject("missing data: nothing found on this states a figure")
    result = Figures(figures=rows, gaps=list(found.gaps))
    done = Completed(result, found.confidence, found.confidence_why, evidence(quotes(found)))
    return _summed_up(done, inputs, task, [Source(source=row.source, quote=row.sentence) for row in rows])


def _summed_up(
    done: Completed[NarratedT], inputs: StepInput, task: Task, cited: Sequence[Source]
) -> Completed[NarratedT]:
    """Have what was found put into words."""
    job = "Sum up what was found on the step, for somebody who has to decide with it."
    return narrate(done, task, lambda: telling.brief(inputs, task, job, telling.SUMMARY, telling.passages(cited)))


def _kind(sentence: str) -> Literal["legal", "safety", "financial", "schedule", "technical", "other"]:
    return next((kind for kind, pattern in KINDS if pattern.search(sentence)), "other")


def _figures_in(text: str) -> tuple[str, ...]:
    money = tuple(amount.text for amount in amounts(text))
    units = (match for match in NUMBER.finditer(text) if (match["unit"] or "").lower() not in STOP_WORDS)
    return money + tuple(match.group() for match in units if not any(match.group() in amount for amount in money))


def _ranked(found: Findings) -> list[RankedSource]:
    total = sum(hit.score for hit in found.hits)
    best = {hit.passage.source: hit.passage.text for hit in reversed(found.hits)}
    shares = {name: sum(hit.score for hit in found.hits if hit.passage.source == name) / total for name in best}
    ranked = sorted(best, key=lambda name: (-shares[name], name))
    return [RankedSource(source=name, relevance=round(shares[name], 3), quote=best[name]) for name in ranked]


def _references(found: Findings) -> list[Reference]:
    named = {
        match.group().strip(): hit.passage.source
        for hit in found.hits
        for match in REFERENCE.finditer(hit.passage.text)
    }
    return [Reference(text=text, source=source) for text, source in sorted(named.items())]
