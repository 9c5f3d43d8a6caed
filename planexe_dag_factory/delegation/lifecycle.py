"""A run's beginning, its milestones and its end, in the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planexe_agents.signing import SigningKey, digest_bytes

from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.record.events import ORCHESTRATOR, Actor, Event, append_event
from planexe_dag_factory.record.folder import RunFolder, now

INPUTS = ("plan.json", "policy.json", "registry.json", "dagspec.json")


def begin_run(run: RunFolder, key: SigningKey, inputs: Mapping[str, bytes], about: Mapping[str, Any]) -> None:
    """Open a run's folder with what will be run; beginning again after a crash changes nothing.

    `inputs` holds the bytes of each of INPUTS; `about` is dag_id, run_id, plan_id and `by`.
    """
    for name in INPUTS:
        if not run.exists(name):
            run.write_bytes(inputs[name], name)
    header = {**about, "started_at": now(), "orchestrator_key": key.public}
    if run.create_json(header, "run.json"):
        digests = {name: digest_bytes(run.read_bytes(name)) for name in INPUTS}
        by = Actor("person", str(about["by"])) if about.get("by") else ORCHESTRATOR
        append_event(run, key, Event("run-started", by, digests=digests))


def end_run(execution: Execution, problems: list[str]) -> None:
    """Record how the run ended; `problems` are what kept it from succeeding."""
    execution.log("run-ended", "run", state="failed" if problems else "success", problems=problems)


def refusals(execution: Execution) -> list[str]:
    """Say who refused what and why, in the order of the plan."""
    said = []
    for work_item in execution.spec.work_items.values():
        ended = execution.run.find_json("steps", work_item.id, "result.json")
        if ended and ended["status"] == "refused":
            who = ended["by"].get("name") or ended["by"]["id"]
            said.append(f"{who} refused {work_item.title!r}: {ended['reason'] or 'no reason was given'}")
    return said
