"""The versions of the bundle on disk: a folder of stubs for each, and a manifest from which it can be made again.

Airflow removes the folder of a version from which no task has started for six hours, once ten others have been used
(`[dag_processor] stale_bundle_cleanup_*`). A run that waits for a person starts no task, and still needs its version:
so what the stubs say is kept beside, and whoever finds the folder gone, or half gone, makes it again.

    <base>/plans/<digest>/              stored plans, see `store`
    <base>/manifests/<version>.json     what each stub points to; its date: when the version was last used
    <base>/versions/<version>/          stubs
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

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
UPKEEP_STUBS = {UPKEEP: UPKEEP_STUB, REFRESH: REFRESH_STUB}
PROBLEMS = ".edited.py"
DAY_S = 24 * 3600.0
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Entries:
    """What a plan's stub points to: the plan as it is `now`, and as it was `before`, when it last was a DAG."""

    now: str
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a version is made of: its plans by name, and the places of our own DAGs in it."""

    entries: Mapping[str, Entries]
    upkeep: Collection[str]

    def stubs(self) -> Mapping[str, str]:
        """Return the text of every stub, by its place in the version."""
        stubs = {place: UPKEEP_STUBS[place] for place in self.upkeep}
        for name, entry in self.entries.items():
            place = stub_name(name, self.entries)
            before = f', "{entry.before}"' if entry.before else ""
            stubs[place] = STUB.format(digest=entry.now, before=before)
            if entry.before:
                stubs[place.removesuffix(".py") + PROBLEMS] = PROBLEMS_STUB.format(digest=entry.now)
        return stubs

    def digests(self) -> set[str]:
        """Name the stored plans that the version needs."""
        return {digest for entry in self.entries.values() for digest in (entry.now, entry.before) if digest}

    def dump(self) -> bytes:
        plans = {name: asdict(entry) for name, entry in self.entries.items()}
        return json.dumps({"plans": plans, "upkeep": sorted(self.upkeep)}, indent=1, sort_keys=True).encode()

    @classmethod
    def load(cls, content: bytes) -> Manifest:
        told = json.loads(content)
        return cls({name: Entries(**entry) for name, entry in told["plans"].items()}, told["upkeep"])


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions below a bundle's folder. Who writes or prunes holds the bundle's lock."""

    base: Path
    folder: Path
    """Where Airflow keeps and removes the versions of this bundle."""

    def write(self, version: str, manifest: Manifest) -> bool:
        """Put a version in place, whole or not at all, its manifest first; say whether its folder was not there."""
        target, content = self._manifest(version), manifest.dump()
        if not target.exists() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            draft = target.with_suffix(".draft")
            draft.write_bytes(content)
            draft.replace(target)
        return self.restore(version)

    def restore(self, version: str) -> bool:
        """Make a version again from its manifest, where anything of it is gone; say whether it was."""
        manifest = self._read(version)
        if manifest is None or self._is_whole(version, manifest):
            return False
        self._put(version, manifest.stubs())
        return True

    def is_whole(self, version: str) -> bool:
        """Say whether every stub of a version is there, as far as its manifest is."""
        manifest = self._read(version)
        return self._is_whole(version, manifest) if manifest else (self.folder / version).exists()

    def use(self, version: str) -> None:
        """Note that a version is in use now, so that it is kept."""
        with suppress(OSError):  # on a disk that only the Dag processor may write, its own looks must do
            os.utime(self._manifest(version))

    def prune(self, days: float) -> tuple[str, ...]:
        """Remove the versions that were not in use for so long, and the stored plans that no other names.

        What no manifest names, a draft of a process that died for one, goes by its own date.
        """
        since = time.time() - days * DAY_S
        gone = tuple(path.stem for path in self._manifests() if path.stat().st_mtime < since)
        for version in gone:
            self._manifest(version).unlink(missing_ok=True)
        kept = {path.stem: self._read(path.stem) for path in self._manifests()}
        _remove(self.folder, kept, since, gone)
        manifests = [manifest for manifest in kept.values() if manifest]
        if len(manifests) == len(kept):  # else nobody knows what the one that cannot be read needs
            _remove(self.base / "plans", set[str]().union(*(one.digests() for one in manifests)), since)
        return gone

    def _manifest(self, version: str) -> Path:
        return self.base / "manifests" / f"{version}.json"

    def _manifests(self) -> list[Path]:
        return sorted((self.base / "manifests").glob("*.json"))

    def _read(self, version: str) -> Manifest | None:
        try:
            return Manifest.load(self._manifest(version).read_bytes())
        except (FileNotFoundError, ValueError, KeyError, TypeError):  # one cut off by a power failure is as none
            return None

    def _is_whole(self, version: str, manifest: Manifest) -> bool:
        return all((self.folder / version / place).exists() for place in manifest.stubs())

    def _put(self, version: str, stubs: Mapping[str, str]) -> None:
        """Give a version its folder. What is left of one that is just being removed goes out of the way first."""
        target = self.folder / version
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".version-", dir=self.folder))
        for place, text in stubs.items():
            (draft / place).parent.mkdir(exist_ok=True)
            (draft / place).write_text(text, encoding="utf-8")
        draft.chmod(0o755)
        remnant = draft.with_name(f"{draft.name}.old")
        with suppress(FileNotFoundError):
            target.rename(remnant)
        draft.rename(target)
        shutil.rmtree(remnant, ignore_errors=True)


def _remove(folder: Path, kept: Collection[str], since: float, gone: Collection[str] = ()) -> None:
    """Remove what is not kept from a folder: what is gone, and what is older than `since`."""
    for path in list(folder.iterdir()) if folder.is_dir() else ():
        with suppress(FileNotFoundError):  # Airflow removes versions too
            if path.name not in kept and (path.name in gone or path.stat().st_mtime < since):
                shutil.rmtree(path, ignore_errors=True)


def stub_name(name: str, names: Collection[str]) -> str:
    """Name a plan's stub after the plan, as its import error will show it."""
    safe = _UNSAFE.sub("_", name.replace("/", "."))[:150]
    twins = [other for other in names if _UNSAFE.sub("_", other.replace("/", "."))[:150] == safe]
    mark = "" if len(twins) == 1 else f"-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return f"{safe}{mark}.py"
