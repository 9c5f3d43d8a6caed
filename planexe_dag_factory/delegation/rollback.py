"""Back to a milestone: a new run that takes over what an earlier one had done by then, and does the rest again.

What was done stays done where the step is still the same, and rests on nothing that is done again.
An approval is taken over only where plan, step and payload are what was approved; else it is asked
for anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from planexe_agents.signing import canonical, sign_document

from planexe_dag_factory.delegation.approval import approval_fault, four_eyes
from planexe_dag_factory.delegation.execution import Execution, StepRun
from planexe_dag_factory.delegation.takeover import APPROVED, TAKEN_OVER
from planexe_dag_factory.delegation.votes import bound_to
from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.course import PLAN
from planexe_dag_factory.record.events import RUN, Actor, Event, actor_of, append_event, list_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.snapshots import Snapshot, snapshot_of
from planexe_dag_factory.record.verify import verify_run
from planexe_dag_factory.spec.codec import load_spec
from planexe_dag_factory.spec.model import WorkItem


@dataclass(frozen=True, slots=True)
class Source:
    """Where a run takes over from, as its configuration says: a run's name, a milestone, and what that sealed."""

    run: str
    milestone: str
    manifest: str

    @classmethod
    def parse(cls, told: Any) -> Source:
        """Read what a run was triggered with. Raises RecordError where it is not that."""
        if isinstance(told, Mapping) and all(isinstance(told.get(name), str) for name in cls.__slots__):
            return cls(told["run"], told["milestone"], told["manifest"])
        raise RecordError("rollback: the names of a run and a milestone, and the manifest's digest, are needed")

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def find_source(run: RunFolder, milestone: str, keys: frozenset[str] = frozenset()) -> tuple[Source, Snapshot]:
    """Find what to go back to. Raises RecordError where there is no such snapshot, or the record does not hold."""
    snapshot = snapshot_of(run, milestone)
    found = verify_run(run, keys)
    if not found.ok:
        first = found.problems[0]
        raise RecordError(f"the record of {run.name} does not hold: {first.where.file} {first.message}")
    return Source(run.name, snapshot.name, snapshot.digest), snapshot


def take_over_from(execution: Execution, source: Source, by: Actor) -> tuple[str, ...]:
    """Begin a run where another was at a milestone; return the steps that need not be done again.

    Both records say so. Doing it again after a crash changes nothing. Raises RecordError where the
    other record does not hold, or is not the one that was meant.
    """
    old = execution.run.above.below(source.run)
    if old is None:
        raise RecordError(f"{source.run!r} cannot be the name of a run")
    found, snapshot = find_source(old, source.milestone, execution.ours)
    if found != source:
        raise RecordError(f"{source.milestone} of {source.run} is not what it was when the rollback was asked for")
    _link(execution, old, source, by)
    before = load_spec(old.read_bytes("dagspec.json"))
    taken = _unchanged(execution, snapshot, before.work_items)
    for name in taken:
        _take_over(execution.step(name), snapshot)
    for name in execution.spec.work_items:
        if name not in taken:
            _take_over_approval(execution.step(name), snapshot)
    return taken


def _link(execution: Execution, old: RunFolder, source: Source, by: Actor) -> None:
    """Say in both records which run goes on from which, once."""
    if not any(file.action == "rollback" for file in list_events(execution.run, RUN)):
        told = {"source": source.run, "milestone": source.milestone, "manifest": source.manifest}
        append_event(execution.run, execution.key, Event("rollback", by, details=told))
    followers = [old.read_json(*file.segments) for file in list_events(old, RUN) if file.action == "rolled-back"]
    if all(one["details"]["into"] != execution.run.name for one in followers):
        details = {"into": execution.run.name, "milestone": source.milestone}
        append_event(old, execution.key, Event("rolled-back", by, details=details))


def _unchanged(execution: Execution, snapshot: Snapshot, before: Mapping[str, WorkItem]) -> tuple[str, ...]:
    """Return the steps that were done by then, are still the same, and rest only on such."""
    taken: dict[str, bool] = {}

    def holds(name: str) -> bool:
        if name not in taken:
            taken[name] = False  # a step never rests on itself
            item = execution.spec.work_items.get(name)
            taken[name] = (
                name != PLAN
                and item is not None
                and name in before
                and _content(item) == _content(before[name])
                and _was_done(snapshot, name)
                and _lifted_by_others(execution.step(name), snapshot)
                and all(holds(other) for other in item.upstream)
            ) or (name == PLAN and _still_approved(execution, snapshot))
        return taken[name]

    return tuple(name for name in execution.spec.work_items if name != PLAN and holds(name))


def _still_approved(execution: Execution, snapshot: Snapshot) -> bool:
    approval = snapshot.read_json("steps", PLAN, "approval.json")
    return approval is not None and _void(execution.step(PLAN), approval, snapshot.run.name) is None


def _content(item: WorkItem) -> bytes:
    """Return what a step is: its work, its inputs and its gate; not who is asked first, nor how long it may take."""
    gate = replace(item.route.gate, why="") if item.route.gate else None
    parts = [item.id, item.title, item.description, dict(item.route.inputs), gate and asdict(gate)]
    return canonical(parts)


def _was_done(snapshot: Snapshot, name: str) -> bool:
    result = snapshot.read_json("steps", name, "result.json")
    return result is not None and result["status"] == "done"


def _lifted_by_others(step: StepRun, snapshot: Snapshot) -> bool:
    """Say whether nobody let the old run go on past a risk who may not in this one: they may have started it."""
    result = snapshot.read_json("steps", step.id, "result.json")
    if step.item.milestone is None or not result or not result["accepted_by"]:
        return True
    by = actor_of(result["accepted_by"])
    return by.kind != "person" or four_eyes(step, by, "senior_review") is None


def _take_over(step: StepRun, snapshot: Snapshot) -> None:
    if any(file.action == TAKEN_OVER for file in list_events(step.execution.run, step.id)):
        return
    files = {"result.json": snapshot.run.read_bytes("steps", step.id, "result.json")}
    step.record(TAKEN_OVER, files, source=snapshot.run.name, milestone=snapshot.name, manifest=snapshot.digest)


def _take_over_approval(step: StepRun, snapshot: Snapshot) -> None:
    approval = snapshot.read_json("steps", step.id, "approval.json")
    if approval is None or approval["decision"] != "approved" or step.find_json("approval.json"):
        return
    source, milestone = snapshot.run.name, snapshot.name
    fault = _void(step, approval, source)
    if fault:
        step.log("approval-void", reason=fault, source=source, milestone=milestone)
    else:
        _sign_for_this_run(step, approval, source, milestone)


def _void(step: StepRun, approval: Mapping[str, Any], source: str) -> str | None:
    """Say why an approval of another run does not hold here: its approver may have started this one."""
    fault = approval_fault(step, approval, source)
    voters = (actor_of(vote["by"]) for vote in approval.get("votes", [approval]))
    return fault or next((problem for voter in voters if (problem := four_eyes(step, voter))), None)


def _sign_for_this_run(step: StepRun, approval: Mapping[str, Any], source: str, milestone: str) -> None:
    """An approval holds in its run alone: sign it anew for this one, with where it is from."""
    given = {name: value for name, value in approval.items() if name not in ("key", "signature")}
    document = {**given, **bound_to(step), "taken_over_from": {"source": source, "milestone": milestone}}
    signed = sign_document(document, step.execution.key)
    step.record(APPROVED, {"approval.json": signed}, source=source, milestone=milestone)
