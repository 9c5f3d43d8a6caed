"""PlanExe's dependencies and durations, for the phases and packages of its work breakdown structure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pydantic import Field

from planexe_dag_factory.plan.checks import check_estimate
from planexe_dag_factory.plan.dependencies import Part, Settlement, Stated
from planexe_dag_factory.plan.findings import Findings, did_you_mean
from planexe_dag_factory.plan.jsontext import Path
from planexe_dag_factory.plan.model import Dependency, Estimate, Phase
from planexe_dag_factory.plan.planexe.entries import Entry, Text, read_entries
from planexe_dag_factory.plan.planexe.wbs import Wbs
from planexe_dag_factory.plan.text import quote

DETAILS = "task_dependency_details"
BEFORE = "depends_on_task_id_list"


class _Waiting(Entry):
    dependent_task_id: str
    depends_on_task_id_list: list[str]
    depends_on_task_explanation_list: list[Text] = Field(default_factory=list)


class _Duration(Entry):
    task_id: str
    days_min: float
    days_realistic: float
    days_max: float
    delay_risks: Text = ""
    mitigation_strategy: Text = ""


def read_dependencies(findings: Findings, wbs: Wbs) -> tuple[Dependency, ...]:
    """Return the dependencies that can be kept, in the order of the tree; the others are reported and left out."""
    order = {name: position for position, name in enumerate(wbs.parts)}
    unknown = len(order)
    stated = sorted(
        _stated(findings),
        key=lambda one: (order.get(one.after, unknown), order.get(one.before, unknown), one.reason),
    )
    return Settlement(wbs.parts, wbs.phases, findings, "warning", source_ids=True).settle(stated)


def _stated(findings: Findings) -> Iterator[Stated]:
    for waiting, path in read_entries(findings, _Waiting, DETAILS):
        after = waiting.dependent_task_id
        reasons = _reasons(findings, waiting, path)
        for index, (before, reason) in enumerate(zip(waiting.depends_on_task_id_list, reasons, strict=True)):
            hint = f"PlanExe's ids: {quote(after)} waits for {quote(before)}"
            yield Stated(after, before, (*path, BEFORE, index), reason, hint)


def _reasons(findings: Findings, waiting: _Waiting, path: Path) -> Sequence[str]:
    """Pair explanations with ids; where the counts differ nobody knows which is whose, and each id gets them all."""
    names, reasons = waiting.depends_on_task_id_list, waiting.depends_on_task_explanation_list
    if len(names) == len(reasons):
        return reasons
    message = f"the counts of ids ({len(names)}) and explanations ({len(reasons)}) differ; each id gets all of them"
    findings.add("warning", "unequal-lists", message, path, source_id=waiting.dependent_task_id)
    return [" ".join(sorted(reasons))] * len(names)


def with_estimates(findings: Findings, wbs: Wbs) -> tuple[Phase, ...]:
    """Return the phases with the estimates of the durations file."""
    estimates: dict[str, Estimate] = {}
    for duration, path in read_entries(findings, _Duration, None):
        place = _place(findings, duration, wbs.parts, path)
        estimate = check_estimate(findings, _estimate(duration), path, "warning") if place else None
        if place is None or estimate is None:
            continue
        if place in estimates:
            message = f"{wbs.parts[duration.task_id].label} is estimated twice; the longer estimate is used"
            findings.add("warning", "duplicate-estimate", message, path, source_id=duration.task_id)
            estimate = max(estimate, estimates[place], key=_length)
        estimates[place] = estimate
    return tuple(_estimated(phase, estimates) for phase in wbs.phases)


def _place(findings: Findings, duration: _Duration, parts: Mapping[str, Part], path: Path) -> str | None:
    part = parts.get(duration.task_id)
    if part is None:
        message = f"there is an estimate for {quote(duration.task_id)}, which the plan does not have"
        hint = did_you_mean(findings.guess(duration.task_id, parts))
        findings.add("warning", "unknown-estimate", message, path, hint=hint, source_id=duration.task_id)
        return None
    if not part.first or part.first != part.last:
        message = f"the estimate for {part.label} is left out: it is neither a phase, a package nor a step of the plan"
        findings.add("info", "unused-estimate", message, path, source_id=duration.task_id)
        return None
    return part.first


def _estimate(duration: _Duration) -> Estimate:
    return Estimate(
        duration.days_min,
        duration.days_realistic,
        duration.days_max,
        duration.delay_risks,
        duration.mitigation_strategy,
    )


def _length(estimate: Estimate) -> tuple[float, float, float, str, str]:
    return estimate.days_max, estimate.days_likely, estimate.days_min, estimate.delay_risks, estimate.mitigation


def _estimated(phase: Phase, estimates: Mapping[str, Estimate]) -> Phase:
    packages = tuple(
        replace(
            package,
            estimate=estimates.get(package.id),
            steps=tuple(replace(step, estimate=estimates.get(step.id)) for step in package.steps),
        )
        for package in phase.packages
    )
    return replace(phase, estimate=estimates.get(phase.id), packages=packages)
