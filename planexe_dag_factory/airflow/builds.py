"""Compiled plans on disk, by content: read and compiled once, rendered at every parse.

<store>/<digest>/source/<plan file or folder>   what was dropped, as it was then
                 source/<plan>.policy.json
                 registry.json
                 build/plan.json policy.json registry.json dagspec.json
                 build/problems.txt             instead, where the plan cannot become a DAG
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from planexe_agents.signing import canonical

from planexe_dag_factory import __version__
from planexe_dag_factory.airflow.dropped import DroppedPlan
from planexe_dag_factory.compile.build import build_plan
from planexe_dag_factory.delegation.lifecycle import INPUTS
from planexe_dag_factory.errors import PlanError, RegistryError
from planexe_dag_factory.plan.native import to_native
from planexe_dag_factory.routing.policy import dump_policy
from planexe_dag_factory.routing.registry import dump_registry, load_registry
from planexe_dag_factory.spec.codec import dump_spec, load_spec
from planexe_dag_factory.spec.model import DagSpec

PROBLEMS = "problems.txt"


class StoredPlanError(Exception):
    """A plan that cannot become a DAG, in the words that its import error shows."""


def read_registry(path: Path | None) -> bytes:
    """Return the registry as its file holds it, broken or not; None: the one that ships with the package."""
    return path.read_bytes() if path else canonical(dump_registry(load_registry(None)))


def entry_digest(plan: str, registry: bytes) -> str:
    """Digest all that a build depends on: the plan, the registry and the compiler."""
    return hashlib.sha256(f"{__version__}\0{plan}\0".encode() + registry).hexdigest()[:40]


def store_plan(entry: Path, plan: DroppedPlan, registry: bytes) -> None:
    """Keep a plan's content as it is now, whole or not at all."""
    if entry.exists():
        return
    entry.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".plan-", dir=entry.parent))
    for file in plan.files:
        target = draft / "source" / file.relative_to(plan.source.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    (draft / "registry.json").write_bytes(registry)
    _settle(draft, entry)


def is_built(entry: Path) -> bool:
    """Say whether a stored plan has been compiled, and is a DAG."""
    return (entry / "build" / "dagspec.json").exists()


def read_build(entry: Path) -> tuple[DagSpec, Mapping[str, bytes]]:
    """Return the spec and the inputs of a stored plan, compiling it where that was not done yet.

    Raises StoredPlanError, which lists every problem of the plan.
    """
    build = entry / "build"
    if not build.exists():
        _compile(entry)
    if (build / PROBLEMS).exists():
        raise StoredPlanError((build / PROBLEMS).read_text(encoding="utf-8"))
    inputs = {name: (build / name).read_bytes() for name in INPUTS}
    return load_spec(inputs["dagspec.json"]), inputs


def _compile(entry: Path) -> None:
    """Compile a stored plan into `build`, whole or not at all; of two at once, the first wins."""
    draft = Path(tempfile.mkdtemp(prefix=".build-", dir=entry))
    for name, content in _outputs(entry).items():
        (draft / name).write_bytes(content)
    _settle(draft, entry / "build")


def _settle(draft: Path, target: Path) -> None:
    """Give a finished folder its name; of two that were made at once, the first stays."""
    draft.chmod(0o755)
    try:
        draft.rename(target)
    except OSError:
        shutil.rmtree(draft)
        if not target.exists():
            raise


def _outputs(entry: Path) -> Mapping[str, bytes]:
    sources = entry / "source"
    source = next(path for path in sorted(sources.iterdir()) if not path.name.endswith(".policy.json"))
    try:
        registry = load_registry(entry / "registry.json")
    except RegistryError as error:
        return {PROBLEMS: str(error).encode()}
    build = build_plan(source, registry)
    if build.plan is None or build.policy is None or build.spec is None:
        return {PROBLEMS: str(PlanError(source.name, build.problems)).encode()}
    return {
        "plan.json": canonical(to_native(build.plan)),
        "policy.json": canonical(dump_policy(build.policy)),
        "registry.json": canonical(dump_registry(registry)),
        "dagspec.json": dump_spec(build.spec),
    }
