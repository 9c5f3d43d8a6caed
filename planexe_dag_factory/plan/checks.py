"""Checks of single values and steps that a type cannot express."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

from planexe_dag_factory.errors import Severity
from planexe_dag_factory.plan.findings import Findings
from planexe_dag_factory.plan.format import StepFormat
from planexe_dag_factory.plan.jsontext import Path
from planexe_dag_factory.plan.model import Estimate
from planexe_dag_factory.plan.text import quote

MAX_STEPS = 5_000

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_MONTHS = 12


def check_count(findings: Findings, steps: int, path: Path) -> None:
    """Refuse a plan without steps, and one with more than Airflow could ever schedule."""
    if steps == 0:
        findings.add("error", "no-steps", "the plan has no steps", path, hint="a plan needs at least one")
    elif steps > MAX_STEPS:
        message = f"the plan has {steps:,} steps; at most {MAX_STEPS:,} can be run"
        findings.add("error", "too-many-steps", message, path, hint="split it into several plans")


def check_date(findings: Findings, text: str, path: Path, severity: Severity) -> date | None:
    """Read `YYYY-MM-DD`."""
    match = _DATE.fullmatch(text)
    hint = None
    if match is None:
        fault, hint = "", "write it as YYYY-MM-DD"
    elif not 1 <= int(match[2]) <= _MONTHS:
        fault = f" (month {match[2]})"
    else:
        try:
            return date.fromisoformat(text)
        except ValueError:
            fault = f" (year {match[1]})" if match[1] == "0000" else f" (day {match[3]})"
    findings.add(severity, "bad-date", f"{quote(text)} is not a date{fault}", path, hint=hint)
    return None


def check_estimate(findings: Findings, estimate: Estimate, path: Path, severity: Severity) -> Estimate | None:
    """Return an estimate whose days rise: sorted where they did not, and None where one was negative."""
    days = (estimate.days_min, estimate.days_likely, estimate.days_max)
    shown = ", ".join(f"{number:g}" for number in days)
    if min(days) < 0:
        hint = None if severity == "error" else "it is left out"
        findings.add(severity, "negative-estimate", f"an estimate cannot be negative ({shown} days)", path, hint=hint)
        return None
    rising = sorted(days)
    if rising == list(days):
        return estimate
    message = f"the days of an estimate must rise from least to most ({shown})"
    findings.add(severity, "unordered-estimate", message, path, hint=None if severity == "error" else "they are sorted")
    return replace(estimate, days_min=rising[0], days_likely=rising[1], days_max=rising[2])


def check_step(findings: Findings, step: StepFormat, path: Path) -> None:
    """Report what a step says that cannot be, or contradicts itself."""
    threshold = step.confidence_threshold
    if threshold is not None and not 0 <= threshold <= 1:
        findings.add(
            "error",
            "bad-threshold",
            f"a confidence threshold is between 0 and 1, not {threshold:g}",
            (*path, "confidence_threshold"),
            hint=f"did you mean {threshold / 100:g}?" if 1 < threshold <= 100 else None,  # noqa: PLR2004 - percent
        )
    if step.due_days is not None and step.due_days <= 0:
        message = f"due_days must be more than 0, not {step.due_days:g}"
        findings.add("error", "bad-due-days", message, (*path, "due_days"))
    _check_contradictions(findings, step, path)


def _check_contradictions(findings: Findings, step: StepFormat, path: Path) -> None:
    if step.human_required and step.action is not None:
        message = f"a step that a person must do cannot name an agent's action ({quote(step.action)})"
        hint = "take out 'action', or set 'human_required' to false: doubtful outcomes are reviewed anyway"
        findings.add("error", "contradiction", message, (*path, "action"), hint=hint)
    if step.human_required and step.confidence_threshold is not None:
        message = "the confidence threshold has no effect: a person does this step"
        findings.add("warning", "no-effect", message, (*path, "confidence_threshold"))
    if step.impact == "none" and step.approver is not None:
        message = "the approver has no effect: impact 'none' asks for no approval"
        findings.add("warning", "no-effect", message, (*path, "approver"))
