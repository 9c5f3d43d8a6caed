"""A Dag bundle that makes a DAG of every plan in the plan folders.

Airflow lists `.py` files only, parses each in a process of its own, and runs a DAG run on the
version of the bundle that it began with. So each version is a folder of stubs of three lines, one a
plan, that point to the plan's content as it was: a broken plan is an import error of its own, an
edited one does not disturb a run, and a task start reads one plan however many there are.

    <base>/plans/<digest>/         stored plans, see `builds`
    <base>/versions/<version>/     stubs
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.base import BaseDagBundle, BundleVersion

from planexe_dag_factory.airflow.builds import entry_digest, read_registry, store_plan
from planexe_dag_factory.airflow.dropped import DropFolder, look_into
from planexe_dag_factory.airflow.settings import plan_folders, registry_path

STUB = '''"""A plan as an Airflow DAG. Made by the Dag bundle: edit the plan, not this file."""

from planexe_dag_factory.airflow.loader import load_plan

dag = load_plan(__file__, "{digest}")
'''
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


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
        registry = read_registry(self._registry or registry_path())
        plans = look_into(self._folders)
        digests = {name: entry_digest(digest, registry) for name, (_, digest) in plans.items()}
        version = hashlib.sha256("\n".join(f"{n}\0{d}" for n, d in sorted(digests.items())).encode()).hexdigest()[:40]
        if version == self._current and self.path.exists():
            return
        with self.lock():
            for name, (plan, _) in plans.items():
                store_plan(self.base_dir / "plans" / digests[name], plan, registry)
            self._write_version(version, digests)
        self._current = version

    def _write_version(self, version: str, digests: dict[str, str]) -> None:
        """Write a version's stubs, whole or not at all."""
        target = self.versions_dir / version
        if target.exists():
            return
        self.versions_dir.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".version-", dir=self.versions_dir))
        for name, digest in digests.items():
            (draft / stub_name(name, digests)).write_text(STUB.format(digest=digest), encoding="utf-8")
        draft.chmod(0o755)
        draft.rename(target)


def stub_name(name: str, names: dict[str, str]) -> str:
    """Name a plan's stub after the plan, as its import error will show it."""
    safe = _UNSAFE.sub("_", name.replace("/", "."))[:150]
    twins = [other for other in names if _UNSAFE.sub("_", other.replace("/", "."))[:150] == safe]
    mark = "" if len(twins) == 1 else f"-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return f"{safe}{mark}.py"
