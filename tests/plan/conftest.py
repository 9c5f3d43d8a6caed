"""The real plans that PlanExe publishes, where this machine has them, and a small run of our own."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from planexe_dag_factory.plan.archive import words_of
from planexe_dag_factory.plan.planexe.run import is_wanted

PLANS = Path(__file__).parents[3] / "shared" / "plans"
ZIPS = sorted(PLANS.glob("*.zip"))

Run = dict[str, bytes]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "real_zip" in metafunc.fixturenames:
        missing = pytest.param(None, marks=pytest.mark.skip(reason=f"no real plans in {PLANS}"), id="missing")
        metafunc.parametrize("real_zip", [pytest.param(path, id=path.stem) for path in ZIPS] or [missing])


@pytest.fixture
def real_run(real_zip: Path) -> Run:
    """The files of a real run that are read, by name."""
    with zipfile.ZipFile(real_zip) as archive:
        members = [name for name in archive.namelist() if is_wanted(words_of(name.rpartition("/")[2]))]
        return {name.rpartition("/")[2]: archive.read(name) for name in members}


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[[Run], Path]:
    """Writes the files of a run into a folder."""

    def write(run: Run) -> Path:
        folder = tmp_path / "run"
        folder.mkdir()
        for name, data in run.items():
            (folder / name).write_bytes(data)
        return folder

    return write


@pytest.fixture
def small_run() -> Run:
    """A run of two phases with two packages each, and a file of every kind that is read."""
    wbs = task(
        "root",
        "Harbour",
        task("p1", "Survey", package("k1", "Seabed"), package("k2", "Permits")),
        task("p2", "Build", package("k3", "Quay"), package("k4", "Crane")),
    )
    wbs["extra_fields"] = {"final_deliverable": "A quay that carries a crane"}
    dependencies = [
        {
            "dependent_task_id": "k3",
            "depends_on_task_id_list": ["k2", "k1"],
            "depends_on_task_explanation_list": ["No permit, no quay.", "The ground decides."],
        }
    ]
    durations = [
        {
            "task_id": "k1",
            "days_min": 2,
            "days_realistic": 3,
            "days_max": 5,
            "delay_risks": "Storms",
            "mitigation_strategy": "Wait",
        }
    ]
    files: dict[str, Any] = {
        "001-1-start_time.json": {"server_iso_utc": "2026-03-01T09:00:00Z"},
        "002-1-redline_gate.json": {"verdict": "ALLOW", "rationale_short": "Harmless."},
        "003-1-identify_risks_raw.json": {
            "risks": [{"risk_area": "Sea", "risk_description": "Storms", "likelihood": "High", "severity": "Low"}]
        },
        "005-1-project_plan_raw.json": {"goal_statement": "Ships can land."},
        "006-3-governance_phase2_bodies_raw.json": {
            "internal_governance_bodies": [{"name": "Board", "rationale_for_inclusion": "Decides"}]
        },
        "006-7-governance_phase4_decision_escalation_matrix_raw.json": {
            "decision_escalation_matrix": [
                {"issue_type": "Budget", "escalation_level": "Board", "approval_process": "Vote"}
            ]
        },
        "011-2-enrich_team_members_environment_info.json": [{"category": "Surveyor", "explanation": "Measures"}],
        "021-task_dependencies_raw.json": {"task_dependency_details": dependencies},
        "022-2-task_durations.json": durations,
        "023-3-wbs_project_level1_and_level2_and_level3.json": {"wbs_project": wbs},
    }
    run = {name: json.dumps(value, indent=1).encode() for name, value in files.items()}
    return run | {"001-2-plan.txt": b"Build a harbour.", "025-2-executive_summary.md": b"# Summary\nShips land."}


def task(name: str, title: str, *children: dict[str, Any]) -> dict[str, Any]:
    node: dict[str, Any] = {"id": name, "description": title}
    return node | {"task_children": list(children)} if children else node


def package(name: str, title: str) -> dict[str, Any]:
    leaf = task(f"{name}-1", f"{title} first")
    leaf["extra_fields"] = {"detailed_description": f"Do {title}", "resources_needed": ["Boat"]}
    return task(name, title, leaf, task(f"{name}-2", f"{title} second"))
