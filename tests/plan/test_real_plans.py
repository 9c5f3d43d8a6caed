"""The laws that hold for every plan that PlanExe publishes."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import networkx as nx

from planexe_dag_factory.errors import Problem, has_errors
from planexe_dag_factory.plan.ids import is_id, is_reserved
from planexe_dag_factory.plan.jsontext import parse_json
from planexe_dag_factory.plan.model import Plan
from planexe_dag_factory.plan.native import from_native, to_native
from planexe_dag_factory.plan.read import read_plan

Run = dict[str, bytes]

_UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_every_leaf_is_one_step_in_the_order_of_the_tree(real_zip: Path, real_run: Run) -> None:
    plan, problems = read_once(real_zip)
    assert plan is not None
    assert not has_errors(problems)
    assert [(step.source_id, step.title) for step in plan.steps] == list(leaves(wbs_of(real_run)))


def test_ids_are_unique_valid_and_leave_room_for_suffixes(real_zip: Path) -> None:
    plan = read(real_zip)
    ids = all_ids(plan)
    assert len(ids) == len(set(ids))
    assert all(is_id(name) and not is_reserved(name) for name in ids)
    assert max(len(f"milestone-{name}-risk.check") for name in ids) <= 250


def test_every_stated_dependency_is_kept_or_reported(real_zip: Path, real_run: Run) -> None:
    plan, problems = read_once(real_zip)
    assert plan is not None
    by_source = {item.source_id: item.id for item in items(plan)}
    kept = {(dependency.before, dependency.after) for dependency in plan.dependencies}
    reported = {
        problem.hint for problem in problems if problem.code.endswith("-dependency") or problem.code == "circle"
    }
    for before, after in stated(real_run):
        assert (by_source.get(before), by_source.get(after)) in kept or (
            f"PlanExe's ids: '{after}' waits for '{before}'" in reported
        )


def test_dependencies_have_no_circle(real_zip: Path) -> None:
    plan = read(real_zip)
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_edges_from((dependency.before, dependency.after) for dependency in plan.dependencies)
    assert nx.is_directed_acyclic_graph(graph)


def test_folder_and_zip_give_the_same_plan(real_zip: Path, real_run: Run, write_run: Callable[[Run], Path]) -> None:
    from_folder, problems = read_plan(write_run(real_run))
    from_zip, zip_problems = read_once(real_zip)
    assert from_folder is not None
    assert replace(from_folder, source_format="planexe-zip") == from_zip
    assert problems == zip_problems


def test_the_wbs_alone_gives_the_same_steps(real_zip: Path, real_run: Run, tmp_path: Path) -> None:
    alone = tmp_path / "anything.json"
    alone.write_bytes(real_run[wbs_name(real_run)])
    plan, problems = read_plan(alone)
    whole = read(real_zip)
    assert plan is not None
    assert (plan.id, plan.title, plan.source_format) == (whole.id, whole.title, "planexe-wbs")
    assert plan.steps == whole.steps
    assert [problem.code for problem in problems] == ["wbs-alone"]


def test_fresh_uuids_change_nothing_but_source_ids(
    real_zip: Path, real_run: Run, write_run: Callable[[Run], Path]
) -> None:
    fresh: dict[bytes, bytes] = {}

    def replaced(match: re.Match[bytes]) -> bytes:
        return fresh.setdefault(match[0], str(uuid4()).encode())

    plan = read(write_run({name: _UUID.sub(replaced, data) for name, data in real_run.items()}))
    assert len(fresh) > 100
    assert without_source_ids(plan) == without_source_ids(read(real_zip))


def test_the_order_of_lists_without_an_order_changes_nothing(
    real_zip: Path, real_run: Run, write_run: Callable[[Run], Path]
) -> None:
    shuffled = {name: shuffle(name, data) for name, data in real_run.items()}
    assert shuffled != real_run
    assert replace(read(write_run(shuffled)), source_format="planexe-zip") == read(real_zip)


def test_our_own_format_keeps_everything(real_zip: Path) -> None:
    plan = read(real_zip)
    source, _ = parse_json(json.dumps(to_native(plan), indent=1).encode(), "plan.json")
    assert source is not None
    assert from_native(source) == (plan, ())


def test_refusals_of_the_redline_gate_are_kept(real_zip: Path, real_run: Run) -> None:
    gates = [json.loads(data) for name, data in real_run.items() if name.endswith("-redline_gate.json")]
    redline = read(real_zip).redline
    assert (redline and redline.refused) == (gates[0]["verdict"] == "REFUSE" if gates else None)


REGISTER = "-identify_risks_raw.json"
RATINGS = (
    {"low": "Low", "medium": "Medium", "high": "High"},
    {"low": "1 of 5", "medium": "Moderate (3/5)", "high": "Critical (5/5)"},
    {"low": "gering", "medium": "mittel", "high": "sehr hoch"},
    {"low": "mineure", "medium": "modérée", "high": "élevée"},
)


def test_every_rating_is_read_however_it_is_worded(
    real_zip: Path, real_run: Run, write_run: Callable[[Run], Path]
) -> None:
    plan, problems = read_once(real_zip)
    assert plan is not None
    assert bool(plan.risks) is rates(real_run), "three of the plans are from before PlanExe had a register"
    assert "unknown-level" not in {problem.code for problem in problems}
    assert {level for risk in plan.risks for level in (risk.likelihood, risk.severity)} <= {"low", "medium", "high"}
    for words in RATINGS:
        worded = {name: _worded(name, data, words) for name, data in real_run.items()}
        folder = write_run(worded)
        assert read(folder).risks == plan.risks
        shutil.rmtree(folder)


def test_a_rating_that_nobody_can_read_is_not_known(
    real_zip: Path, real_run: Run, write_run: Callable[[Run], Path]
) -> None:
    unclear = dict.fromkeys(("low", "medium", "high"), "to be seen")
    read_again = read(write_run({name: _worded(name, data, unclear) for name, data in real_run.items()}))
    unknown = {("unknown", "unknown")} if rates(real_run) else set()  # three are from before there was a register
    assert {(risk.likelihood, risk.severity) for risk in read_again.risks} == unknown


def rates(run: Run) -> bool:
    return any(name.endswith(REGISTER) for name in run)


def _worded(name: str, data: bytes, words: dict[str, str]) -> bytes:
    """Rate the risks of a register in other words."""
    if not name.endswith(REGISTER):
        return data
    register = json.loads(data)
    for risk in register["risks"]:
        risk |= {rated: words[risk[rated].lower()] for rated in ("likelihood", "severity")}
    return json.dumps(register).encode()


@cache
def read_once(path: Path) -> tuple[Plan | None, tuple[Problem, ...]]:
    return read_plan(path)


def read(path: Path) -> Plan:
    plan, problems = read_once(path) if path.suffix == ".zip" else read_plan(path)
    assert plan is not None, problems
    return plan


def items(plan: Plan) -> Iterator[Any]:
    yield from plan.phases
    yield from plan.packages
    yield from plan.steps


def all_ids(plan: Plan) -> list[str]:
    return [item.id for item in items(plan)]


def wbs_name(run: Run) -> str:
    return next(name for name in run if name.endswith("-wbs_project_level1_and_level2_and_level3.json"))


def wbs_of(run: Run) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(run[wbs_name(run)])["wbs_project"]
    return tree


def leaves(node: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for child in node.get("task_children", []):
        yield from leaves(child)
    if not node.get("task_children"):
        yield node["id"], node["description"]


def stated(run: Run) -> Iterator[tuple[str, str]]:
    data = next(data for name, data in run.items() if name.endswith("-task_dependencies_raw.json"))
    for detail in json.loads(data)["task_dependency_details"]:
        for before in detail["depends_on_task_id_list"]:
            yield before, detail["dependent_task_id"]


def without_source_ids(plan: Plan) -> Plan:
    assert all(UUID(item.source_id) for item in items(plan))
    phases = tuple(
        replace(
            phase,
            source_id=None,
            packages=tuple(
                replace(package, source_id=None, steps=tuple(replace(step, source_id=None) for step in package.steps))
                for package in phase.packages
            ),
        )
        for phase in plan.phases
    )
    return replace(plan, phases=phases, source_format="native")


def shuffle(name: str, data: bytes) -> bytes:
    dice = random.Random(7)
    if name.endswith("-task_durations.json"):
        value = json.loads(data)
        dice.shuffle(value)
    elif name.endswith("-task_dependencies_raw.json"):
        value = json.loads(data)
        dice.shuffle(value["task_dependency_details"])
        for detail in value["task_dependency_details"]:
            shuffle_detail(detail, dice)
    else:
        return data
    return json.dumps(value).encode()


def shuffle_detail(detail: dict[str, Any], dice: random.Random) -> None:
    names, reasons = detail["depends_on_task_id_list"], detail["depends_on_task_explanation_list"]
    if len(names) == len(reasons):
        pairs = list(zip(names, reasons, strict=True))
        dice.shuffle(pairs)
        names[:], reasons[:] = [name for name, _ in pairs], [reason for _, reason in pairs]
    else:
        dice.shuffle(names)
        dice.shuffle(reasons)
