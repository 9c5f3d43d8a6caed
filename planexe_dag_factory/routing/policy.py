"""The policy overlay beside a plan: it corrects anything that was derived.

{"owner": "Dana", "critical_phases": ["construction"],
 "rules": [{"pattern": "*permit*", "gate": "regulatory", "approver": "Legal counsel"},
           {"step": "write-brief", "executor": "reporting", "threshold": 0.8}]}
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, WithJsonSchema

from planexe_dag_factory.errors import Problem, Where
from planexe_dag_factory.plan.findings import Findings, did_you_mean
from planexe_dag_factory.plan.jsontext import JsonText, parse_json
from planexe_dag_factory.plan.model import Impact, Plan
from planexe_dag_factory.plan.text import quote
from planexe_dag_factory.routing.model import ANY_CURRENCY, BUDGET_LIMIT, Override, Policy, Reminders, Rule, Sequencing
from planexe_dag_factory.routing.selectors import SELECTORS, known_to, selector_of, steps_of

Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Words = Annotated[str, Field(min_length=1, max_length=200)]
Money = Annotated[float, Field(ge=0, le=1e15, strict=True)]
Limits = Annotated[
    dict[str, Money],
    Field(min_length=1, max_length=200),
    BeforeValidator(lambda value: {ANY_CURRENCY: value} if isinstance(value, int | float) else value),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {
                    "type": "object",
                    "propertyNames": {"pattern": r"^([A-Z]{3}|\*)$"},
                    "minProperties": 1,
                    "additionalProperties": {"type": "number", "minimum": 0},
                },
            ]
        }
    ),
]
Hours = Annotated[float, Field(gt=0, le=8760, strict=True)]
Approvals = Annotated[int, Field(ge=1, le=20, strict=True)]
Approvers = Annotated[tuple[Words, ...], Field(min_length=1, max_length=50)]
MAX_RULES = 500
_CURRENCY = re.compile(r"[A-Z]{3}|\*")
MAX_REMINDERS = 20


COMMENT = "//"
"""What a name begins with where it and its value are a comment."""


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        json_schema_extra={"patternProperties": {f"^{COMMENT}": {}}},
    )


class RuleFormat(_Strict):
    """One rule: exactly one selector, and at least one thing to say about what it selects."""

    step: Words | None = None
    package: Words | None = None
    phase: Words | None = None
    pattern: Words | None = None
    role: Words | None = None
    executor: Words | None = None
    action: Words | None = None
    agent: Words | None = None
    inputs: dict[str, Any] | None = None
    gate: Impact | None = None
    threshold: Share | None = None
    assignee: Words | None = None
    approver: Words | None = None
    approvers: Approvers | None = None
    approvals_needed: Approvals | None = None
    sequencing: Sequencing | None = None
    due_days: Annotated[float, Field(gt=0, strict=True)] | None = None


class RemindersFormat(_Strict):
    """When somebody who does not answer is reminded, and who is asked next."""

    after_hours: Annotated[tuple[Hours, ...], Field(max_length=MAX_REMINDERS)] = ()
    escalate_after_hours: Hours | None = None
    ladder: Annotated[tuple[Words, ...], Field(max_length=MAX_REMINDERS)] = ()


class PolicyFormat(_Strict):
    """The policy file."""

    owner: Words | None = None
    sequencing: Sequencing = "phased"
    confidence_threshold: Share = 0.7
    caution: Share = 0.6
    model_budget_tokens: Annotated[int, Field(ge=0, strict=True)] | None = None
    model_budget_cost: Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)] | None = None
    calibrate: StrictBool = True
    audit_share: Share = 0.0
    learned_estimates: StrictBool = True
    critical_phases: tuple[Words, ...] = ()
    approvers: Annotated[tuple[Words, ...], Field(max_length=50)] = ()
    approvals_needed: Approvals = 1
    separate_doer: StrictBool | None = None
    approvals_may_be_handed_to_anyone: StrictBool | None = None
    budget_limit: Limits = {ANY_CURRENCY: BUDGET_LIMIT[ANY_CURRENCY]}
    reminders: RemindersFormat | None = None
    rules: Annotated[tuple[RuleFormat, ...], Field(max_length=MAX_RULES)] = ()


def read_policy(path: Path | None, plan: Plan) -> tuple[Policy, tuple[Problem, ...]]:
    """Read the overlay of a plan; without one, the defaults. A policy with errors is not applied at all."""
    if path is None:
        return Policy(), ()
    try:
        source, problems = parse_json(path.read_bytes(), path.name)
    except OSError as error:
        message = f"the policy cannot be read: {error.strerror or error}"
        return Policy(), (Problem("error", "unreadable", message, Where(path.name)),)
    return _from_json(source, plan) if source else (Policy(), problems)


def policy_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the file."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:planexe-dag-policy:1"}
    return head | PolicyFormat.model_json_schema()


def dump_policy(policy: Policy) -> dict[str, Any]:
    """Return a policy as the JSON of its file; `read_policy` reads it back to an equal value."""
    top = {name: value for name, value in asdict(policy).items() if name != "rules"}
    rules = [
        _present(asdict(rule.override) | {name: getattr(rule, name) for name in SELECTORS}) for rule in policy.rules
    ]
    return _present(top) | {"rules": rules}


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return {name: _plain(each) for name, each in value.items()} if isinstance(value, dict) else value


def _from_json(source: JsonText, plan: Plan) -> tuple[Policy, tuple[Problem, ...]]:
    findings = Findings(source)
    document = findings.validate(PolicyFormat, _without_comments(source.value), (), "error")
    if document is None:
        return Policy(), tuple(findings.problems)
    _check_phases(document.critical_phases, plan, findings)
    for currency in document.budget_limit:
        if not _CURRENCY.fullmatch(currency):
            message = f"{quote(currency)} is no currency: write three capital letters, or * for all others"
            findings.add("error", "bad-currency", message, ("budget_limit", currency))
    _check_reminders(document.reminders, findings)
    for number, rule in enumerate(document.rules):
        _check_rule(rule, number, plan, findings, draft=_is_draft(source.value["rules"][number]))
    if findings.problems:
        return Policy(), tuple(findings.problems)
    return _policy(document), ()


def _without_comments(value: Any) -> Any:
    """Return a policy without its comments. What stands under `inputs` is an agent's, and is left as it is."""
    if isinstance(value, list):
        return [_without_comments(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: item if name == "inputs" else _without_comments(item)
        for name, item in value.items()
        if not name.startswith(COMMENT)
    }


def _is_draft(rule: Mapping[str, Any]) -> bool:
    """Say whether a rule has comments: then it may say nothing yet."""
    return any(name.startswith(COMMENT) for name in rule)


def _policy(document: PolicyFormat) -> Policy:
    reminders = Reminders(**dict(document.reminders)) if document.reminders else None
    limits = {**BUDGET_LIMIT, **document.budget_limit}
    rules = tuple(rule for rule in map(_rule, document.rules) if rule.override != Override())
    return Policy(**{**dict(document), "budget_limit": limits, "reminders": reminders, "rules": rules})


def _rule(document: RuleFormat) -> Rule:
    values = dict(document)
    selector = {name: values.pop(name) for name in SELECTORS}
    return Rule(Override(**values), **selector)


def _check_phases(named: Iterable[str], plan: Plan, findings: Findings) -> None:
    known = [phase.id for phase in plan.phases]
    for number, name in enumerate(named):
        if name not in known:
            message = f"the plan has no phase {quote(name)}"
            hint = did_you_mean(findings.guess(name, known))
            findings.add("error", "unknown-phase", message, ("critical_phases", number), hint=hint)


def _check_reminders(document: RemindersFormat | None, findings: Findings) -> None:
    if document is None:
        return
    if list(document.after_hours) != sorted(set(document.after_hours)):
        message = "the hours of the reminders must rise, each after the one before"
        findings.add("error", "unordered-hours", message, ("reminders", "after_hours"))
    if bool(document.ladder) != (document.escalate_after_hours is not None):
        message = "to escalate needs both 'escalate_after_hours' and a 'ladder' of who is asked next"
        findings.add("error", "half-escalation", message, ("reminders",), hint="give both, or neither")


def _check_rule(document: RuleFormat, number: int, plan: Plan, findings: Findings, *, draft: bool) -> None:
    path = ("rules", number)
    rule = _rule(document)
    chosen = [name for name in SELECTORS if getattr(rule, name) is not None]
    if len(chosen) != 1:
        said = " and ".join(chosen) or "none"
        message = f"a rule needs exactly one of {', '.join(SELECTORS)}; this one has {said}"
        findings.add("error", "bad-selector", message, path)
        return
    if rule.override == Override() and not draft:
        findings.add("error", "empty-rule", "the rule says nothing about what it selects", path)
    if not steps_of(rule, plan):
        name, value = selector_of(rule)
        message = f"no step of the plan has the {name} {quote(value)}"
        hint = did_you_mean(findings.guess(value.strip("*?"), known_to(name, plan)))
        findings.add("error", "matches-nothing", message, (*path, name), hint=hint)
