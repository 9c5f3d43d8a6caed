"""A Dag bundle that makes a DAG of every plan in the plan folders.

Airflow lists `.py` files only, parses each in a process of its own, and runs a DAG run on the
version of the bundle that it began with. So each version is a folder of stubs of three lines, one a
plan, that point to the plan's content as it was: a broken plan is an import error of its own, an
edited one does not disturb a run, and a task start reads one plan however many there are.

Airflow parses a file anew when it is younger than its last parse, and every `min_file_process_interval`.
A version is new in all its files; so a stub that is the same as in the version before, and was a
DAG there, keeps its date and its claim to an id: with 200 plans, an edited one costs one parse.

Airflow schedules nothing more of a DAG that is gone. So a plan that is edited into a broken one
keeps its DAG as it was, and a second stub beside it brings the import error.

    <base>/plans/<digest>/         stored plans, see `builds`
    <base>/versions/<version>/     stubs
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.base import BaseDagBundle, BundleVersion

from planexe_dag_factory.airflow.dropped import DropFolder, look_into
from planexe_dag_factory.airflow.planexe import planexe
from planexe_dag_factory.airflow.settings import plan_folders, registry_path, upkeep_schedule
from planexe_dag_factory.airflow.store import CLAIMS, KnownAgents, entry_digest, is_built, store_plan

STUB = '''"""A plan as an Airflow DAG. Made by the Dag bundle: edit the plan, not this file."""

from planexe_dag_factory.airflow.loader import load_plan

dag = load_plan(__file__, "{digest}"{before})
'''
PROBLEMS_STUB = '''"""The problems of a plan whose Airflow DAG is still the one from before it was edited."""

from planexe_dag_factory.airflow.loader import check_plan

check_plan(__file__, "{digest}")
'''
UPKEEP_STUB = '''"""The Airflow DAG that checks the registered agents; `[planexe] agents_check` turns it off."""

from planexe_dag_factory.airflow.upkeep import agents_dag

dag = agents_dag()
'''
REFRESH_STUB = '''"""The Airflow DAG that brings PlanExe's own reports up to date, where one is configured."""

from planexe_dag_factory.airflow.refresh import refresh_dag

dag = refresh_dag()
'''
UPKEEP = "upkeep/agents_health.py"
"""In a folder, where no stub of a plan can be."""
REFRESH = "upkeep/planexe_own_report.py"
PROBLEMS = ".edited.py"
COMPILER = "planexe_dag_factory.airflow.builds"
"""Imported by who makes a version: the Dag processor, which forks a process for every plan that is to be compiled."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Entries:
    """What a plan's stub points to: the plan as it is `now`, and as it was `before`, when it last was a DAG."""

    now: str
    before: str | None = None


class PlanBundle(BaseDagBundle):
    """Serves the plans of the configured folders (`[planexe] plans`) as DAGs.

    `plans` and `registry`, where given, stand in for the settings of the same names.
    """

    supports_versioning = True

    def __init__(self, *, plans: list[str] | None = None, registry: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._folders = [DropFolder(Path(plan)) for plan in plans] if plans else [DropFolder(f) for f in plan_folders()]
        self._registry = Path(registry) if registry else None
        self._current: str | None = None
        self._known: dict[str, Entries] = {}

    @property
    def path(self) -> Path:
        """The folder of stubs of the version in use."""
        version = self.version or self._current
        return self.versions_dir / version if version else self.versions_dir / "none"

    def initialize(self) -> None:
        if self.version is None:
            self.refresh()
        super().initialize()

    def get_current_version(self) -> BundleVersion | None:
        version = self.version or self._current
        return BundleVersion(version=version) if version else None

    def refresh(self) -> None:
        """Look at the plan folders, and make a new version where anything changed."""
        if self.version is not None:
            return
        agents = KnownAgents.read(self._registry or registry_path())
        plans = look_into(self._folders)
        entries = {name: self._entries(name, entry_digest(digest, agents)) for name, (_, digest) in plans.items()}
        upkeep = _upkeep()
        depends = agents if UPKEEP in upkeep else None
        version = hashlib.sha256(repr((sorted(entries.items()), depends, upkeep)).encode()).hexdigest()[:40]
        if version == self._current and self.path.exists():
            return
        with self.lock():
            for name, (plan, _) in plans.items():
                store_plan(self.base_dir / "plans" / entries[name].now, plan, agents)
            self._write_version(version, entries, upkeep)
            if self._current:
                _date(self.versions_dir / version, before=self.versions_dir / self._current)
        self._current, self._known = version, entries

    def _entries(self, name: str, digest: str) -> Entries:
        """Say what a plan is now, and what it was when it last was a DAG."""
        known = self._known.get(name)
        if known is None or known.now == digest:
            return known or Entries(digest)
        built = is_built(self.base_dir / "plans" / known.now)
        return Entries(digest, known.now if built else known.before)

    def _write_version(self, version: str, entries: Mapping[str, Entries], upkeep: Mapping[str, str]) -> None:
        """Write a version's stubs, whole or not at all."""
        target = self.versions_dir / version
        if target.exists():
            return
        self.versions_dir.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".version-", dir=self.versions_dir))
        for name, entry in entries.items():
            stub = draft / stub_name(name, entries)
            before = f', "{entry.before}"' if entry.before else ""
            stub.write_text(STUB.format(digest=entry.now, before=before), encoding="utf-8")
            if entry.before:
                problems = stub.with_name(stub.name.removesuffix(".py") + PROBLEMS)
                problems.write_text(PROBLEMS_STUB.format(digest=entry.now), encoding="utf-8")
        for name, text in upkeep.items():
            (draft / name).parent.mkdir(exist_ok=True)
            (draft / name).write_text(text, encoding="utf-8")
        draft.chmod(0o755)
        draft.rename(target)
        import_module(COMPILER)


def _upkeep() -> Mapping[str, str]:
    """Return the stubs of our own DAGs that are wanted, by their place in a version."""
    wanted = {UPKEEP: UPKEEP_STUB} if upkeep_schedule() else {}
    return wanted | ({REFRESH: REFRESH_STUB} if planexe() else {})


def _date(version: Path, *, before: Path) -> None:
    """Date the stubs of a version: as `before` where nothing changed and there was a DAG, else now."""
    claims = {path.read_text(encoding="utf-8"): path for path in (before / CLAIMS).glob("[!.]*")}
    for stub in version.rglob("*.py"):
        name = stub.relative_to(version)
        claim, old = claims.get(str(name)), before / name
        if claim and old.exists() and old.read_bytes() == stub.read_bytes():
            then = old.stat().st_mtime_ns
            os.utime(stub, ns=(then, then))
            (version / CLAIMS).mkdir(exist_ok=True)
            shutil.copyfile(claim, version / CLAIMS / claim.name)
        else:
            os.utime(stub)


def stub_name(name: str, names: Collection[str]) -> str:
    """Name a plan's stub after the plan, as its import error will show it."""
    safe = _UNSAFE.sub("_", name.replace("/", "."))[:150]
    twins = [other for other in names if _UNSAFE.sub("_", other.replace("/", "."))[:150] == safe]
    mark = "" if len(twins) == 1 else f"-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return f"{safe}{mark}.py"
