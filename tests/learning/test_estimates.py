"""What earlier runs make of a plan's estimates: kept when a run begins, heeded by due dates."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from planexe_dag_factory.delegation.asking import Kind
from planexe_dag_factory.delegation.execution import ESTIMATES
from planexe_dag_factory.delegation.lifecycle import keep_estimates
from planexe_dag_factory.delegation.tickets import Place, build_ticket
from planexe_dag_factory.learning.durations import Duration, Durations
from planexe_dag_factory.record.events import read_events
from planexe_dag_factory.spec.codec import dump_spec
from planexe_dag_factory.spec.model import TaskSpec
from tests.delegation.scenes import ITEM, ROUTE, Scene, make_scene

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


def by_the_plan(scene: Scene, kind: Kind, hours_ago: float = 0.0) -> float:
    """Return in how many days a ticket is due: of a run that began so long ago, whose step starts on day 2."""
    run, spec = scene.step.execution.run, scene.step.execution.spec
    tasks = (
        TaskSpec("next.work", "work", "Next", "next", "next"),
        TaskSpec("survey.human", "human", "Survey", "survey", "survey"),
    )
    by_hand = replace(ROUTE, executor="human", candidates=())
    before = replace(spec.work_items["next"], days=(1, 2, 3), route=by_hand)
    survey = replace(scene.step.item, days=(1, 4, 9), route=by_hand)
    items = {**spec.work_items, "next": before, "survey": survey}
    found = replace(spec, tasks=tasks, edges=(("next.work", "survey.human"),), work_items=items)
    run.write_bytes(dump_spec(found), "dagspec.json")
    began = datetime.now(UTC) - timedelta(hours=hours_ago)
    run.write_json({"started_at": began.isoformat()}, "run.json")
    step = replace(scene.step.execution).step("survey")
    ticket = build_ticket(step, kind, Place("d", "r", "survey.human"), "why")
    span = datetime.fromisoformat(ticket["due_at"]) - datetime.fromisoformat(ticket["opened_at"])
    return round(span / timedelta(days=1), 2)


@pytest.mark.parametrize(
    ("kind", "took", "hours_ago", "due"),
    [
        ("approval", None, 0, 2.0),
        ("review", None, 0, 6.0),
        ("approval", None, 12, 1.5),
        ("approval", None, 47, 1.0),
        ("review", 4.0, 0, 9.52),
    ],
    ids=["starts", "ends", "from-the-start-of-the-run", "a-day-at-least", "later-where-it-takes-longer"],
)
def test_an_approval_is_due_when_the_step_starts_and_a_review_when_it_ends(
    tmp_path: Path, kind: Kind, took: float | None, hours_ago: float, due: float
) -> None:
    scene = scene_after(tmp_path, took, {}) if took else make_scene(tmp_path)
    assert by_the_plan(scene, kind, hours_ago) == due


def test_nothing_is_due_where_neither_plan_nor_policy_says(tmp_path: Path) -> None:
    step = make_scene(tmp_path).step
    kinds: tuple[Kind, ...] = ("approval", "review", "work")
    for kind in kinds:
        assert build_ticket(step, kind, Place("d", "r", "t"), "why")["due_at"] is None


@pytest.mark.parametrize(
    ("took", "policy", "due"),
    [(4.0, {}, 3.17), (0.1, {}, 2.0), (4.0, {"learned_estimates": False}, 2.0)],
    ids=["later-where-it-takes-longer", "never-earlier", "switched-off"],
)
def test_a_due_date_follows_what_people_take(tmp_path: Path, took: float, policy: dict[str, Any], due: float) -> None:
    assert days_until_due(scene_after(tmp_path, took, policy)) == due
