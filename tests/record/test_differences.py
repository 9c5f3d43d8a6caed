"""How two snapshots differ: every part of them is compared, and compared whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from planexe_dag_factory.cli.differences import shorten
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.delegation.lifecycle import seal
from planexe_dag_factory.record.differences import Difference, compare
from planexe_dag_factory.record.snapshots import Snapshot, snapshot_of
from planexe_dag_factory.spec.codec import dump_spec
from planexe_dag_factory.spec.model import WorkItem
from tests.delegation.test_rollback import again
from tests.record.runs import begun_run, finished_run, work

LONG = "x" * 1000


def changed_item(folder: Path, change: Callable[[WorkItem], WorkItem]) -> list[tuple[str, str, str, Any, Any]]:
    """Compare two beginnings of a run that differ in what `change` does to the gated step."""
    scene = finished_run(folder)
    old, new = again(scene).run, again_with(folder, scene, change)
    for execution in (Execution(old, scene.step.execution.read_registry, scene.step.execution.key), new):
        seal(execution, None)
    return rows(compare(snapshot_of(old, "final"), snapshot_of(new.run, "final")))


def again_with(folder: Path, scene: Any, change: Callable[[WorkItem], WorkItem]) -> Execution:
    execution = again(scene)
    other = execution.run.above.at("other")
    for name in ("plan.json", "policy.json", "registry.json", "run.json"):
        other.write_bytes(execution.run.read_bytes(name), name)
    items = {**execution.spec.work_items, "sail": change(execution.spec.work_items["sail"])}
    other.write_bytes(dump_spec(replace(execution.spec, work_items=items)), "dagspec.json")
    return replace(execution, run=other)


def rows(found: tuple[Difference, ...]) -> list[tuple[str, str, str, Any, Any]]:
    return [(one.part, one.about, one.field, one.before, one.after) for one in found]


def with_route(item: WorkItem, **words: Any) -> WorkItem:
    return replace(item, route=replace(item.route, **words))


def with_gate(item: WorkItem, **words: Any) -> WorkItem:
    assert item.route.gate
    return with_route(item, gate=replace(item.route.gate, **words))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda item: replace(item, description=LONG), ("plan", "description", "Read the tide table", LONG)),
        (lambda item: replace(item, days=(1.0, 2.0, 9.0)), ("plan", "days[2]", None, 9.0)),
        (lambda item: with_route(item, threshold=0.9), ("threshold", "threshold", 0.7, 0.9)),
        (lambda item: with_route(item, assignee="Ed"), ("route", "assignee", "Harbour master", "Ed")),
        (lambda item: with_route(item, inputs={"depth": 2}), ("inputs", "", None, {"depth": 2})),
        (lambda item: with_gate(item, approvals_needed=2), ("gate", "approvals_needed", 1, 2)),
        (lambda item: with_gate(item, approvers=("Board",)), ("gate", "approvers[0]", None, "Board")),
        (lambda item: with_gate(item, amount=5000.0, currency="EUR"), ("amount", "planned", None, 5000)),
    ],
    ids=["description", "days", "threshold", "route", "inputs", "approvals", "approvers", "amount"],
)  # fmt: skip
def test_each_part_is_compared(
    tmp_path: Path, change: Callable[[WorkItem], WorkItem], said: tuple[str, str, Any, Any]
) -> None:
    part, field, before, after = said
    assert (part, "sail", field, before, after) in changed_item(tmp_path, change)


def test_texts_that_differ_only_at_their_end_are_told_apart_and_told_whole(tmp_path: Path) -> None:
    def text(end: str) -> Callable[[WorkItem], WorkItem]:
        return lambda item: replace(item, description=LONG + end)

    scene = finished_run(tmp_path)
    first = again_with(tmp_path, scene, text("one"))
    seal(first, None)
    before = snapshot_of(first.run, "final")
    items = {**first.spec.work_items, "sail": text("two")(first.spec.work_items["sail"])}
    second = replace(first, run=first.run.above.at("second"))
    for name in ("plan.json", "policy.json"):
        second.run.write_bytes(first.run.read_bytes(name), name)
    second.run.write_bytes(dump_spec(replace(first.spec, work_items=items)), "dagspec.json")
    seal(second, None)
    (found,) = compare(before, snapshot_of(second.run, "final"))
    assert (found.field, found.before, found.after) == ("description", LONG + "one", LONG + "two")
    assert shorten(found.before) == f"{'x' * 100}… (903 characters more: see --json)"


def test_what_a_step_brought_is_compared_value_by_value(tmp_path: Path) -> None:
    found = compare(*(brought(tmp_path / str(answer), answer) for answer in (42, 7)))
    assert [row for row in rows(found) if row[0] == "result"] == [("result", "survey", "result.answer", 42, 7)]


def brought(folder: Path, answer: int) -> Snapshot:
    scene = begun_run(folder, ({"confidence": 0.95, "result": {"answer": answer}},))
    work(scene, "survey")
    seal(scene.step.execution, None)
    return snapshot_of(scene.step.execution.run, "final")


def test_when_something_happened_and_who_signed_it_is_no_difference(tmp_path: Path) -> None:
    one, two = (snapshot_of(finished_run(tmp_path / name).step.execution.run, "final") for name in ("one", "two"))
    assert [each for each in compare(one, two) if each.field != "registry_digest"] == []
