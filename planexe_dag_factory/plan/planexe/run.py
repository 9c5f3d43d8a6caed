"""A PlanExe run as a plan: the work breakdown structure, and whatever else of the run there is.

Only the work breakdown structure is needed. Every other file may be missing or broken, which is
reported and costs no more than what that file alone would have said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from planexe_dag_factory.errors import Problem, Severity, Where
from planexe_dag_factory.plan.archive import WBS, RunFiles
from planexe_dag_factory.plan.findings import Findings
from planexe_dag_factory.plan.ids import slug
from planexe_dag_factory.plan.jsontext import parse_json
from planexe_dag_factory.plan.model import Plan, Redline, Role, SourceFormat
from planexe_dag_factory.plan.planexe import context, schedule
from planexe_dag_factory.plan.planexe.wbs import Wbs, read_wbs
from planexe_dag_factory.plan.text import MAX_TITLE, clean, clean_line

DEPENDENCIES = "task_dependencies_raw.json"
DURATIONS = "task_durations.json"
START = "start_time.json"
REDLINE = "redline_gate.json"
RISKS = "identify_risks_raw.json"
BODIES = "governance_phase2_bodies_raw.json"
ESCALATIONS = "governance_phase4_decision_escalation_matrix_raw.json"
TITLE = "wbs_level1_project_title.json"
TEAM = (
    "enrich_team_members_environment_info.json",
    "enrich_team_members_background_story.json",
    "enrich_team_members_contract_type.json",
    "find_team_members.json",
)
PROMPT = "plan.txt"
GOAL = ("project_plan_raw.json", "project_plan.json")

_WANTED = frozenset(
    {WBS, DEPENDENCIES, DURATIONS, START, REDLINE, RISKS, BODIES, ESCALATIONS, TITLE, *TEAM, *GOAL, *context.DOCUMENTS}
)

ValueT = TypeVar("ValueT")


def is_wanted(words: str) -> bool:
    """Say by its words whether a file of a run is read."""
    return words in _WANTED


def read_run(files: RunFiles, name: str, source_format: SourceFormat) -> tuple[Plan | None, tuple[Problem, ...]]:
    """Read a run whose folder, zip or file is called `name`; None where its work breakdown structure has errors."""
    if WBS not in files:
        message = f"there is no file whose name ends in '{WBS}'"
        return None, (Problem("error", "no-wbs", message, Where(name), "did PlanExe finish this run?"),)
    file = files[WBS]
    if file.data is None:
        return None, ()
    source, faults = parse_json(file.data, file.name)
    if source is None:
        return None, faults
    findings = Findings(source)
    wbs = read_wbs(findings)
    if wbs is None:
        return None, tuple(findings.problems)
    run = _Run(files, wbs, whole=source_format != "planexe-wbs", problems=findings.problems)
    return run.plan(name, source_format), tuple(run.problems)


@dataclass
class _Run:
    files: RunFiles
    wbs: Wbs
    whole: bool
    problems: list[Problem] = field(default_factory=list)

    def plan(self, name: str, source_format: SourceFormat) -> Plan:
        if not self.whole:
            message = "the work breakdown structure alone was read: without dependencies, estimates, risks and roles"
            self.problems.append(
                Problem("info", "wbs-alone", message, Where(name), "give the whole run folder or its zip")
            )
        none: tuple[Role, ...] = ()
        title = self.wbs.title or self._title() or clean_line(name.removesuffix(".zip").removesuffix(".json"))
        goal, stakeholders = self._read(self._first(GOAL), context.read_project, ("", none))
        documents, faults = context.read_documents(self.files)
        self.problems.extend(faults)
        return Plan(
            id=slug(title),
            title=title,
            phases=self._read(DURATIONS, lambda findings: schedule.with_estimates(findings, self.wbs), self.wbs.phases),
            summary=goal or self._raw(PROMPT),
            dependencies=self._read(DEPENDENCIES, lambda findings: schedule.read_dependencies(findings, self.wbs), ()),
            start=self._read(START, context.read_start, None),
            source_format=source_format,
            risks=self._read(RISKS, context.read_risks, ()),
            roles=(
                *self._read(self._first(TEAM), context.read_team, none),
                *self._read(BODIES, context.read_bodies, none),
                *stakeholders,
            ),
            escalations=self._read(ESCALATIONS, context.read_escalations, ()),
            documents=documents,
            redline=self._redline(),
            extra={"final_deliverable": self.wbs.deliverable} if self.wbs.deliverable else {},
        )

    def _read(self, words: str, reader: Callable[[Findings], ValueT], otherwise: ValueT) -> ValueT:
        file = self.files.get(words)
        if file is None:
            self._missing(words)
            return otherwise
        if file.data is None:
            return otherwise
        source, faults = parse_json(file.data, file.name)
        if source is None:
            self.problems.extend(replace(fault, severity="warning") for fault in faults)
            return otherwise
        findings = Findings(source, self.problems)
        return reader(findings)

    def _missing(self, words: str) -> None:
        if self.whole:
            severity: Severity = "warning" if words == DEPENDENCIES else "info"
            message = f"there is no file whose name ends in '{words}'; the plan is read without it"
            self.problems.append(Problem(severity, "missing-file", message))

    def _first(self, names: Sequence[str]) -> str:
        return next((words for words in names if words in self.files), names[-1])

    def _redline(self) -> Redline | None:
        verdict = self._read(REDLINE, context.read_redline, None)
        if verdict is None and REDLINE in self.files:  # fail closed: nobody knows what the gate said
            message = "the verdict of the safety gate cannot be read; it counts as a refusal"
            where = Where(self.files[REDLINE].name)
            self.problems.append(Problem("warning", "unknown-verdict", message, where, context.SENIOR_APPROVAL))
            return Redline(refused=True, verdict="UNREADABLE", reason="The verdict of the safety gate cannot be read.")
        return verdict

    def _title(self) -> str:
        return clean_line(self._raw(TITLE))[:MAX_TITLE]

    def _raw(self, words: str) -> str:
        file = self.files.get(words)
        return clean((file.data or b"").decode("utf-8-sig", "replace")) if file else ""
