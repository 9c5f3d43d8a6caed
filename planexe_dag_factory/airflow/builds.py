"""Compiling a stored plan, once."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from planexe_agents.signing import canonical

from planexe_dag_factory.airflow.store import PROBLEMS, settle, source_of
from planexe_dag_factory.compile.build import build_plan
from planexe_dag_factory.errors import PlanError
from planexe_dag_factory.plan.native import to_native
from planexe_dag_factory.routing.policy import dump_policy
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.spec.codec import dump_spec


def compile_entry(entry: Path) -> None:
    """Compile a stored plan into `build`, whole or not at all; of two at once, the first wins."""
    draft = Path(tempfile.mkdtemp(prefix=".build-", dir=entry))
    for name, content in _outputs(entry).items():
        (draft / name).write_bytes(content)
    settle(draft, entry / "build")


def _outputs(entry: Path) -> Mapping[str, bytes]:
    source = source_of(entry)
    assert source is not None  # noqa: S101 - an entry is stored with its plan
    registry = entry / "registry.json"
    build = build_plan(source, load_registry(registry, thorough=False))
    if build.plan is None or build.policy is None or build.spec is None:
        return {PROBLEMS: str(PlanError(source.name, build.problems)).encode()}
    return {
        "plan.json": canonical(to_native(build.plan)),
        "policy.json": canonical(dump_policy(build.policy)),
        "registry.json": registry.read_bytes(),
        "dagspec.json": dump_spec(build.spec),
    }
