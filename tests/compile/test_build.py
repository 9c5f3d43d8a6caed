import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planexe_dag_factory.compile.build import Build, build_plan, validation
from planexe_dag_factory.compile.explain import explain
from planexe_dag_factory.routing.model import Registry
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.spec.codec import dump_spec

EXAMPLES = Path(__file__).parents[2] / "dags" / "examples"
PLAN: dict[str, Any] = {
    "format": "planexe-dag/1",
    "id": "quay",
    "title": "Quay",
    "owner": "Anna",
    "steps": [
        {"id": "sign", "title": "Sign the contract", "human_required": True, "impact": "budget"},
        {"id": "build", "title": "Build the quay", "human_required": True, "depends_on": ["sign"]},
    ],
}


def build(folder: Path, plan: Any, policy: Any = None) -> Build:
    source = folder / "quay.json"
    source.write_text(json.dumps(plan), encoding="utf-8")
    if policy is not None:
        (folder / "quay.policy.json").write_text(json.dumps(policy), encoding="utf-8")
    return build_plan(source, Registry())


def test_a_good_plan_is_built_and_explained(tmp_path: Path) -> None:
    built = build(tmp_path, PLAN)
    assert validation(built) == {"ok": True, "plan_id": "quay", "steps": 2, "problems": []}
    explained = explain(built)
    assert list(explained) == ["plan_id", "title", "owner", "phases", "steps", "problems"]
    (phase,) = explained["phases"]
    assert (phase["closes"], phase["critical"]) == (["sign", "build"], False)
    sign, quay = explained["steps"]
    assert sign == {
        "id": "sign",
        "source_id": None,
        "title": "Sign the contract",
        "phase": phase["id"],
        "package": phase["packages"][0]["id"],
        "executor": "human",
        "agent": None,
        "action": None,
        "score": 1.0,
        "why": "the plan requires a person",
        "gate": "budget",
        "gate_why": "the plan marks the step as budget",
        "assignee": "Anna",
        "depends_on": [],
        "decided_by": "plan",
        "candidates": [],
        "would_change": "An agent that publishes such work, once it is registered.",
        "approval": {
            "kind": "budget",
            "why": "the plan marks the step as budget",
            "approver": "Anna",
            "amount": None,
            "currency": None,
            "approvals_needed": 1,
            "approvers": ["Anna"],
            "approver_why": "nobody in the plan is named for it, so its owner decides",
            "raised_by": "plan",
        },
        "gate_would_change": '{"step": "sign", "gate": "none"} in the policy lets it start without an approval.',
        "threshold": 0.7,
        "due_days": None,
    }
    assert (quay["gate"], quay["depends_on"]) == ("none", ["sign"])


def test_the_overlay_beside_a_plan_counts_and_another_can_be_given(tmp_path: Path) -> None:
    built = build(tmp_path, PLAN, {"owner": "Board"})
    assert built.spec
    assert built.spec.owner == "Board"
    other = tmp_path / "other.json"
    other.write_text('{"owner": "Council"}', encoding="utf-8")
    chosen = build_plan(tmp_path / "quay.json", Registry(), other)
    assert chosen.spec
    assert chosen.spec.owner == "Council"
    missing = build_plan(tmp_path / "quay.json", Registry(), tmp_path / "no.json")
    assert [problem.code for problem in missing.problems] == ["unreadable"]


def test_problems_of_every_stage_are_reported_at_once(tmp_path: Path) -> None:
    action = {"id": "fly", "title": "Fly", "action": "no_such_action"}
    built = build(tmp_path, {**PLAN, "steps": [*PLAN["steps"], action]}, {"critical_phases": ["nowhere"]})
    assert built.spec is None
    assert [problem["code"] for problem in validation(built)["problems"]] == ["unknown-phase", "unknown-action"]
    assert explain(built)["steps"] == []


def test_a_plan_that_cannot_be_read_is_explained_by_its_problems(tmp_path: Path) -> None:
    built = build_plan(tmp_path / "missing.json", Registry())
    assert validation(built)["ok"] is False
    (problem,) = explain(built)["problems"]
    assert set(problem) == {"severity", "code", "message", "where", "hint"}
    assert set(problem["where"]) == {"file", "path", "line"}


def test_numbers_that_canonical_json_cannot_hold_are_a_problem_and_not_a_crash(tmp_path: Path) -> None:
    step = {"id": "count", "title": "Count", "human_required": True, "inputs": {"much": 2**60}}
    built = build(tmp_path, {**PLAN, "steps": [step]})
    assert built.spec is None
    assert built.problems


def test_a_problem_about_a_task_of_planexes_carries_its_id(tmp_path: Path) -> None:
    leaf = {"id": "leaf", "description": "Dig", "extra_fields": {}}
    package = {"id": "package", "description": "Pond", "task_children": [leaf]}
    phase = {"id": "phase", "description": "Garden", "task_children": [package]}
    wbs = {"wbs_project": {"id": "root", "description": "Park", "task_children": [phase]}}
    (tmp_path / "023-3-wbs_project_level1_and_level2_and_level3.json").write_text(json.dumps(wbs), encoding="utf-8")
    stated = [{"dependent_task_id": "leaf", "depends_on_task_id_list": ["phase"]}]
    file = tmp_path / "021-task_dependencies_raw.json"
    file.write_text(json.dumps({"task_dependency_details": stated}), encoding="utf-8")
    built = build_plan(tmp_path, Registry())
    assert built.spec
    assert "leaf" in [problem.get("source_id") for problem in validation(built)["problems"]]
    assert [step["source_id"] for step in explain(built)["steps"]] == ["leaf"]


@settings(derandomize=True, deadline=None, max_examples=100)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_content_whatever_makes_building_raise(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    source = tmp_path_factory.mktemp("any") / "plan.json"
    source.write_bytes(content)
    assert build_plan(source, Registry()).problems


def test_two_processes_write_the_same_bytes_whatever_their_hash_seed() -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from planexe_dag_factory.compile.build import build_plan\n"
        "from planexe_dag_factory.routing.registry import load_registry\n"
        "from planexe_dag_factory.spec.codec import dump_spec\n"
        "sys.stdout.buffer.write(dump_spec(build_plan(Path(sys.argv[1]), load_registry(None)).spec))\n"
    )
    source = EXAMPLES / "harbour_air_watch"
    here = build_plan(source, load_registry(None))
    assert here.spec
    expected = hashlib.sha256(dump_spec(here.spec)).hexdigest()
    for seed in ("0", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", program, str(source)]
        written = subprocess.run(command, env=environment, check=True, capture_output=True).stdout
        assert hashlib.sha256(written).hexdigest() == expected
