"""Requests to a person: what is asked, on which facts, and what an answer must hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from planexe_agents.signing import canonical

from planexe_dag_factory.delegation.asking import Kind, ask_of, money, unblocks
from planexe_dag_factory.delegation.assignment import UNRATED, schema_problems
from planexe_dag_factory.delegation.attempts import Attempt, last_attempts
from planexe_dag_factory.delegation.desk import Named
from planexe_dag_factory.delegation.due import due_at
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.delegation.risks import risks_near
from planexe_dag_factory.delegation.votes import approvals_needed, open_votes
from planexe_dag_factory.record.folder import now
from planexe_dag_factory.routing.model import Gate
from planexe_dag_factory.spec.model import WorkItem

COMMENT_CHARACTERS = 10_000
SHOWN_STEPS = 20
RESULT_CHARACTERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Option:
    """One way to answer; `requires` names the fields that it cannot do without."""

    id: str
    label: str
    intent: Literal["primary", "neutral", "danger"]
    requires: tuple[str, ...] = ()


OPTIONS: Mapping[Kind, tuple[Option, ...]] = {
    "work": (
        Option("Done", "It is done", "primary", ("comment",)),
        Option("Refuse", "It cannot be done", "danger", ("comment",)),
    ),
    "review": (
        Option("Accept", "Accept as it is", "primary"),
        Option("Correct", "Correct it", "neutral", ("result",)),
        Option("Redo", "Do it again", "neutral", ("comment",)),
        Option("Refuse", "Refuse it", "danger", ("comment",)),
    ),
    "approval": (
        Option("Approve", "Approve", "primary"),
        Option("Reject", "Reject", "danger", ("comment",)),
    ),
    "senior_review": (
        Option("Proceed", "Go on", "primary", ("comment",)),
        Option("Stop", "Stop here", "danger", ("comment",)),
    ),
}
COMMENT_TITLES: Mapping[Kind, str] = {
    "work": "What was done, or why it cannot be",
    "review": "Instructions, a reason or a remark",
    "approval": "Reason",
    "senior_review": "Reason",
}


@dataclass(frozen=True, slots=True)
class Place:
    """The Airflow task that a ticket belongs to."""

    dag_id: str
    run_id: str
    task_id: str


def build_ticket(step: StepRun, kind: Kind, place: Place, why: str, previous: str | None = None) -> dict[str, Any]:
    """Describe a request to a person as the ticket.json of docs/architecture.md."""
    attempts = last_attempts(step) if kind != "approval" else ()
    options = options_for(kind, step.item)
    return {
        "kind": kind,
        "n": 1 + sum(step.find_json("tickets", n, "ticket.json") is not None for n in step.names("tickets")),
        **asdict(place),
        "work_item": step.id,
        "title": step.item.title,
        "ask": ask_of(step, kind, attempts[-1].agent if attempts else None),
        "why": f"{why[:1].upper()}{why[1:]}",
        "facts": [{"label": label, "value": value} for label, value in _facts(step, kind)],
        "plan_says": {
            "description": step.item.description,
            "resources": list(step.item.resources),
            "phase": step.execution.title_of(step.item.phase),
            "package": step.execution.title_of(step.item.package),
            "risks": _risks(step),
        },
        "agent_says": _agents_say(attempts),
        "tried": [attempt.as_json() for attempt in attempts],
        "assignee": _assignee(step.item, kind),
        "asked": [named.as_json() for named in _asked(step.item, kind)],
        "approvals": {"needed": approvals_needed(step), "given": _given(step)} if kind == "approval" else None,
        "priority": "high" if kind == "senior_review" or _is_critical(step) else "normal",
        "opened_at": now(),
        "due_at": due_at(step, kind),
        "unblocks": list(unblocks(step)[:SHOWN_STEPS]),
        "options": [{**asdict(option), "requires": list(option.requires)} for option in options],
        "form": form_for(kind, step.item),
        "amount": _amount(kind, step.item),
        "currency": step.item.route.gate.currency if kind == "approval" and step.item.route.gate else None,
        "result_schema": _result_schema(step, attempts[-1]) if attempts and kind != "work" else None,
        "previous": previous,
    }


def options_for(kind: Kind, item: WorkItem) -> tuple[Option, ...]:
    """Return how a ticket can be answered; an approval with an amount has it typed in again."""
    if _amount(kind, item) is not None:
        approve, reject = OPTIONS[kind]
        return Option(approve.id, approve.label, approve.intent, ("amount",)), reject
    return OPTIONS[kind]


def form_for(kind: Kind, item: WorkItem) -> dict[str, Any]:
    """Return the JSON Schema of the fields that a person may fill."""
    fields: dict[str, Any] = {
        "comment": {"type": "string", "title": COMMENT_TITLES[kind], "maxLength": COMMENT_CHARACTERS}
    }
    if kind in ("work", "review"):
        fields["result"] = {
            "type": "string",
            "title": "Result (a JSON object)",
            "maxLength": RESULT_CHARACTERS,
            "contentMediaType": "application/json",
        }
    gate = item.route.gate
    if gate and _amount(kind, item) is not None:
        title = f"Type the amount to confirm it ({gate.currency or 'amount'})"
        fields["amount"] = {"type": "number", "title": title}
    return {"type": "object", "properties": fields, "additionalProperties": False}


def check_answer(ticket: Mapping[str, Any], option: str, fields: Mapping[str, Any]) -> tuple[str, ...]:
    """List what is wrong with an answer, each as `field: what to do`; nothing where it is enough."""
    chosen = next((one for one in ticket["options"] if one["id"] == option), None)
    if chosen is None:
        known = ", ".join(one["id"] for one in ticket["options"])
        return (f"option: {option!r} is not an answer to this ticket; choose one of {known}",)
    given = {name: value for name, value in fields.items() if value not in (None, "")}
    missing = tuple(f"{name}: needed to answer {option!r}" for name in chosen["requires"] if name not in given)
    unfit = tuple(_by_field(problem) for problem in schema_problems(given, ticket["form"])) + _unfit_to_record(given)
    return missing + unfit + _amount_problems(ticket, option, given) + _result_problems(ticket, given)


def _unfit_to_record(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the fields that JSON cannot hold in one way only: huge numbers, halves of characters."""
    return tuple(f"{name}: this cannot be put on record" for name, value in fields.items() if not is_recordable(value))


