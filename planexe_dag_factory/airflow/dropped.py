"""What people dropped into the plan folders: which files are plans, and what each holds."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from planexe_dag_factory.routing.policy_file import policy_path

POLICY = ".policy.json"
WBS_WORDS = "wbs_project_level1_and_level2_and_level3.json"
TEXTS = frozenset({".json", ".md", ".txt", ".csv", ".html"})
"""The files of a PlanExe run folder that are kept with its plan: what is read, and the pages PlanExe goes on with."""

Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class DroppedPlan:
    """A plan in a plan folder: `name` is its path from there; `files` are what it consists of."""

    name: str
    source: Path
    files: tuple[Path, ...]

    @property
    def stamp(self) -> Stamp:
        """What changes whenever a file does: names, times and sizes."""
        stats = ((str(file), file.stat()) for file in self.files)
        return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)

    def digest(self) -> str:
        """Digest the content and the names of the plan's files."""
        content = hashlib.sha256()
        for file in self.files:
            data = file.read_bytes()
            content.update(f"{file.relative_to(self.source.parent)}\0{len(data)}\0".encode())
            content.update(data)
        return content.hexdigest()


@dataclass
class DropFolder:
    """A folder that plans are dropped into; remembers digests, so that looking again costs a `stat` a file."""

    root: Path
    _known: dict[str, tuple[Stamp, str]] = field(default_factory=dict)

    def look(self) -> dict[str, tuple[DroppedPlan, str]]:
        """Return every plan that is there now with its digest, by name; a file that goes meanwhile is left out."""
        found: dict[str, tuple[DroppedPlan, str]] = {}
        for plan in find_plans(self.root):
            try:
                found[plan.name] = (plan, self._digest(plan))
            except OSError:
                continue
        return found

    def _digest(self, plan: DroppedPlan) -> str:
        stamp = plan.stamp
        known = self._known.get(plan.name)
        if known is None or known[0] != stamp:
            self._known[plan.name] = (stamp, plan.digest())
        return self._known[plan.name][1]


def look_into(folders: Iterable[DropFolder]) -> dict[str, tuple[DroppedPlan, str]]:
    """Return the plans of several folders; a name that two of them hold gets its folder's in front."""
    plans: dict[str, tuple[DroppedPlan, str]] = {}
    for folder in folders:
        for name, found in folder.look().items():
            plans[f"{folder.root.name}/{name}" if name in plans else name] = found
    return plans


def find_plans(root: Path) -> Iterator[DroppedPlan]:
    """Find plans below a folder: JSON files, zips, and folders that hold a work breakdown structure."""
    for folder, folders, files in os.walk(root):
        place = Path(folder)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        if place != root and any(name.endswith(WBS_WORDS) for name in files):
            folders.clear()
            texts = sorted(place / name for name in files if Path(name).suffix in TEXTS and not name.startswith("."))
            yield _dropped(root, place, texts)
        else:
            for name in sorted(files):
                if _is_plan_file(name):
                    yield _dropped(root, place / name, [place / name])


def _is_plan_file(name: str) -> bool:
    return name.endswith((".json", ".zip")) and not name.endswith(POLICY) and not name.startswith(".")


def _dropped(root: Path, source: Path, files: list[Path]) -> DroppedPlan:
    policy = policy_path(source)
    every = [*files, policy] if policy.exists() else files
    return DroppedPlan(source.relative_to(root).as_posix(), source, tuple(every))
