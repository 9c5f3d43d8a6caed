"""Runs and their snapshots, as their folders hold them: what a milestone sealed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from planexe_agents.signing import digest, digest_bytes

from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.events import RUN, list_events
from planexe_dag_factory.record.folder import RunFolder

FINAL = "final"


@dataclass(frozen=True)
class Snapshot:
    """A run as it was when it was sealed: at the milestone `name`, or at the end (`final`)."""

    run: RunFolder
    name: str
    manifest: Mapping[str, Any]

    @property
    def digest(self) -> str:
        return digest(self.manifest)

    @property
    def files(self) -> Mapping[str, str]:
        files: Mapping[str, str] = self.manifest["files"]
        return files

    def read_json(self, *segments: str) -> Any | None:
        """Read a file as it was sealed; None where it was not there, or has another content since."""
        sealed = self.files.get("/".join(segments))
        same = sealed is not None and self.run.exists(*segments)
        return (
            self.run.read_json(*segments) if same and digest_bytes(self.run.read_bytes(*segments)) == sealed else None
        )

    @cached_property
    def spec(self) -> Mapping[str, Any]:
        """The DagSpec, as JSON."""
        spec: Mapping[str, Any] = self.read_json("dagspec.json") or {}
        return spec


def runs_below(root: RunFolder) -> Iterator[RunFolder]:
    """Yield the runs below a run root, the oldest first."""
    for name in root.names():
        run = root.below(name)
        if run and run.exists("run.json"):
            yield run


def snapshots_of(run: RunFolder) -> tuple[Snapshot, ...]:
    """Return the snapshots of a run, in the order in which they were taken."""
    taken = (file for file in list_events(run) if file.action == "snapshot")
    names = dict.fromkeys(FINAL if file.about == RUN else file.about for file in taken)
    return tuple(Snapshot(run, name, run.read_json(*_place(name))) for name in names)


def snapshot_of(run: RunFolder, name: str) -> Snapshot:
    """Find a snapshot: `final`, or a milestone by its id. Raises RecordError where the run has none of that name."""
    taken = snapshots_of(run)
    for one in taken:
        if name in {one.name, one.name.removeprefix("milestone-")}:
            return one
    known = ", ".join(one.name for one in taken) or "none yet"
    raise RecordError(f"{run.name} has no snapshot {name!r}; it has {known}")


def _place(name: str) -> tuple[str, ...]:
    return (FINAL, "manifest.json") if name == FINAL else ("milestones", name, "manifest.json")
