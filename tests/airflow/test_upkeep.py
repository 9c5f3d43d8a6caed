"""The DAG that checks the registered agents, without a running Airflow; and on a real one."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowRuntimeError, AirflowSkipException
from airflow.sdk.execution_time.comms import ErrorResponse

from planexe_dag_factory.airflow import upkeep
from planexe_dag_factory.airflow.bundle import PlanBundle
from planexe_dag_factory.airflow.loader import load_folder
from planexe_dag_factory.airflow.upkeep import AgentUnwellError, ClosingOperator, agents_dag, load_upkeep
from planexe_dag_factory.airflow.versions import UPKEEP
from planexe_dag_factory.delegation.cards import fetch_agents
from planexe_dag_factory.delegation.ended import note_end
from planexe_dag_factory.record.events import list_events
from planexe_dag_factory.record.verify import verify_run
from planexe_dag_factory.routing.registry_changes import add_agents, remove_agents
from planexe_dag_factory.routing.registry_file import RegistryFile
from planexe_dag_factory.stack.agents import register
from tests.agents.cards import Shown, shown_card
from tests.airflow.following import wait_for
from tests.conftest import RunningStack
from tests.record.runs import ANNA, begun_run, finished_run
from tests.routing.agents import ACTION, OTHER_KEY, card_of

DAG = "planexe_agents_health"


@pytest.fixture
def shown() -> Iterator[Shown]:
    with shown_card(card_of()) as shown:
        yield shown


@pytest.fixture
def file(tmp_path: Path, shown: Shown, monkeypatch: pytest.MonkeyPatch) -> RegistryFile:
    """The registry of the settings, with the mower in it."""
    monkeypatch.setenv("AIRFLOW__PLANEXE__REGISTRY", str(tmp_path / "registry.json"))
    monkeypatch.setenv("AIRFLOW__PLANEXE__KEYS", str(tmp_path / "keys"))
    file = RegistryFile(tmp_path / "registry.json", tmp_path / "keys")
    file.write(add_agents(file.read(), fetch_agents([shown.url])))
    return file


def execute(task_id: str, dag: Any = None) -> None:
    task: Any = (dag or agents_dag()).get_task(task_id)
    task.execute(Context())


def test_it_has_a_task_for_every_agent_and_says_nothing_of_addresses(file: RegistryFile, shown: Shown) -> None:
    dag = agents_dag()
    assert sorted(dag.task_ids) == ["agent-mower", "registry", "runs"]
    assert dag.tags == {"planexe-upkeep"}, "not the tag of plans"
    assert "mower" in (dag.doc_md or "")
    assert shown.url not in str(dag.doc_md)
    assert dag.start_date == datetime.fromisoformat(file.history()[0].at), "it does not begin at once"


@pytest.mark.usefixtures("file")
def test_all_is_well() -> None:
    execute("registry")
    execute("agent-mower")


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(
    ("changes", "said"),
    [({"public_key": OTHER_KEY}, "key: SHA-256"), ({"actions": [{**ACTION, "input_schema": {}}]}, "input schema, ")],
)
def test_an_agent_that_is_not_as_it_was_fails_its_task_and_is_not_asked_again(
    shown: Shown, changes: dict[str, Any], said: str
) -> None:
    shown.card = card_of(**changes)
    with pytest.raises(AirflowFailException, match=said):
        execute("agent-mower")


@pytest.mark.usefixtures("file")
def test_an_agent_that_does_not_answer_is_asked_again(shown: Shown) -> None:
    shown.card = None
    with pytest.raises(AgentUnwellError, match="mower does not answer"):
        execute("agent-mower")
    assert agents_dag().get_task("agent-mower").retries == 2


def test_an_agent_behind_a_token_is_asked_with_that_of_its_connection(
    file: RegistryFile, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write(add_agents(file.read(), fetch_agents([shown.url]), conn_id="garden"))
    shown.token = "t0ken"
    monkeypatch.setenv("AIRFLOW_CONN_GARDEN", "http://:t0ken@")
    execute("agent-mower")
    monkeypatch.setenv("AIRFLOW_CONN_GARDEN", "http://:another@")
    with pytest.raises(AirflowFailException, match="answered 401"):
        execute("agent-mower")


def test_a_registry_that_was_tampered_with_shows_in_every_task(file: RegistryFile) -> None:
    tasks = agents_dag()
    file.path.write_text(file.path.read_text().replace("Mows.", "Sows."))
    assert agents_dag().task_ids == ["registry", "runs"], "the DAG is still there to say so"
    for task_id in set(tasks.task_ids) - {"runs"}:
        with pytest.raises(AirflowFailException, match="changed after it was signed"):
            execute(task_id, tasks)


def test_an_agent_that_was_removed_meanwhile_is_skipped(file: RegistryFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write(remove_agents(file.read(), ["mower"]))
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", DAG)
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_TASK_ID", "agent-mower")
    with pytest.raises(AirflowSkipException, match="not registered any more"):
        execute("agent-mower")


def test_without_a_registry_there_is_nobody_to_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__PLANEXE__REGISTRY", str(tmp_path / "registry.json"))
    assert agents_dag().task_ids == ["registry", "runs"]
    with pytest.raises(AirflowSkipException):
        execute("registry")


def test_the_bundle_brings_it_unless_it_is_turned_off(
    make_bundle: Callable[..., PlanBundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = make_bundle()
    text = (bundle.path / UPKEEP).read_text().lower()
    assert "airflow" in text  # by these two words Airflow knows a file of DAGs
    assert "dag" in text
    dag = runpy.run_path(str(bundle.path / UPKEEP))["dag"]
    assert (dag.dag_id, dag.schedule) == (DAG, "@hourly")
    monkeypatch.setenv("AIRFLOW__PLANEXE__AGENTS_CHECK", "off")
    bundle.refresh()
    assert not (bundle.path / UPKEEP).exists()


def test_a_dags_folder_brings_it_too(plans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIRFLOW__PLANEXE__AGENTS_CHECK", "@daily")
    loaded = load_folder(plans) | load_upkeep()
    assert sorted(loaded) == ["harbour", DAG]
    assert str(loaded[DAG].schedule) == "@daily"
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "harbour")
    assert load_upkeep() == {}, "a plan's task needs nothing of it"


@pytest.mark.parametrize(
    ("told", "state", "closed"),
    [("failed", "open", True), ("running", "open", False), ("failed", "sealed", False), (None, "deleted", True)],
)
def test_a_record_that_nobody_closed_is_closed_once_airflow_has_ended_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str | None, state: str, closed: bool
) -> None:
    execution = (finished_run if state == "sealed" else begun_run)(tmp_path).step.execution
    monkeypatch.setenv("AIRFLOW__PLANEXE__RUN_ROOT", str(tmp_path))
    monkeypatch.setattr(upkeep, "open_execution", lambda run: replace(execution, run=run))
    if state == "deleted":
        note_end(execution, ANNA, "deleted")
    before = list_events(execution.run)
    ClosingOperator(task_id="runs").execute(cast("Any", {"ti": Airflow(told)}))
    found = verify_run(execution.run, [execution.key.public])
    assert (len(list_events(execution.run)) > len(before)) is closed
    if closed:
        assert (found.problems, found.state) == ((), "sealed")
        assert execution.run.exists("final", "report.pdf")


@dataclass(frozen=True)
class Airflow:
    """What a task hears of a run's state; None: Airflow does not know the run."""

    state: str | None

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        assert (dag_id, run_id) == ("harbour", "run-1")
        if self.state is None:
            raise AirflowRuntimeError(ErrorResponse())
        return self.state


