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

What is on disk, and how a version that Airflow has removed comes back, is in `versions`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.base import BaseDagBundle, BundleVersion, get_bundle_tracking_file

from planexe_dag_factory.airflow.dropped import DropFolder, look_into
from planexe_dag_factory.airflow.planexe import planexe
from planexe_dag_factory.airflow.settings import days_kept, plan_folders, registry_path, upkeep_schedule
from planexe_dag_factory.airflow.store import CLAIMS, KnownAgents, entry_digest, is_built, store_plan
from planexe_dag_factory.airflow.versions import REFRESH, UPKEEP, UPKEEP_STUBS, Entries, Manifest, Versions

COMPILER = "planexe_dag_factory.airflow.builds"
"""Imported by who makes a version: the Dag processor, which forks a process for every plan that is to be compiled."""


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
        self._versions = Versions(self.base_dir, self.versions_dir)

    @property
    def path(self) -> Path:
        """The folder of stubs of the version in use."""
        version = self.version or self._current
        return self.versions_dir / version if version else self.versions_dir / "none"

    def initialize(self) -> None:
        """Have the version at hand: the present one, or the one that a run began with, made again where it is gone."""
        if self.version is None:
            self.refresh()
        else:
            self._versions.use(self.version)
            if not self._versions.is_whole(self.version):
                with self.lock():
                    self._versions.restore(self.version)
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
        if version != self._current or not self._versions.is_whole(version):
            with self.lock():
                for name, (plan, _) in plans.items():
                    store_plan(self.base_dir / "plans" / entries[name].now, plan, agents)
                self._make(version, Manifest(entries, tuple(upkeep)))
            self._current, self._known = version, entries
        self._versions.use(version)

    def _make(self, version: str, manifest: Manifest) -> None:
        """Put a version in place of the current one, and remove what has not been in use for long."""
        if self._versions.write(version, manifest):
            import_module(COMPILER)
        if self._current:
            _date(self.versions_dir / version, before=self.versions_dir / self._current)
        days = days_kept()
        if days:
            for gone in self._versions.prune(days):
                get_bundle_tracking_file(self.name, gone).unlink(missing_ok=True)

    def _entries(self, name: str, digest: str) -> Entries:
        """Say what a plan is now, and what it was when it last was a DAG."""
        known = self._known.get(name)
        if known is None or known.now == digest:
            return known or Entries(digest)
        built = is_built(self.base_dir / "plans" / known.now)
        return Entries(digest, known.now if built else known.before)


def _upkeep() -> Mapping[str, str]:
    """Return the stubs of our own DAGs that are wanted, by their place in a version."""
    wanted = [UPKEEP] if upkeep_schedule() else []
    wanted += [REFRESH] if planexe() else []
    return {place: UPKEEP_STUBS[place] for place in wanted}


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
