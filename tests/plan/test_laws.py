"""Whatever is read, the answer is a plan or the reasons against it."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from planexe_dag_factory.errors import has_errors
from planexe_dag_factory.plan.archive import WBS, RunFile
from planexe_dag_factory.plan.planexe import run
from planexe_dag_factory.plan.planexe.run import read_run
from planexe_dag_factory.plan.read import read_plan

LEAF = {"id": "l", "description": "Leaf"}
PHASE = {
    "id": "p",
    "description": "Phase",
    "task_children": [{"id": "k", "description": "Package", "task_children": [LEAF]}],
}
TREE = json.dumps({"wbs_project": {"id": "r", "description": "Harbour", "task_children": [PHASE]}}).encode()
NAMES = {
    run.DEPENDENCIES,
    run.DURATIONS,
    run.START,
    run.REDLINE,
    run.RISKS,
    run.BODIES,
    run.ESCALATIONS,
    run.TEAM[0],
    run.GOAL[0],
}


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(zipfile.ZipInfo(f"run/023-3-{WBS}"), TREE)
    return buffer.getvalue()


ZIP = zipped()

FIELDS = [
    "title", "steps", "id", "phases", "wbs_project", "task_children", "description", "depends_on",
    "task_dependency_details", "dependent_task_id", "depends_on_task_id_list", "task_id", "days_min", "days_realistic",
    "days_max", "verdict", "server_iso_utc", "risks", "likelihood", "internal_governance_bodies", "name", "category",
    "decision_escalation_matrix", "goal_statement",
]  # fmt: skip
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=20,
)


@given(
    json_values
    | st.builds(lambda steps: {"title": "T", "steps": steps}, json_values)
    | st.builds(lambda tree: {"wbs_project": tree}, json_values)
)
@settings(derandomize=True, max_examples=150, deadline=None)
def test_any_json_is_read_or_explained(document: Any) -> None:
    assert_read_or_explained(json.dumps(document).encode())


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda data: b"PK\x03\x04" + data))
@settings(derandomize=True, max_examples=100, deadline=None)
def test_any_bytes_are_read_or_explained(data: bytes) -> None:
    assert_read_or_explained(data)


@given(st.integers(0, len(ZIP) - 1), st.binary(min_size=1, max_size=4))
@settings(derandomize=True, max_examples=100, deadline=None)
def test_any_damage_to_a_zip_is_read_or_explained(at: int, damage: bytes) -> None:
    assert_read_or_explained(ZIP[:at] + damage + ZIP[at + len(damage) :])


@given(st.sampled_from(sorted(NAMES)), json_values)
@settings(derandomize=True, max_examples=100, deadline=None)
def test_any_json_in_any_optional_file_costs_no_more_than_itself(name: str, value: Any) -> None:
    files = {WBS: RunFile(WBS, TREE), name: RunFile(name, json.dumps(value).encode())}
    plan, problems = read_run(files, "run", "planexe-folder")
    assert plan is not None
    assert [step.title for step in plan.steps] == ["Leaf"]
    assert not has_errors(problems)


def assert_read_or_explained(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "plan.json"
        source.write_bytes(data)
        plan, problems = read_plan(source)
    assert (plan is None) == has_errors(problems)
