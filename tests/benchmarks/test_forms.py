"""The forms that the benchmarks compare hold the same DAG, so that only how they come about differs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.processes import EXAMPLES, ROOT, environment, run_module

SHOW = """
import json, sys
from airflow.serialization.serialized_objects import DagSerialization
from benchmarks.load_dag import load
print(json.dumps([DagSerialization.to_dict(load(file))["dag"] for file in sys.argv[1:]]))
"""


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The DAG of the example plan as Airflow serialises it, by form."""
    home = tmp_path_factory.mktemp("home")
    env = environment(home)
    plan = next(path for path in sorted(EXAMPLES.iterdir()) if path.is_dir())
    [subject] = run_module("prepare", str(home / "scratch"), str(plan), env=env)
    names = ("ours", "handwritten", "dag-factory")
    command = [sys.executable, "-c", SHOW, *(subject[name] for name in names)]
    shown = subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True).stdout
    return dict(zip(names, json.loads(shown.splitlines()[-1]), strict=True))


def without_file(dag: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in dag.items() if name not in ("fileloc", "relative_fileloc")}


def test_the_dag_written_by_hand_is_the_same_dag(forms: dict[str, Any]) -> None:
    assert without_file(forms["handwritten"]) == without_file(forms["ours"])


def edges(dag: dict[str, Any]) -> set[tuple[str, str]]:
    """Edges by the tasks' own ids: dag-factory puts the group's name in front of them."""
    own = {task["__var"]["task_id"]: _own(task["__var"]["task_id"]) for task in dag["tasks"]}
    return {
        (own[task["__var"]["task_id"]], own[after])
        for task in dag["tasks"]
        for after in task["__var"].get("downstream_task_ids", ())
    }


def kinds(dag: dict[str, Any]) -> dict[str, str]:
    return {_own(task["__var"]["task_id"]): task["__var"]["task_type"] for task in dag["tasks"]}


def _own(task_id: str) -> str:
    return re.sub(r"^(g\d+\.)+", "", task_id)


def test_the_dag_in_yaml_has_the_same_tasks_and_edges(forms: dict[str, Any]) -> None:
    assert kinds(forms["dag-factory"]) == {**kinds(forms["ours"]), "start": "EmptyOperator"}
    assert edges(forms["dag-factory"]) == edges(forms["ours"])
    assert len(forms["dag-factory"]["task_group"]["children"]) == len(forms["ours"]["task_group"]["children"])
