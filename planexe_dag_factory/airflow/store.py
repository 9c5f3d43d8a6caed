"""Plans on disk, by content: stored and compiled once, rendered at every parse.

<store>/<digest>/source/<plan file or folder>   what was dropped, as it was then
                 source/<plan>.policy.json
                 registry.json                 the agents there were, without their addresses
                 build/plan.json policy.json registry.json dagspec.json
                 build/problems.txt             instead, where the plan cannot become a DAG
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from planexe_agents.signing import canonical

from planexe_dag_factory import __version__
from planexe_dag_factory.airflow.dropped import POLICY, DroppedPlan
from planexe_dag_factory.airflow.settings import read_registry
from planexe_dag_factory.delegation.lifecycle import INPUTS
from planexe_dag_factory.errors import RegistryError
from planexe_dag_factory.routing.registry_format import dump_registry
from planexe_dag_factory.spec.codec import load_spec
from planexe_dag_factory.spec.model import DagSpec

PROBLEMS = "problems.txt"
CLAIMS = ".ids"
"""In a bundle's version: a file for each DAG id, which names the stub that has it."""


class StoredPlanError(Exception):
    """A plan that cannot become a DAG, in the words that its import error shows."""


@dataclass(frozen=True, slots=True)
class KnownAgents:
    """What plans are compiled against: the registry without addresses, or why there is none to trust."""

    content: bytes = b""
    problems: str = ""

    @classmethod
    def read(cls, path: Path | None) -> KnownAgents:
        """Read the registry; None stands for the one that ships with the package."""
        try:
            return cls(canonical(dump_registry(read_registry(path))))
        except RegistryError as error:
            return cls(problems=str(error))


def entry_digest(plan: str, agents: KnownAgents) -> str:
    """Digest all that a build depends on: the plan, the registry and the compiler."""
    depends = f"{__version__}\0{plan}\0{agents.problems}\0".encode() + agents.content
    return hashlib.sha256(depends).hexdigest()[:40]


def store_plan(entry: Path, plan: DroppedPlan, agents: KnownAgents) -> None:
    """Keep a plan's content as it is now, whole or not at all; without a registry to trust it is never compiled."""
    if entry.exists():
        return
    entry.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".plan-", dir=entry.parent))
    for file in plan.files:
        target = draft / "source" / file.relative_to(plan.source.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    (draft / "registry.json").write_bytes(agents.content)
    if agents.problems:
        (draft / "build").mkdir()
        (draft / "build" / PROBLEMS).write_text(agents.problems, encoding="utf-8")
    settle(draft, entry)


def is_built(entry: Path) -> bool:
    """Say whether a stored plan has been compiled, and is a DAG."""
    return (entry / "build" / "dagspec.json").exists()


def read_build(entry: Path) -> tuple[DagSpec, Mapping[str, bytes]]:
    """Return the spec and the inputs of a stored plan, compiling it where that was not done yet.

    Raises StoredPlanError, which lists every problem of the plan.
    """
    build = entry / "build"
    if not build.exists():
        from planexe_dag_factory.airflow.builds import compile_entry  # noqa: PLC0415 - a task start needs no compiler

        compile_entry(entry)
    if (build / PROBLEMS).exists():
        raise StoredPlanError((build / PROBLEMS).read_text(encoding="utf-8"))
    inputs = {name: (build / name).read_bytes() for name in INPUTS}
    return load_spec(inputs["dagspec.json"]), inputs


def source_of(entry: Path) -> Path | None:
    """Return a stored plan as it was dropped."""
    sources = entry / "source"
    found = sorted(sources.iterdir()) if sources.is_dir() else []
    return next((path for path in found if not path.name.endswith(POLICY)), None)


def settle(draft: Path, target: Path) -> None:
    """Give a finished folder its name; of two that were made at once, the first stays."""
    draft.chmod(0o755)
    try:
        draft.rename(target)
    except OSError:
        shutil.rmtree(draft)
        if not target.exists():
            raise
