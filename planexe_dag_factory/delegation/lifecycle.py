"""A run's beginning, its milestones and its end, in the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from planexe_agents.signing import SigningKey, digest_bytes

from planexe_dag_factory.delegation.execution import ESTIMATES, Execution
from planexe_dag_factory.learning.durations import Durations
from planexe_dag_factory.record.events import ORCHESTRATOR, RUN, Actor, Event, append_event, list_events
from planexe_dag_factory.record.folder import RunFolder, now
from planexe_dag_factory.record.manifest import make_manifest
from planexe_dag_factory.spec.codec import load_spec

INPUTS = ("plan.json", "policy.json", "registry.json", "dagspec.json")
FINAL = "final"


def begin_run(run: RunFolder, key: SigningKey, inputs: Mapping[str, bytes], about: Mapping[str, Any]) -> None:
    """Open a run's folder with what will be run; beginning again after a crash changes nothing.

    `inputs` holds the bytes of each of INPUTS; `about` is dag_id, run_id, plan_id, `by`, and `auth`, which
    vouches for who that is.
    """
    for name in INPUTS:
        if not run.exists(name):
            run.write_bytes(inputs[name], name)
    run.create_json({**about, "run": run.name, "started_at": now(), "orchestrator_key": key.public}, "run.json")
    begun = {file.action for file in list_events(run, RUN)}
    for event in _beginning(run, about):
        if event.action not in begun:
            append_event(run, key, event)


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


def _beginning(run: RunFolder, about: Mapping[str, Any]) -> tuple[Event, ...]:
    """Say what was read, how it was routed, and that it begins."""
    by = Actor("person", str(about["by"]), via="Airflow", auth=about.get("auth")) if about.get("by") else ORCHESTRATOR
    spec = load_spec(run.read_bytes("dagspec.json"))
    steps = [item for item in spec.work_items.values() if item.milestone is None]
    people = sum(item.route.executor == "human" for item in steps)
    gates = sum(item.route.gate is not None for item in steps)
    routed = {"agents": len(steps) - people, "people": people, "gates": gates}
    return (
        Event("plan-read", digests=_digests(run, "plan.json"), details={"title": spec.title, "steps": len(steps)}),
        Event("plan-routed", digests=_digests(run, "policy.json", "registry.json", "dagspec.json"), details=routed),
        Event("run-started", by, digests=_digests(run, "run.json")),
    )


def _digests(run: RunFolder, *names: str) -> dict[str, str]:
    return {name: digest_bytes(run.read_bytes(name)) for name in names}


def end_run(execution: Execution, problems: list[str]) -> None:
    """Record how the run ended, once; `problems` are what kept it from succeeding."""
    if not execution.last_of(RUN, "run-ended"):
        execution.log("run-ended", RUN, state="failed" if problems else "success", problems=problems)


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
