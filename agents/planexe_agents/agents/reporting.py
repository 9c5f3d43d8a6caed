"""Writes documents from a step's words, the evidence for them, and the results of earlier steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, Field

from planexe_agents.agents import telling
from planexe_agents.agents.drafting import PLAN, Drafted, Material, Section, draft, kind_of, markdown
from planexe_agents.agents.step import StepInput, evidence, quotes, texts_of
from planexe_agents.context import EarlierResult
from planexe_agents.methods.search import Findings, find
from planexe_agents.methods.text import strings
from planexe_agents.model.narrate import narrate
from planexe_agents.model.narrative import Narrated, Narrative
from planexe_agents.model.prompt import Item
from planexe_agents.protocol import Evidence
from planexe_agents.service import Agent, Completed, Reject, Task

OWN = frozenset({"Purpose", "Content", "Responsibilities", "Schedule", "Risks"})
"""Sections whose lines come from the plan itself; those of the others are passages that were found."""

WrittenT = TypeVar("WrittenT", bound=Narrated)

agent = Agent(id="reporting", type="reporting", name="Reporting", version="1.0")


class DraftInput(StepInput):
    """The step, and the roles that the plan names for it."""

    resources: list[str] = Field([], description="roles and means that the plan names for the step")


class SectionText(BaseModel):
    """A section of a document, as plain lines."""

    heading: str
    lines: list[str]


class Draft(Narrated):
    """A document: its kind, its sections as plain text, the same as Markdown, and what is missing in it."""

    title: str
    kind: str
    sections: list[SectionText]
    markdown: str
    missing: list[str]


class StepSummary(BaseModel):
    """How an earlier step ended, how sure its agent was (null: not said), and what its result names."""

    step: str
    status: str
    confidence: float | None
    holds: list[str]


class Summary(Narrated):
    """Progress by status and by step, the steps with doubts, and the same as Markdown."""

    counts: dict[str, int]
    steps: list[StepSummary]
    doubts: list[str]
    markdown: str


@agent.action(
    examples=[
        "Draft the data protection policy",
        "Write operating procedures for the workshop",
        "Prepare training materials for volunteers",
        "Document technical specifications of the sensor housing",
        "Draft grant application text",
        "Write the user manual",
        "Prepare the environmental impact report",
        "Create a code of conduct and safety guidelines",
        "Document lessons learned",
        "Draft press release and website text",
    ],
    cannot=[
        "sign, file, submit or publish a document",
        "have a document agreed, reviewed or approved by people",
        "make drawings, videos or software",
    ],
)
def draft_document(inputs: DraftInput, task: Task) -> Completed[Draft]:
    """Write, draft and document: policies, procedures, specifications, proposals, training materials, reports.

    Fills a template of the document's kind from the step, cited evidence and earlier results; lists what is missing.
    """
    kind, sections = kind_of(inputs.title)
    return _drafted(inputs, task, kind, sections)


@agent.action(
    examples=[
        "Develop a communication plan",
        "Create the risk mitigation plan",
        "Develop a marketing and outreach strategy",
        "Prepare a maintenance schedule",
        "Write the stakeholder engagement plan",
        "Develop a contingency plan for supply interruptions",
        "Create a monitoring and evaluation framework",
        "Design the volunteer training programme on paper",
    ],
    cannot=["carry a plan out", "agree a plan with stakeholders", "commit people, dates or money"],
)
def draft_plan(inputs: DraftInput, task: Task) -> Completed[Draft]:
    """Develop a plan, strategy, framework or programme on paper: content, roles, schedule, budget and risks."""
    return _drafted(inputs, task, "plan", PLAN)


@agent.action(
    examples=[
        "Summarise progress for the steering committee",
        "Prepare the monthly status report",
        "Compile the final project report from all results",
        "Consolidate findings of the phase",
        "Report on completed activities and open issues",
        "Prepare the executive summary",
    ],
    cannot=["present a report in a meeting", "publish or send a report"],
)
def summarise_progress(inputs: StepInput, task: Task) -> Completed[Summary]:
    """Summarise, consolidate and report progress and findings from the results of earlier steps."""
    results = task.context.results
    if not results:
        raise Reject("missing data: no earlier step has a result yet")
    doubts = [earlier.name for earlier in results if _is_doubtful(earlier)]
    confidence = (1 - 0.5 ** len(results)) * (1 - len(doubts) / len(results))
    summary = Summary(
        counts=dict(sorted(Counter(earlier.status for earlier in results).items())),
        steps=[_summary_of(earlier) for earlier in results],
        doubts=doubts,
        markdown=markdown(inputs.title, _summary_sections(results, doubts)),
    )
    why = f"{len(results)} earlier results are at hand; {len(doubts)} of them are doubtful"
    cited = tuple(Evidence(source=f"result of {earlier.name}") for earlier in results)
    job = "Sum up, for people who were not there, what the earlier steps brought and what is in doubt."
    items = [Item(f"result of {earlier.name}", " ".join(strings(earlier.facts))) for earlier in results]
    return narrate(
        Completed(summary, round(confidence, 3), why, cited),
        task,
        lambda: telling.brief(inputs, task, job, telling.SUMMARY, items),
        lambda result, narrative: _placed(result, narrative, inputs.title, _summary_sections(results, doubts)),
    )


def _drafted(inputs: DraftInput, task: Task, kind: str, sections: Sequence[Section]) -> Completed[Draft]:
    found = find(inputs.question(task), texts_of(task.context), limit=10)
    material = Material(inputs.title, inputs.description, tuple(inputs.resources), task.context, found)
    written = draft(material, sections)
    missing = [section.heading for section in written if not section.lines]
    filled = 1 - len(missing) / len(written)
    result = Draft(
        title=inputs.title,
        kind=kind,
        sections=[SectionText(heading=section.heading, lines=list(section.lines)) for section in written],
        markdown=markdown(inputs.title, written),
        missing=missing,
    )
    # A draft without evidence is only the step's own words set in order: at most half sure.
    confidence = filled * (0.5 + 0.5 * found.confidence)
    why = f"{len(written) - len(missing)} of {len(written)} sections could be written; {found.confidence_why}"
    job = f"Write the {kind} that the step asks for. Write under a heading only what belongs there."
    headings = [section.heading for section in sections]
    return narrate(
        Completed(result, round(confidence, 3), why, evidence(quotes(found))),
        task,
        lambda: telling.brief(inputs, task, job, headings, _items(written, found)),
        lambda draft, narrative: _placed(draft, narrative, inputs.title, written),
    )


def _items(written: Sequence[Drafted], found: Findings) -> list[Item]:
    """Give the passages that were found, and the lines that come from the plan itself."""
    own = (
        Item(f"plan: {part.heading.lower()}", line) for part in written if part.heading in OWN for line in part.lines
    )
    return [*telling.passages(quotes(found)), *own]


def _placed(result: WrittenT, narrative: Narrative, title: str, sections: Sequence[Drafted]) -> WrittenT:
    """Set the Markdown again, with what the model wrote before the lines that were computed."""
    prose = {section.heading: [claim.line for claim in section.claims] for section in narrative.sections}
    return result.model_copy(update={"markdown": markdown(title, sections, prose)})


def _is_doubtful(earlier: EarlierResult) -> bool:
    return earlier.status != "done" or (earlier.confidence is not None and earlier.confidence < 0.5)  # noqa: PLR2004 - more wrong than right


def _summary_of(earlier: EarlierResult) -> StepSummary:
    return StepSummary(
        step=earlier.name, status=earlier.status, confidence=earlier.confidence, holds=sorted(earlier.result)
    )


def _summary_sections(results: Sequence[EarlierResult], doubts: Sequence[str]) -> tuple[Drafted, ...]:
    return (
        Drafted("Results", tuple(f"{earlier.name}: {earlier.status}" for earlier in results)),
        Drafted("Doubtful", tuple(doubts) or ("none",)),
    )
