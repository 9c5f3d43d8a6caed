import json
import runpy
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import DAG, BaseSensorOperator
from airflow.serialization.serialized_objects import DagSerialization

from planexe_dag_factory.airflow.bundle import PlanBundle
from planexe_dag_factory.airflow.operators import AgentOperator


@pytest.fixture
def dag(make_bundle: Callable[..., PlanBundle]) -> DAG:
    return runpy.run_path(str(make_bundle().path / "harbour.json.py"))["dag"]  # type: ignore[no-any-return]


def test_a_step_is_the_tasks_that_its_route_needs(dag: DAG) -> None:
    assert sorted(dag.task_ids) == [
        "buy-buoys.gate",
        "buy-buoys.human",
        "find-tides.check",
        "find-tides.done",
        "find-tides.human",
        "find-tides.work",
        "finish",
        "milestone-survey-phase",
        "milestone-survey-phase-risk.check",
        "milestone-survey-phase-risk.done",
        "milestone-survey-phase-risk.human",
        "milestone-survey-phase-risk.work",
        "sound-depths.human",
        "start",
    ]
    assert dag.get_task("find-tides.check").downstream_task_ids == {"find-tides.human", "find-tides.done"}
    assert dag.get_task("sound-depths.human").upstream_task_ids == {"find-tides.done"}


def test_operators_are_what_the_design_says(dag: DAG) -> None:
    work = dag.get_task("find-tides.work")
    assert isinstance(work, AgentOperator)
    assert isinstance(work, HttpOperator)
    assert isinstance(dag.get_task("sound-depths.human"), BaseSensorOperator)
    assert isinstance(dag.get_task("buy-buoys.gate"), BaseSensorOperator)


def test_a_step_is_in_the_pool_of_its_agent_where_the_operator_names_one(
    make_bundle: Callable[..., PlanBundle], monkeypatch: pytest.MonkeyPatch, dag: DAG
) -> None:
    assert {task.pool for task in dag.tasks} == {"default_pool"}
    monkeypatch.setenv("AIRFLOW__PLANEXE__POOLS", "data_gathering, analysis")
    pooled = runpy.run_path(str(make_bundle().path / "harbour.json.py"))["dag"]
    pools = {task.task_id: task.pool for task in pooled.tasks if task.pool != "default_pool"}
    assert pools == {"find-tides.work": "planexe-data_gathering"}


def test_one_pool_bounds_the_calls_of_all_agents_that_have_none_of_their_own(
    make_bundle: Callable[..., PlanBundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    for setting, pool in (("*", "planexe-agents"), ("data_gathering *", "planexe-data_gathering")):
        monkeypatch.setenv("AIRFLOW__PLANEXE__POOLS", setting)
        pooled = runpy.run_path(str(make_bundle().path / "harbour.json.py"))["dag"]
        calling = {task.task_id: task.pool for task in pooled.tasks if task.task_id.endswith(".work")}
        assert calling["find-tides.work"] == pool
        assert set(calling.values()) <= {pool, "planexe-agents"}
        assert {task.pool for task in pooled.tasks if task.task_id not in calling} == {"default_pool"}


def test_nothing_of_ours_is_ever_templated(dag: DAG) -> None:
    assert all(not task.template_fields for task in dag.tasks if task.task_type != "EmptyOperator")
    assert dag.dag_display_name == "Harbour {{ var.value.secret }}"  # shown as it is, never rendered


def test_done_tasks_cost_no_worker(dag: DAG) -> None:
    done = dag.get_task("find-tides.done")
    assert done.task_type == "EmptyOperator"
    assert not done.on_success_callback
    assert not done.outlets


def test_plan_text_is_no_markdown_in_the_documentation(dag: DAG) -> None:
    doc = dag.get_task("sound-depths.human").doc_md or ""
    assert r"\<script\>alert\(1\)\<\/script\> \[Approve\]\(https\:\/\/evil\.example\)" in doc


def test_people_find_their_way(dag: DAG) -> None:
    assert "planexe" in dag.tags
    assert dag.get_task("find-tides.work").task_display_name == "Work: Find the tide tables"
    assert dag.task_group.get_task_group_dict()["survey-phase"].group_display_name == "Survey"


def test_the_serialised_dag_holds_no_plan_but_what_the_ui_shows(dag: DAG) -> None:
    serialised: dict[str, Any] = DagSerialization.to_dict(dag)
    text = json.dumps(serialised)
    assert "dagspec.json" not in text
    assert len(text) < 60_000
