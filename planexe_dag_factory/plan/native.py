"""Plans in our own format, read and written.

`from_native(parse(to_native(plan)))` is an equal plan, whatever the plan was first read from.
`python -m planexe_dag_factory.plan.native` writes the published JSON Schema beside this file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from planexe_dag_factory.errors import Problem, has_errors
from planexe_dag_factory.plan.checks import check_count, check_date, check_step
from planexe_dag_factory.plan.dependencies import Settlement, Stated
from planexe_dag_factory.plan.findings import Findings
from planexe_dag_factory.plan.format import FORMAT, PlanFormat
from planexe_dag_factory.plan.ids import slug
from planexe_dag_factory.plan.jsontext import JsonText
from planexe_dag_factory.plan.model import Dependency, Document, Escalation, Phase, Plan, Redline, Risk, Role
from planexe_dag_factory.plan.outline import LOST, Outline, check_id, parts_of

SCHEMA_FILE = FilePath(__file__).with_name("plan.schema.json")

_VERBATIM = frozenset({"inputs", "extra"})
_REQUIRED_TEXTS = frozenset({"title", "area", "description", "issue", "level", "name", "text", "verdict"})


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the format."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:{FORMAT.replace('/', ':')}"}
    return head | PlanFormat.model_json_schema()


def to_native(plan: Plan) -> dict[str, Any]:
    """Write a plan in our own format; what has its default value is left out."""
    return {
        "format": FORMAT,
        **_written(plan, "phases"),
        "phases": [_written(phase, "packages") for phase in plan.phases],
        "packages": [_written(package, "steps") for package in plan.packages],
        "steps": [_written(step) for step in plan.steps],
    }


def from_native(source: JsonText) -> tuple[Plan | None, tuple[Problem, ...]]:
    """Read a JSON object as a plan; None, with every fault found, where it has errors."""
    findings = Findings(source)
    document, ids_lost = _mended(findings, findings.clean(source.value, (), _VERBATIM))
    plan = _plan(findings, document, ids_lost=ids_lost)
    problems = tuple(sorted(findings.problems, key=lambda problem: problem.where.line or 0))
    return (None if has_errors(problems) else plan), problems


def _plan(findings: Findings, document: PlanFormat, *, ids_lost: bool) -> Plan:
    title, whole = findings.title(document.title, ("title",), "error", kept="the summary")
    if isinstance(findings.source.value.get("steps"), list):
        check_count(findings, len(document.steps), ("steps",))
    if document.id is not None:
        check_id(findings, document.id, ("id",), "plan")
    for index, step in enumerate(document.steps):
        check_step(findings, step, ("steps", index))
    phases = Outline(findings, document, title).build()
    return Plan(
        id=document.id or slug(title),
        title=title,
        phases=phases,
        summary="\n\n".join(filter(None, (whole, document.summary))),
        dependencies=_dependencies(findings, document, phases, ids_lost=ids_lost),
        start=check_date(findings, document.start, ("start",), "error") if document.start is not None else None,
        owner=document.owner,
        source_format=document.source_format,
        risks=tuple(Risk(**dict(risk)) for risk in document.risks),
        roles=tuple(Role(**dict(role)) for role in document.roles),
        escalations=tuple(Escalation(**dict(escalation)) for escalation in document.escalations),
        documents=tuple(Document(**dict(text)) for text in document.documents),
        redline=Redline(**dict(document.redline)) if document.redline else None,
        extra=document.extra,
    )


def _dependencies(
    findings: Findings, document: PlanFormat, phases: tuple[Phase, ...], *, ids_lost: bool
) -> tuple[Dependency, ...]:
    parts = parts_of(phases)
    stated = [one for one in _stated(document) if one.after and one.before]
    if ids_lost:  # what is unknown may be the very id that could not be read
        stated = [one for one in stated if one.after in parts and one.before in parts]
    return Settlement(parts, phases, findings, "error").settle(stated)


def _stated(document: PlanFormat) -> Iterator[Stated]:
    for index, dependency in enumerate(document.dependencies):
        yield Stated(dependency.after, dependency.before, ("dependencies", index), dependency.reason)
    for index, step in enumerate(document.steps):
        for position, before in enumerate(step.depends_on):
            yield Stated(step.id, before, ("steps", index, "depends_on", position))


def _mended(findings: Findings, value: Any) -> tuple[PlanFormat, bool]:
    """Validate a document. What does not fit is reported and replaced by a stand-in, so that the rest is checked too.

    Also says whether an id was replaced.
    """
    stand_ins = 0
    ids_lost = False
    while True:
        try:
            return PlanFormat.model_validate(value), ids_lost
        except ValidationError as error:
            details = error.errors(include_url=False)
            if not stand_ins:
                findings.add_details(error, PlanFormat, (), "error")
        for detail in details:
            stand_ins += 1
            ids_lost = ids_lost or (detail["loc"][-1] == "id" and detail["type"] != "extra_forbidden")
            _replace(value, detail, stand_ins)


def _replace(value: Any, detail: ErrorDetails, number: int) -> None:
    """Put a stand-in where pydantic found a fault: of the right type where a value must be, else none."""
    *outer, last = detail["loc"]
    if "estimate" in outer:
        del outer[outer.index("estimate") :]
        last = "estimate"
    for part in outer:
        value = value[part]
    required = {"id": f"{LOST}{number}", "steps": [], "before": "", "after": "", "refused": True}
    if isinstance(last, int):
        value[last] = {} if detail["type"] == "model_type" else ""
    elif detail["type"] != "extra_forbidden" and last in required:
        value[last] = required[last]
    elif detail["type"] != "extra_forbidden" and last in _REQUIRED_TEXTS:
        value[last] = "?"
    else:
        value.pop(last, None)


def _written(value: Any, *left_out: str) -> Any:
    if isinstance(value, tuple):
        return [_written(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    if not is_dataclass(value):
        return value
    return {
        field.name: _written(getattr(value, field.name))
        for field in fields(value)
        if field.name not in left_out and getattr(value, field.name) != _default(field)
    }


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


if __name__ == "__main__":
    SCHEMA_FILE.write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")
