"""The embedded stack with a real Airflow and real agents."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from planexe_dag_factory.compile.build import build_plan
from planexe_dag_factory.errors import StackError
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.spec.model import DagSpec
from planexe_dag_factory.stack.autopilot import Autopilot
from planexe_dag_factory.stack.client import AirflowClient
from planexe_dag_factory.stack.follow import deliver, follow, wait_for_dag
from planexe_dag_factory.stack.health import component_health
from planexe_dag_factory.stack.home import Home
from planexe_dag_factory.stack.lifecycle import running, start
from planexe_dag_factory.stack.progress import Progress
from planexe_dag_factory.stack.state import read_state

if TYPE_CHECKING:
    from tests.conftest import RunningStack

HELLO = Path(__file__).parents[2] / "dags" / "examples" / "hello.json"
COMPONENTS = {"agents", "api-server", "scheduler", "dag-processor", "triggerer"}


def wait_until(ready: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"waited for {seconds} s"
        time.sleep(0.2)


@pytest.fixture
def hello(tmp_path: Path, stack: "RunningStack") -> DagSpec:
    """The example with an id of its own, delivered to the stack."""
    document = json.loads(HELLO.read_text())
    document["id"] = "hello-from-the-tests"
    plan = tmp_path / "hello-from-the-tests.json"
    plan.write_text(json.dumps(document))
    deliver(plan, stack.settings.plans, stack.home.plans)
    spec = build_plan(plan, load_registry(stack.home.registry)).spec
    assert spec is not None
    return spec


@pytest.mark.airflow
def test_every_component_runs_and_is_healthy(stack: "RunningStack") -> None:
    state = read_state(stack.home)
    assert state is not None
    assert set(state.components) == COMPONENTS
    assert component_health(state) == dict.fromkeys(COMPONENTS, "healthy")


@pytest.mark.airflow
def test_users_log_in_with_their_passwords_and_with_no_other(stack: "RunningStack") -> None:
    for user in ("admin", "operator", "demo-reviewer", "viewer"):
        headers = {"Authorization": f"Bearer {stack.token(user)}"}
        assert httpx.get(f"{stack.url}/api/v2/dags", headers=headers).status_code == 200
    with pytest.raises(StackError, match="401"):
        AirflowClient(stack.url, "admin", "guess").token()


@pytest.mark.airflow
def test_the_registry_holds_the_agents_that_run(stack: "RunningStack") -> None:
    registry = load_registry(stack.home.registry)
    assert {agent.url for agent in registry.agents} == set(stack.state.agents.values())
    for agent in registry.agents:
        assert httpx.get(f"{agent.url}/healthz").json() == {"status": "ok"}


@pytest.mark.airflow
def test_a_plan_runs_to_its_end_with_the_demo_reviewer_named_in_the_record(
    stack: "RunningStack", hello: DagSpec
) -> None:
    client, seen = stack.client, list[Progress]()
    wait_for_dag(client, hello)
    run_id = client.trigger(hello.dag_id)
    pilot = Autopilot(stack.login("demo-reviewer"), colleague=stack.login("operator"))
    end = follow(client, hello.dag_id, run_id, autopilot=pilot, timeout=300, watch=seen.append)
    assert (end.state, end.counts, end.report) == ("success", {"done": 4}, True)
    assert {step.state for progress in seen for phase in progress.phases for step in phase.steps} >= {"waiting", "done"}
    answers = [json.loads(path.read_text()) for path in Path(end.run_dir).glob("steps/*/tickets/*/answer.json")]
    assert {answer["option"] for answer in answers} >= {"Done", "Approve"}
    assert {(answer["by"]["kind"], answer["by"]["id"], answer["via"]) for answer in answers} == {
        ("person", "demo-reviewer", "demo-reviewer"),
        ("person", "operator", "demo-reviewer"),  # did what the reviewer had approved
    }
    assert (Path(end.run_dir) / "final" / "report.html").exists()


@pytest.mark.airflow
def test_a_run_that_takes_too_long_is_given_up_and_can_be_cancelled(stack: "RunningStack", hello: DagSpec) -> None:
    wait_for_dag(stack.client, hello)
    run_id = stack.client.trigger(hello.dag_id)
    with pytest.raises(StackError, match=r"^the run had not ended after 0\.1 s$"):
        follow(stack.client, hello.dag_id, run_id, timeout=0.1)
    stack.client.cancel(hello.dag_id, run_id)
    assert follow(stack.client, hello.dag_id, run_id, timeout=60).state == "failed"


@pytest.mark.airflow
def test_a_second_stack_in_the_same_folder_is_refused(stack: "RunningStack") -> None:
    with pytest.raises(StackError, match=r"another stack runs in .*: stop it with `planexe-dag down`"):
        start(stack.home, stack.settings)
    assert running(stack.home) is not None


@pytest.mark.airflow
def test_a_component_that_was_killed_comes_back(stack: "RunningStack") -> None:
    def component() -> Any:
        state = read_state(stack.home)
        assert state is not None
        return state.components["dag-processor"]

    before = component()
    os.kill(before.process.pid, signal.SIGKILL)
    wait_until(lambda: component().restarts == before.restarts + 1)
    assert component().process != before.process
    wait_until(lambda: component_health(read_state(stack.home) or stack.state)["dag-processor"] == "healthy")


def test_an_interrupted_start_leaves_nothing_running(tmp_path: Path) -> None:
    shutil.copy(HELLO, tmp_path)
    home = Home.below(tmp_path)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
    command = [sys.executable, "-m", "planexe_dag_factory.cli", "run", "hello.json"]
    cli = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: "agents" in getattr(read_state(home), "components", {}))
    family = psutil.Process(cli.pid).children(recursive=True)
    assert len(family) >= 2, "the supervisor and the agents"
    cli.send_signal(signal.SIGINT)
    out, err = cli.communicate(timeout=60)
    assert (cli.returncode, out) == (130, "")
    assert err.endswith("Interrupted: what was started has been stopped.\n")
    assert [process for process in family if process.is_running()] == []
    assert not home.state.exists()


def test_a_killed_command_line_leaves_nothing_running(tmp_path: Path) -> None:
    shutil.copy(HELLO, tmp_path)
    home = Home.below(tmp_path)
    command = [sys.executable, "-m", "planexe_dag_factory.cli", "run", "hello.json"]
    cli = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: "agents" in getattr(read_state(home), "components", {}))
    family = psutil.Process(cli.pid).children(recursive=True)
    cli.kill()
    cli.wait()
    wait_until(lambda: not [process for process in family if process.is_running()])
    assert not home.state.exists()
