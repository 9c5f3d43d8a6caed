"""What PlanExe's other files say: start, safety verdict, risks, roles, who decides, and texts to search."""

from __future__ import annotations

import re
from datetime import date

from planexe_agents.methods.ratings import read_level

from planexe_dag_factory.errors import Problem, Where
from planexe_dag_factory.plan.archive import RunFiles
from planexe_dag_factory.plan.checks import check_date
from planexe_dag_factory.plan.findings import Findings, describe
from planexe_dag_factory.plan.jsontext import Path
from planexe_dag_factory.plan.model import Document, Escalation, Redline, Risk, Role
from planexe_dag_factory.plan.planexe.entries import Entry, Text, read_entries
from planexe_dag_factory.plan.text import MAX_TITLE, clean, clean_line, hides_something, quote

MAX_DOCUMENT = 64 * 1024
MAX_DOCUMENTS = 1024 * 1024

# Most useful first: what comes last is what is left out where all together are too long.
DOCUMENTS = (
    "plan.txt",
    "executive_summary.md",
    "project_plan.md",
    "project_plan.json",
    "distill_assumptions.md",
    "distill_assumptions.json",
    "make_assumptions.md",
    "make_assumptions.json",
    "review_assumptions.md",
    "identify_risks.md",
    "premortem.md",
    "strategic_decisions.md",
    "scenarios.md",
    "data_collection.md",
    "documents_to_create_and_find.md",
    "identified_documents.md",
    "physical_locations.md",
    "currency_strategy.md",
    "related_resources.md",
    "team.md",
    "governance_phase1_audit.md",
    "governance_phase2_bodies.md",
    "governance_phase3_impl_plan.md",
    "governance_phase4_decision_escalation_matrix.md",
    "governance_phase5_monitoring_progress.md",
    "governance_phase6_extra.md",
    "swot_analysis.md",
    "expert_criticism.md",
    "review_plan.md",
    "questions_and_answers.md",
    "premise_attack.md",
    "self_audit.md",
    "pitch.md",
)

# PlanExe labels what it lists with ids that are fresh at every generation and mean nothing to a reader.
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
UNKNOWN = "unknown"
_ANY_UUID = re.compile("[0-9a-f]{4}-[0-9a-f]{12}")
_LABEL = re.compile(
    rf"(?m)^[^\w\n]*(?:[Ll]ever )?I[Dd]\W+{_UUID}\W*?(?:\n+|\Z)| ?\((?:[Ll]ever I[Dd]: )?`?{_UUID}`?\)|{_UUID}"
)

ALLOWED = frozenset({"ALLOW", "ALLOW_WITH_SAFETY_FRAMING"})
REFUSED = "REFUSE"
SENIOR_APPROVAL = "a senior approval will be asked for before the plan runs"


class _Risk(Entry):
    risk_area: Text = ""
    risk_description: Text = ""
    potential_impact: Text = ""
    likelihood: Text = ""
    severity: Text = ""
    action: Text = ""


class _Member(Entry):
    category: str
    explanation: Text = ""


class _Body(Entry):
    name: str
    rationale_for_inclusion: Text = ""
    decision_rights: Text = ""


class _Decision(Entry):
    issue_type: str
    escalation_level: str
    approval_process: Text = ""
    rationale: Text = ""


def read_start(findings: Findings) -> date | None:
    """Return the day, in UTC, on which the plan was made: PlanExe's schedule begins there."""
    value = findings.source.value
    stamp = value.get("server_iso_utc") if isinstance(value, dict) else None
    if not isinstance(stamp, str):
        findings.add("warning", "wrong-type", f"text is expected here, not {describe(stamp)}", ("server_iso_utc",))
        return None
    return check_date(findings, clean_line(stamp)[:10], ("server_iso_utc",), "warning")