@pytest.mark.airflow
def test_it_runs_green_and_says_what_has_changed(stack: RunningStack, shown: Shown) -> None:
    before = stack.home.registry.read_bytes()
    register(stack.home.registry, [shown.url])
    try:
        wait_for("the agent's task", lambda: "agent-mower" in tasks_of(stack))
        assert set(run_and_end(stack).values()) == {"success"}
        shown.card = card_of(public_key=OTHER_KEY)
        states = run_and_end(stack)
        assert [task for task, state in states.items() if state != "success"] == ["agent-mower"]
        assert "mower is not as it was registered" in logs_of(stack)
    finally:
        stack.home.registry.write_bytes(before)
    assert DAG not in [plan["dag_id"] for plan in stack.client.get("/planexe/api/v1/plans")]


def tasks_of(stack: RunningStack) -> list[str]:
    if stack.client.dag(DAG) is None:
        return []
    return [task["task_id"] for task in stack.client.get(f"/api/v2/dags/{DAG}/tasks")["tasks"]]


def run_and_end(stack: RunningStack) -> dict[str, str]:
    """Trigger the DAG; return how each of its tasks ended."""
    run = f"/api/v2/dags/{DAG}/dagRuns/{stack.client.trigger(DAG)}"
    wait_for("the end of the check", lambda: stack.client.get(run)["state"] in ("success", "failed"))
    return {one["task_id"]: one["state"] for one in stack.client.get(f"{run}/taskInstances")["task_instances"]}


def logs_of(stack: RunningStack) -> str:
    """Return what the mower's task of the latest run wrote."""
    (run,) = stack.client.get(f"/api/v2/dags/{DAG}/dagRuns", order_by="-id", limit=1)["dag_runs"]
    path = f"/api/v2/dags/{DAG}/dagRuns/{run['dag_run_id']}/taskInstances/agent-mower/logs/1"
    return str(stack.client.get(path)["content"])
