"""Drafts documents section by section, each from what the plan and its evidence hold; says which stayed empty.

A document kind is a row of `KINDS`: the words of a title that ask for it, and its sections in order.
A section is a function from the material to its lines; no lines, and the section is reported as missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from planexe_agents.agents.ratings import rank
from planexe_agents.context import Context, RiskRow
from planexe_agents.methods.amounts import amounts
from planexe_agents.methods.search import Findings, find
from planexe_agents.methods.text import sentences

OBLIGES = re.compile(
    r"\b(?:must|shall|required?|requires|comply|at least|no (?:more|less|later) than)\b", re.IGNORECASE
)
TOP_RISKS = 5
MARKUP = re.compile(r"([\\`*_\[\]<>|~#])")


@dataclass(frozen=True, slots=True)
class Material:
    """What a draft can be made from."""

    title: str
    description: str
    resources: tuple[str, ...]
    context: Context
    found: Findings


@dataclass(frozen=True, slots=True)
class Drafted:
    """A section and its lines, plain text; none where there was nothing to write."""

    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, and what writes the lines below it."""

    heading: str
    write: Callable[[Material], Sequence[str]]


def _purpose(material: Material) -> list[str]:
    part = " / ".join(name for name in (material.context.phase, material.context.package) if name)
    whole = material.context.plan.title
    return [f"{material.title}." if not whole else f"{material.title}, for {whole}{f' ({part})' if part else ''}."]


def _content(material: Material) -> Sequence[str]:
    return sentences(material.description)


def _background(material: Material) -> list[str]:
    return [f"{hit.passage.text} [{hit.passage.source}]" for hit in material.found.hits]


def _requirements(material: Material) -> list[str]:
    cited = ((s, hit.passage.source) for hit in material.found.hits for s in sentences(hit.passage.text))
    return [f"{sentence} [{source}]" for sentence, source in cited if OBLIGES.search(sentence)]


def _responsibilities(material: Material) -> Sequence[str]:
    return material.resources


def _schedule(material: Material) -> list[str]:
    names = {name.casefold() for name in (material.title, material.context.package, material.context.phase) if name}
    rows = (row for row in material.context.estimates if row.title.casefold() in names)
    return [f"{row.title}: {row.days_likely:g} days ({row.days_min:g} to {row.days_max:g})" for row in rows]


def _budget(material: Material) -> list[str]:
    cited = ((s, hit.passage.source) for hit in material.found.hits for s in sentences(hit.passage.text))
    return [f"{sentence} [{source}]" for sentence, source in cited if amounts(sentence)]


def _risks(material: Material) -> list[str]:
    return [_risk(row) for row in touching(material)[:TOP_RISKS]]


def _risk(row: RiskRow) -> str:
    rating = f"likelihood {row.likelihood or 'not rated'}, severity {row.severity or 'not rated'}"
    return f"{row.area}: {row.description} ({rating}). Mitigation: {row.action or 'none stated'}"


def touching(material: Material) -> list[RiskRow]:
    """Return the risks that touch the document's subject, highest score first."""
    rows = material.context.risks
    texts = [(str(number), f"{row.area} {row.description}") for number, row in enumerate(rows)]
    found = find(f"{material.title} {material.description}", texts, limit=max(8, len(rows)))
    return sorted((rows[int(source)] for source in found.sources), key=lambda row: -rank(row))


PURPOSE = Section("Purpose", _purpose)
CONTENT = Section("Content", _content)
BACKGROUND = Section("Background", _background)
REQUIREMENTS = Section("Requirements", _requirements)
RESPONSIBILITIES = Section("Responsibilities", _responsibilities)
SCHEDULE = Section("Schedule", _schedule)
BUDGET = Section("Budget", _budget)
RISKS = Section("Risks", _risks)

PLAN = (PURPOSE, CONTENT, RESPONSIBILITIES, SCHEDULE, BUDGET, RISKS, BACKGROUND)
KINDS: tuple[tuple[str, re.Pattern[str], tuple[Section, ...]], ...] = tuple(
    (kind, re.compile(rf"\b(?:{words})", re.IGNORECASE), sections)
    for kind, words, sections in (
        (
            "policy",
            "polic|guideline|rules|code of conduct",
            (PURPOSE, CONTENT, REQUIREMENTS, RESPONSIBILITIES, BACKGROUND),
        ),
        (
            "procedure",
            "protocol|procedure|manual|instructions|checklist",
            (PURPOSE, CONTENT, RESPONSIBILITIES, RISKS, BACKGROUND),
        ),
        ("specification", "specif|requirement|design|architecture", (PURPOSE, CONTENT, REQUIREMENTS, BACKGROUND)),
        (
            "proposal",
            "proposal|application|grant|pitch|business case",
            (PURPOSE, CONTENT, BUDGET, SCHEDULE, RISKS, BACKGROUND),
        ),
        ("training material", "training|curriculum|course|tutorial", (PURPOSE, CONTENT, RESPONSIBILITIES, BACKGROUND)),
        ("plan", "plan|strateg|roadmap|schedule|framework|programme", PLAN),
    )
)
REPORT = ("report", (PURPOSE, CONTENT, BACKGROUND, RISKS))


def kind_of(title: str) -> tuple[str, tuple[Section, ...]]:
    """Choose the kind of document by the words of its title; a report where none asks for another."""
    return next(((kind, sections) for kind, words, sections in KINDS if words.search(title)), REPORT)


def draft(material: Material, sections: Sequence[Section]) -> tuple[Drafted, ...]:
    """Write every section."""
    return tuple(Drafted(section.heading, tuple(section.write(material))) for section in sections)


def markdown(title: str, sections: Sequence[Drafted], prose: Mapping[str, Sequence[str]] | None = None) -> str:
    """Set the draft as Markdown. What comes from the plan is escaped: it may not become headings, links or HTML.

    `prose` is what a language model wrote under a heading; what is under none of the sections comes first.
    """
    written = dict(prose or {})
    bodies = [(section, written.pop(section.heading, ())) for section in sections]
    parts = [f"# {escape(title)}", *(escape(line) for lines in written.values() for line in lines)]
    for section, said in bodies:
        lines = [f"- {escape(line)}" for line in section.lines] or ["*Missing: nothing was found to write here.*"]
        parts += [f"## {section.heading}", *map(escape, said), "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Make a text one line of Markdown without markup."""
    return MARKUP.sub(r"\\\1", " ".join(text.split()))