def read_redline(findings: Findings) -> Redline:
    """Return the verdict of PlanExe's safety gate; one that is not known counts as a refusal."""
    value = findings.source.value
    verdict = value.get("verdict") if isinstance(value, dict) else None
    reason = value.get("rationale_short") if isinstance(value, dict) else None
    said = clean_line(verdict) if isinstance(verdict, str) else ""
    if said not in {*ALLOWED, REFUSED}:
        message = f"the verdict is not known: {describe(verdict)}; it counts as a refusal"
        findings.add("warning", "unknown-verdict", message, ("verdict",), hint=SENIOR_APPROVAL)
    return Redline(said not in ALLOWED, said or "UNKNOWN", clean(reason) if isinstance(reason, str) else "")


def read_project(findings: Findings) -> tuple[str, tuple[Role, ...]]:
    """Return what the project plan says the plan is for, and its primary stakeholders."""
    value = findings.source.value if isinstance(findings.source.value, dict) else {}
    goal = value.get("goal_statement")
    said = findings.clean(goal, ("goal_statement",)) if isinstance(goal, str) else ""
    analysis = value.get("stakeholder_analysis")
    named = analysis.get("primary_stakeholders") if isinstance(analysis, dict) else None
    titles = [clean_line(title) for title in named if isinstance(title, str)] if isinstance(named, list) else []
    return said, tuple(Role(title, "stakeholder") for title in dict.fromkeys(titles) if 0 < len(title) <= MAX_TITLE)


def read_risks(findings: Findings) -> tuple[Risk, ...]:
    """Return the rows of the risk register."""
    return tuple(
        Risk(
            area=clean_line(risk.risk_area),
            description=risk.risk_description,
            impact=risk.potential_impact,
            likelihood=_level(findings, risk.likelihood, (*path, "likelihood"), chance=True),
            severity=_level(findings, risk.severity, (*path, "severity"), chance=False),
            action=risk.action,
        )
        for risk, path in read_entries(findings, _Risk, "risks")
    )


def read_team(findings: Findings) -> tuple[Role, ...]:
    """Return the members of the team."""
    members = read_entries(findings, _Member, None)
    return tuple(Role(clean_line(member.category), "team", member.explanation) for member, _ in members)


def read_bodies(findings: Findings) -> tuple[Role, ...]:
    """Return the bodies of the governance."""
    return tuple(
        Role(
            clean_line(body.name),
            "body",
            "\n\n".join(filter(None, (body.rationale_for_inclusion, body.decision_rights))),
        )
        for body, _ in read_entries(findings, _Body, "internal_governance_bodies")
    )


def read_escalations(findings: Findings) -> tuple[Escalation, ...]:
    """Return the rows of the decision escalation matrix."""
    return tuple(
        Escalation(clean_line(row.issue_type), clean_line(row.escalation_level), row.approval_process, row.rationale)
        for row, _ in read_entries(findings, _Decision, "decision_escalation_matrix")
    )


def read_documents(files: RunFiles) -> tuple[tuple[Document, ...], tuple[Problem, ...]]:
    """Return the texts worth searching; what is too long is cut, or left out at the end."""
    documents: list[Document] = []
    problems: list[Problem] = []
    left = MAX_DOCUMENTS
    for words in DOCUMENTS:
        if words not in files:
            continue
        file = files[words]
        text = _text(file.name, file.data or b"", min(MAX_DOCUMENT, left), problems)
        left -= len(text.encode())
        if text:
            documents.append(Document(words, text))
    return tuple(documents), tuple(problems)


def _text(name: str, data: bytes, limit: int, problems: list[Problem]) -> str:
    if len(data) > limit:
        message = f"the text has {len(data):,} bytes; only the first {limit:,} can be searched"
        problems.append(Problem("info", "long-document", message, Where(name)))
    text = data[:limit].decode("utf-8-sig", "ignore" if len(data) > limit else "replace")
    if hides_something(text):
        message = "control or invisible characters were taken out"
        problems.append(Problem("info", "hidden-characters", message, Where(name)))
    return clean(_LABEL.sub("", text) if _ANY_UUID.search(text) else text)


def _level(findings: Findings, text: str, path: Path, *, chance: bool) -> str:
    """Return the level that a rating names, as the agents read it; `unknown` where it names none."""
    level = read_level(text, chance=chance)
    if level is None:
        findings.add("info", "unknown-level", f"{quote(text)} names no level; it counts as not known", path)
    return level or UNKNOWN
