"""What earlier runs make of a plan's estimates: kept when a run begins, heeded by due dates."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from planexe_dag_factory.delegation.execution import ESTIMATES
from planexe_dag_factory.delegation.lifecycle import keep_estimates
from planexe_dag_factory.delegation.tickets import Place, build_ticket
from planexe_dag_factory.learning.durations import Duration, Durations
from planexe_dag_factory.record.events import read_events
from tests.delegation.scenes import ITEM, Scene, make_scene

PLACE = Place("harbour", "run-1", "survey.human")


def scene_after(folder: Path, days: float, policy: dict[str, Any] | None = None) -> Scene:
    """A run that begins after people took so many days over each of six steps of two."""
    scene = make_scene(folder, item=replace(ITEM, days=(1.0, 2.0, 3.0)))
    scene.step.execution.run.write_json(policy or {}, "policy.json")
    kept = Durations.below(scene.step.execution.root, scene.step.execution.ours)
    for number in range(6):
        at = f"2026-01-01T00:00:0{number}.000000+00:00"
        kept.add(Duration("human", days, 2.0, "harbour", "before", f"s{number}", at), scene.step.execution.key)
    keep_estimates(scene.again().execution)
    return scene


def days_until_due(scene: Scene) -> float:
    ticket = build_ticket(scene.again(), "work", PLACE, "why")
    span = datetime.fromisoformat(ticket["due_at"]) - datetime.fromisoformat(ticket["opened_at"])
    return round(span / timedelta(days=1), 2)


def test_a_run_keeps_what_earlier_ones_say_on_record_before_it_counts(tmp_path: Path) -> None:
    scene = scene_after(tmp_path, 4.0)
    kept = scene.step.execution.run.read_json(ESTIMATES)
    assert kept["kinds"] == {"human": {"factor": 1.5874, "n": 6}}
    (event,) = read_events(scene.step.execution.run, "run")
    assert (event["action"], list(event["digests"])) == ("estimates-learned", [ESTIMATES])
    scene_after(tmp_path, 40.0)
    assert scene.step.execution.run.read_json(ESTIMATES) == kept


@pytest.mark.parametrize(
    ("took", "policy", "due"),
    [(4.0, {}, 3.17), (0.1, {}, 2.0), (4.0, {"learned_estimates": False}, 2.0)],
    ids=["later-where-it-takes-longer", "never-earlier", "switched-off"],
)
def test_a_due_date_follows_what_people_take(tmp_path: Path, took: float, policy: dict[str, Any], due: float) -> None:
    assert days_until_due(scene_after(tmp_path, took, policy)) == due
