"""DagSpec as JSON: the same bytes for the same value, one task, edge and work item a line."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from planexe_dag_factory.spec.model import SPEC_VERSION, DagSpec

_SPEC: TypeAdapter[DagSpec] = TypeAdapter(DagSpec)


def dump_spec(spec: DagSpec) -> bytes:
    """Write a spec as JSON with sorted keys, in ASCII; a task says only what it belongs to."""
    document = _SPEC.dump_python(spec, mode="json")
    document["tasks"] = [{key: value for key, value in task.items() if value is not None} for task in document["tasks"]]
    members = (f"{_line(key)}: {_block(document[key])}" for key in sorted(document))
    return ("{\n" + ",\n".join(members) + "\n}\n").encode()


def load_spec(content: bytes) -> DagSpec:
    """Read what `dump_spec` wrote. Raises ValueError on anything else, and on another version."""
    spec = _SPEC.validate_json(content)
    if spec.version != SPEC_VERSION:
        raise ValueError(f"this DagSpec is of version {spec.version}, and only {SPEC_VERSION} can be read")
    return spec


def _line(value: Any) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False)


def _block(value: Any) -> str:
    """Put each member of a list or object on a line of its own, so that a diff shows what changed."""
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(f" {_line(item)}" for item in value) + "\n]"
    if isinstance(value, dict) and value:
        return "{\n" + ",\n".join(f" {_line(key)}: {_line(value[key])}" for key in sorted(value)) + "\n}"
    return _line(value)