def is_recordable(value: Any) -> bool:
    """Say whether a value can be written into the record."""
    try:
        canonical(value)
    except (ValueError, RecursionError):
        return False
    return True


def _amount_problems(ticket: Mapping[str, Any], option: str, fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Who approves an amount types it in; who rejects need not."""
    wanted, given = ticket.get("amount"), fields.get("amount")
    if option != "Approve" or wanted is None or given is None or given == wanted:
        return ()
    ways = dict.fromkeys((f"{wanted:.2f}", f"{wanted:,.2f}"))
    return (f"amount: type {' or '.join(ways)} to confirm it",)


def _by_field(problem: str) -> str:
    return problem.removeprefix("$.") if problem.startswith("$.") else problem.removeprefix("$: ")


def _result_problems(ticket: Mapping[str, Any], fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Check a result that a person wrote: a JSON object that fits the action's output schema."""
    if "result" not in fields or not isinstance(fields["result"], str):
        return ()
    try:
        result = json.loads(fields["result"])
    except (ValueError, RecursionError) as error:
        return (f"result: this is not JSON: {error}",)
    if not is_recordable(result):
        return ("result: a number in it is too large, or a text is broken, so that it cannot be put on record",)
    if not isinstance(result, dict):
        return ('result: a JSON object is needed, such as {"summary": "..."}',)
    schema = ticket.get("result_schema")
    return tuple(f"result{problem.removeprefix('$')}" for problem in schema_problems(result, schema)) if schema else ()


def _facts(step: StepRun, kind: Kind) -> list[tuple[str, str]]:
    spec, route = step.execution.spec, step.item.route
    phase = step.execution.title_of(step.item.phase)
    facts = [("Plan", spec.title), ("Phase", phase)]
    if route.gate and kind == "approval":
        facts.append(("Kind of approval", route.gate.kind.capitalize()))
        if route.gate.amount is not None:
            facts.append(("Amount", money(route.gate)))
        facts.append(("Who may approve", _approvers(route.gate)))
        facts.append(("Why this role", route.gate.approver_why))
    if kind == "approval":
        facts.append(("Then done by", route.candidates[0].agent if route.candidates else "a person"))
        facts.append(("Approval is bound to", step.payload_digest))
    if step.item.days:
        facts.append(
            ("Planned duration", f"{step.item.days[1]:g} days ({step.item.days[0]:g} to {step.item.days[2]:g})")
        )
    return [fact for fact in facts if fact[1]]


def _approvers(gate: Gate) -> str:
    """Name the roles, groups or users, and how many different people it takes."""
    named = " or ".join(gate.deciders)
    return f"{gate.approvals_needed} different people of: {named}" if gate.approvals_needed > 1 else named


def _agents_say(attempts: Sequence[Attempt]) -> dict[str, Any] | None:
    """Return what the last agent said, with the reasons of those that said no before it.

    Why an agent was not heard is in the orchestrator's own words, and stands in the ticket's `why`.
    """
    heard = [attempt for attempt in attempts if attempt.outcome or attempt.status == "invalid"]
    if not heard:
        return None
    *before, attempt = heard
    outcome = attempt.outcome
    reasons = [f"Asked before, {one.agent} ({one.status}): {one.reason}" for one in before if one.reason]
    return {
        **attempt.as_json(),
        "reason": "\n".join(filter(None, (attempt.reason, *reasons))),
        "confidence": outcome.confidence if outcome else None,
        "confidence_why": outcome.confidence_why if outcome else "",
        "result": outcome.result if outcome else {},
        "evidence": [evidence.model_dump(mode="json") for evidence in outcome.evidence] if outcome else [],
        **({"usage": outcome.usage.model_dump(mode="json")} if outcome and outcome.usage else {}),
    }


def _result_schema(step: StepRun, attempt: Attempt) -> dict[str, Any] | None:
    known = step.execution.capability(attempt.agent, attempt.action)
    return dict(known.output_schema) if known else None


def _amount(kind: Kind, item: WorkItem) -> float | None:
    return item.route.gate.amount if kind == "approval" and item.route.gate else None


def _assignee(item: WorkItem, kind: Kind) -> str:
    gate = item.route.gate
    return gate.approver if kind == "approval" and gate else item.route.assignee


def _asked(item: WorkItem, kind: Kind) -> tuple[Named, ...]:
    gate = item.route.gate
    if kind == "approval" and gate:
        return tuple(Named("role", name) for name in gate.deciders)
    return (Named("senior" if kind == "senior_review" else "role", item.route.assignee),)


def _given(step: StepRun) -> list[dict[str, Any]]:
    return [{name: vote[name] for name in ("by", "at", "reason")} for vote in open_votes(step)]


def _is_critical(step: StepRun) -> bool:
    return any(one.critical and step.id in one.work_items for one in step.execution.spec.milestones)


def _risks(step: StepRun) -> list[dict[str, Any]]:
    """Return the entries of the plan's register that the step has to do with."""
    register = step.execution.plan.get("risks") or ()
    return [{**UNRATED, **risk} for risk in risks_near(register, f"{step.item.title} {step.item.description}")]
