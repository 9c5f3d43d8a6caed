"""Runs and their snapshots, as their folders hold them: what a milestone sealed, and how two of them differ."""

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
DECISIONS = ("approval.json", "answer.json", "decision.json")


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


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that two snapshots say differently; None where one says nothing."""

    part: str
    about: str
    before: str | None
    after: str | None


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


def compare(before: Snapshot, after: Snapshot) -> tuple[Difference, ...]:
    """List how two snapshots differ: plan, routes, results, decisions."""
    return tuple(
        difference
        for part, read in (("plan", _plan), ("route", _routes), ("result", _results), ("decision", _decisions))
        for difference in _differences(part, read(before), read(after))
    )


def _differences(part: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Difference]:
    for about in dict.fromkeys((*before, *after)):
        if before.get(about) != after.get(about):
            yield Difference(part, about, before.get(about), after.get(about))


def _plan(snapshot: Snapshot) -> dict[str, str]:
    items = snapshot.spec.get("work_items", {}).items()
    whole = {"the plan": str(snapshot.spec.get("plan_digest")), "the policy": str(snapshot.spec.get("policy_digest"))}
    return whole | {name: f"{item['title']}: {item['description']}"[:200] for name, item in items}


def _routes(snapshot: Snapshot) -> dict[str, str]:
    return {name: _route(item["route"]) for name, item in snapshot.spec.get("work_items", {}).items()}


def _route(route: Mapping[str, Any]) -> str:
    asked = ", ".join(f"{one['agent']}.{one['action']}" for one in route["candidates"]) or route["executor"]
    return f"{asked}, {route['gate']['kind']} approval first" if route.get("gate") else asked


def _results(snapshot: Snapshot) -> dict[str, str]:
    return {path.split("/")[1]: _result(snapshot, path) for path in _sealed(snapshot, "result.json")}


def _result(snapshot: Snapshot, path: str) -> str:
    result = snapshot.read_json(*path.split("/"))
    if result is None:
        return f"changed since ({snapshot.files[path]})"
    return f"{result['status']} by {result['by']['id']}, {digest(result['result'])[:19]}"


def _decisions(snapshot: Snapshot) -> dict[str, str]:
    paths = (path for name in DECISIONS for path in _sealed(snapshot, name))
    return {path: _decision(snapshot, path) for path in paths}


def _decision(snapshot: Snapshot, path: str) -> str:
    told = snapshot.read_json(*path.split("/"))
    if told is None:
        return f"changed since ({snapshot.files[path]})"
    by = f" by {told['by']['id']}" if "by" in told else f": {told['why']}"
    return f"{told.get('decision') or told.get('option')}{by}"


def _sealed(snapshot: Snapshot, name: str) -> list[str]:
    return sorted(path for path in snapshot.files if path.startswith("steps/") and path.endswith(f"/{name}"))


def _place(name: str) -> tuple[str, ...]:
    return (FINAL, "manifest.json") if name == FINAL else ("milestones", name, "manifest.json")
