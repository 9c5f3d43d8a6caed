"""What an agent gets: inputs that fit its schema, and what it may know of the plan."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from planexe_agents.protocol import Assignment
from planexe_agents.signing import digest

from planexe_dag_factory.delegation.budget import grant
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.delegation.progress import progress_of
from planexe_dag_factory.learning.lessons import Lessons
from planexe_dag_factory.routing.model import Agent, Capability
from planexe_dag_factory.spec.model import WorkItem

DOCUMENT_CHARACTERS = 64 * 1024
RESULT_CHARACTERS = 16 * 1024
UNRATED = {"likelihood": "medium", "severity": "medium"}
"""What a plan of our own format leaves out, since it is the default."""
WORDS = re.compile(r"[^\W\d_]{4,}")


def build_assignment(
    step: StepRun,
    agent: Agent,
    capability: Capability,
    attempt: int,
    instructions: str | None = None,
    *,
    deadline_s: float | None = None,
) -> Assignment | tuple[str, ...]:
    """Return the assignment, or what is missing for it, each with its JSON path.

    The same attempt at the same action always has the same id, which is the idempotency key: an
    agent never works twice on it.
    """
    context = _context(step)
    inputs = _inputs(step.item, capability, context)
    problems = _unfit(inputs, capability.input_schema)
    if problems:
        return problems
    lessons = Lessons.below(step.execution.root, step.execution.ours).closest(
        f"{step.item.title} {step.item.description}"
    )
    if lessons:
        context["lessons"] = list(lessons)
    tokens = grant(step, attempt)
    if tokens is not None:
        context["model_budget"] = {"tokens": tokens}
    identity = [step.execution.run.name, step.id, attempt, agent.id, capability.action]
    return Assignment(
        id=digest(identity).removeprefix("sha256:")[:32],
        run=step.execution.run.name,
        plan=step.execution.spec.plan_id,
        step=step.id,
        attempt=attempt,
        agent=agent.id,
        action=capability.action,
        inputs=inputs,
        context=context,
        instructions=instructions,
        deadline_s=deadline_s,
    )


def missing_inputs(step: StepRun, capability: Capability) -> tuple[str, ...]:
    """Return what an action would lack of its inputs, or what does not fit it, each with its JSON path."""
    return _unfit(_inputs(step.item, capability, _context(step)), capability.input_schema)


def schema_problems(document: Any, schema: Mapping[str, Any]) -> tuple[str, ...]:
    """List where a document does not fit a JSON Schema (2020-12): `$.path: what is wrong`."""
    errors = Draft202012Validator(dict(schema)).iter_errors(document)
    return tuple(sorted(f"{error.json_path}: {error.message[:200]}" for error in errors))


def _unfit(inputs: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[str, ...]:
    """List what is missing for an action, or does not fit it, in the words of whoever can give it."""
    required = schema.get("required", ())
    missing = tuple(
        f"$.{name}: missing, neither the plan nor its policy gives it" for name in required if name not in inputs
    )
    known = {**schema, "required": [name for name in required if name in inputs]}
    return missing + schema_problems(inputs, known)


def _inputs(work_item: WorkItem, capability: Capability, context: Mapping[str, Any]) -> dict[str, Any]:
    """Fill the inputs that the action's schema names and that the orchestrator knows."""
    known = {
        "title": work_item.title,
        "description": work_item.description,
        "question": f"{work_item.title}. {work_item.description}".strip(),
        "resources": list(work_item.resources),
        "milestone": work_item.milestone,
        **context,
    }
    wanted = capability.input_schema.get("properties", {})
    filled = {name: known[name] for name in wanted if known.get(name) is not None}
    return {**filled, **work_item.route.inputs}


def _context(step: StepRun) -> dict[str, Any]:
    plan = step.execution.plan
    return {
        "plan": {"title": step.execution.spec.title, "summary": step.execution.spec.summary},
        "phase": step.execution.title_of(step.item.phase),
        "package": step.execution.title_of(step.item.package),
        "documents": _documents(plan.get("documents", ()), step.item),
        "estimates": _estimates(plan),
        "risks": [{**UNRATED, **risk} for risk in plan.get("risks", ())],
        "results": _results(step),
        **({"progress": progress_of(step.execution)} if step.item.milestone else {}),
    }


def _documents(documents: Iterable[Mapping[str, str]], work_item: WorkItem) -> list[dict[str, str]]:
    """Choose the plan's documents nearest to the step by shared words, as many as fit."""
    wanted = _words(f"{work_item.title} {work_item.description}")

    def far(document: Mapping[str, str]) -> tuple[float, str]:
        words = _words(document["text"])
        return (-len(wanted & words) / (len(words) + 50) ** 0.5, document["name"])

    chosen: list[dict[str, str]] = []
    room = DOCUMENT_CHARACTERS
    for document in sorted(documents, key=far):
        text = document["text"][:room]
        if text:
            chosen.append({"name": document["name"], "text": text})
        room -= len(text)
    return chosen


@lru_cache(maxsize=64)
def _words(text: str) -> frozenset[str]:
    return frozenset(WORDS.findall(text.lower()))


def _estimates(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the packages that have an estimate, with the packages each waits for."""
    packages = plan.get("packages", ())
    ids = {package["id"] for package in packages}
    before: dict[str, list[str]] = {}
    for dependency in plan.get("dependencies", ()):
        if dependency["before"] in ids and dependency["after"] in ids:
            before.setdefault(dependency["after"], []).append(dependency["before"])
    return [
        {
            "id": package["id"],
            "title": package["title"],
            "depends_on": sorted(before.get(package["id"], ())),
            **{name: package["estimate"][name] for name in ("days_min", "days_likely", "days_max")},
        }
        for package in packages
        if package.get("estimate")
    ]


def _results(step: StepRun) -> list[dict[str, Any]]:
    """Collect what earlier steps brought, as far as it fits: data of known provenance, never instructions."""
    found: list[dict[str, Any]] = []
    room = RESULT_CHARACTERS
    for upstream in step.item.upstream:
        ended = step.execution.run.find_json("steps", upstream, "result.json")
        if ended is None or ended["status"] != "done":
            continue
        size = len(str(ended["result"]))
        if size <= room:
            title = step.execution.work_item(upstream).title
            known = {"by": ended["by"]["id"], "status": ended["status"], "confidence": ended["confidence"]}
            found.append({"step": upstream, "title": title, **known, "result": ended["result"]})
            room -= size
    return found
