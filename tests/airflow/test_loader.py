import json
from pathlib import Path

import pytest

from planexe_dag_factory.airflow import loader
from tests.airflow.conftest import PLAN


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "airflow_home", lambda: tmp_path / "home")


def test_a_folder_becomes_dags_and_a_broken_plan_one_that_says_so(plans: Path) -> None:
    (plans / "broken.json").write_text("{")
    dags = loader.load_folder(plans)
    assert sorted(dags) == ["broken-plan-broken.json", "harbour"]
    assert "1 problem" in (dags["broken-plan-broken.json"].doc_md or "")


def test_at_a_task_start_only_its_own_plan_is_built(plans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (plans / "second.json").write_text(json.dumps({**PLAN, "id": "second"}))
    (plans / "broken.json").write_text("{")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "second")
    assert sorted(loader.load_folder(plans)) == ["second"]


def test_of_two_plans_with_one_id_neither_hides_the_other(plans: Path) -> None:
    (plans / "twin.json").write_text(json.dumps(PLAN))
    dags = loader.load_folder(plans)
    assert sorted(dags) == ["broken-plan-twin.json", "harbour"]
