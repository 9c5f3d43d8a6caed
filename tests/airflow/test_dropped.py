import os
from pathlib import Path

import pytest

from planexe_dag_factory.airflow.dropped import DropFolder, find_plans, look_into

WBS = "023-3-wbs_project_level1_and_level2_and_level3.json"


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    folder = tmp_path / "dags"
    (folder / "examples" / "harbour").mkdir(parents=True)
    (folder / "__pycache__").mkdir()
    for name in (
        "a.json",
        "a.policy.json",
        "b.zip",
        ".hidden.json",
        "notes.md",
        "planexe_dags.py",
        "__pycache__/x.json",
        f"examples/harbour/{WBS}",
        "examples/harbour/003-6-distill_assumptions_raw.json",
        "examples/harbour/001-plan.txt",
        "examples/harbour/030-report.html",
        "examples/harbour.policy.json",
    ):
        (folder / name).write_text(name)
    return folder


def test_plans_are_json_zips_and_run_folders(dags: Path) -> None:
    plans = {plan.name: [file.name for file in plan.files] for plan in find_plans(dags)}
    assert plans == {
        "a.json": ["a.json", "a.policy.json"],
        "b.zip": ["b.zip"],
        "examples/harbour": [
            "001-plan.txt",
            "003-6-distill_assumptions_raw.json",
            WBS,
            "030-report.html",
            "harbour.policy.json",
        ],
    }


def test_a_digest_changes_with_content_policy_and_name_alone(dags: Path) -> None:
    folder = DropFolder(dags)
    before = {name: digest for name, (_, digest) in folder.look().items()}
    assert {name: digest for name, (_, digest) in folder.look().items()} == before

    (dags / "a.policy.json").write_text("changed")
    after = {name: digest for name, (_, digest) in folder.look().items()}
    assert {name for name in before if before[name] != after[name]} == {"a.json"}

    os.utime(dags / "b.zip", (1, 1))
    assert folder.look()["b.zip"][1] == before["b.zip"]


def test_what_is_removed_is_gone(dags: Path) -> None:
    folder = DropFolder(dags)
    folder.look()
    (dags / "b.zip").unlink()
    assert sorted(folder.look()) == ["a.json", "examples/harbour"]


def test_two_folders_may_hold_plans_of_one_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "plan.json").write_text(name)
    assert sorted(look_into([DropFolder(tmp_path / "one"), DropFolder(tmp_path / "two")])) == [
        "plan.json",
        "two/plan.json",
    ]


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert look_into([DropFolder(tmp_path / "none")]) == {}
