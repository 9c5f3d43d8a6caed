"""A run's beginning, its milestones and its end, in the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from planexe_agents.signing import SigningKey, canonical, digest_bytes

from planexe_dag_factory.delegation.execution import ESTIMATES, HEADER, Execution
from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.learning.durations import Durations
from planexe_dag_factory.record.events import ORCHESTRATOR, RUN, Actor, Event, append_event, read_events
from planexe_dag_factory.record.folder import RunFolder, now
from planexe_dag_factory.record.manifest import make_manifest
from planexe_dag_factory.spec.codec import load_spec

INPUTS = ("plan.json", "policy.json", "registry.json", "dagspec.json")
FINAL = "final"
READ, ROUTED, STARTED = "plan-read", "plan-routed", "run-started"


def begin_run(run: RunFolder, key: SigningKey, inputs: Mapping[str, bytes], about: Mapping[str, Any]) -> None:
    """Open a run's folder with what will be run; beginning again after a crash changes nothing.

    `inputs` holds the bytes of each of INPUTS; `about` is dag_id, run_id, plan_id, `by`, and `auth`, which
    vouches for who that is. `run.json` comes last: without it the run has not begun. Raises RecordError where it
    cannot be written, or a try before had begun with something else.
    """
    begun = _begun(run)
    if STARTED in begun:
        contents = {**inputs, HEADER: _header(run, key, about, begun[READ])}
        for action in (READ, ROUTED, STARTED):
            _finish(run, begun[action], contents)
        return
    for event, files in _beginning(inputs):
        contents = {name: inputs[name] for name in files}
        if event.action not in begun:
            _record(run, key, event, contents)
        elif _is_same(begun[event.action], contents, key):
            _finish(run, begun[event.action], contents)
        else:
            raise _other(run, event.action)
    by = Actor("person", str(about["by"]), via="Airflow", auth=about.get("auth")) if about.get("by") else ORCHESTRATOR
    _record(run, key, Event(STARTED, by), {HEADER: _header(run, key, about, _begun(run)[READ])})


def _begun(run: RunFolder) -> Mapping[str, Mapping[str, Any]]:
    """Return the first event of each kind about the run."""
    return {event["action"]: event for event in reversed(read_events(run, RUN))}


def _header(run: RunFolder, key: SigningKey, about: Mapping[str, Any], first: Mapping[str, Any]) -> bytes:
    """Write what a run is; its time is that of its first event, so that each try writes the same."""
    return canonical({**about, "run": run.name, "started_at": first["at"], "orchestrator_key": key.public})


def _record(run: RunFolder, key: SigningKey, event: Event, contents: Mapping[str, bytes]) -> None:
    """Write an event, then the files that it speaks of."""
    digests = {path: digest_bytes(content) for path, content in contents.items()}
    with run.staged(contents):
        append_event(run, key, replace(event, digests=digests))


def _is_same(event: Mapping[str, Any], contents: Mapping[str, bytes], key: SigningKey) -> bool:
    digests = {path: digest_bytes(content) for path, content in contents.items()}
    return bool(event["key"] == key.public and event["digests"] == digests)


def _finish(run: RunFolder, event: Mapping[str, Any], contents: Mapping[str, bytes]) -> None:
    """Let the files appear that an event speaks of, where a process died before it did."""
    for path, mark in event["digests"].items():
        run.finish(mark, path)
        if not run.exists(path):
            if digest_bytes(contents[path]) != mark:
                raise _other(run, event["action"])
            run.write_bytes(contents[path], path)


def _other(run: RunFolder, action: str) -> RecordError:
    return RecordError(
        f"{run.name} had begun with something else before its process died (its event {action!r} says so): "
        "the plan, or the key, has changed since; trigger the plan again"
    )


def keep_estimates(execution: Execution) -> None:
    """Put on record what earlier runs say of the plan's estimates, so that what is forecast follows from the run alone.

    Nothing is kept where they say nothing, or the policy does not want it.
    """
    if execution.run.exists(ESTIMATES) or not execution.policy.get("learned_estimates", True):
        return
    paces = Durations.below(execution.root, execution.ours).paces()
    if paces:
        kinds = {kind: asdict(pace) for kind, pace in paces.items()}
        execution.record("estimates-learned", RUN, {ESTIMATES: {"kinds": kinds, "at": now()}}, kinds=len(kinds))


def _beginning(inputs: Mapping[str, bytes]) -> tuple[tuple[Event, tuple[str, ...]], ...]:
    """Say what was read, and how it was routed; with the files that each speaks of."""
    spec = load_spec(inputs["dagspec.json"])
    steps = [item for item in spec.work_items.values() if item.milestone is None]
    people = sum(item.route.executor == "human" for item in steps)
    gates = sum(item.route.gate is not None for item in steps)
    routed = {"agents": len(steps) - people, "people": people, "gates": gates}
    return (
        (Event(READ, details={"title": spec.title, "steps": len(steps)}), INPUTS[:1]),
        (Event(ROUTED, details=routed), INPUTS[1:]),
    )


def end_run(execution: Execution, problems: list[str], cut_short_by: Actor | None = None) -> None:
    """Record how the run ended, once; `problems` are what kept it from succeeding."""
    if not execution.last_of(RUN, "run-ended"):
        told: dict[str, Any] = {"state": "failed" if problems else "success", "problems": problems}
        told |= {"cut_short": True} if cut_short_by else {}
        execution.log("run-ended", RUN, cut_short_by or ORCHESTRATOR, **told)


def seal(execution: Execution, milestone: str | None) -> None:
    """Take a snapshot: a signed list of all that is on record, at a milestone or (None) at the end."""
    path = f"milestones/{milestone}/manifest.json" if milestone else f"{FINAL}/manifest.json"
    manifest = make_manifest(execution.run, execution.key)
    execution.record("snapshot", milestone or RUN, {path: manifest}, events=manifest["events"])


def seal_run(execution: Execution) -> None:
    """Close the record of a run: what comes after this shows."""
    manifest = make_manifest(execution.run, execution.key)
    execution.record("run-sealed", RUN, {f"{FINAL}/seal.json": manifest}, events=manifest["events"])


def reach_milestone(execution: Execution, milestone: str) -> None:
    """Record once that a milestone was reached, after all that it closes."""
    if execution.last_of(milestone, "milestone-reached"):
        return
    closed = next((one.work_items for one in execution.spec.milestones if one.id == milestone), ())
    execution.log("milestone-reached", milestone, after=closed)


def unreported(execution: Execution) -> list[str]:
    """Return the milestones that were reached, and whose report is not all there."""
    return [
        milestone
        for milestone in execution.run.names("milestones")
        if execution.last_of(milestone, "milestone-reached")
        and not execution.run.exists(*report_place(milestone).split("/"), "report.pdf")
    ]


def report_place(milestone: str | None) -> str:
    """Return the folder of a report: of a milestone, or (None) of the end."""
    return f"milestones/{milestone}/report" if milestone else FINAL


def refusals(execution: Execution) -> list[str]:
    """Say who refused what and why, in the order of the plan."""
    said = []
    for work_item in execution.spec.work_items.values():
        ended = execution.run.find_json("steps", work_item.id, "result.json")
        if ended and ended["status"] == "refused":
            who = ended["by"].get("name") or ended["by"]["id"]
            said.append(f"{who} refused {work_item.title!r}: {ended['reason'] or 'no reason was given'}")
    return said
