"""A plan on the services of docker-compose.yaml: Celery, PostgreSQL, Redis; its record in an object store alone.

Workers and agents are on machines of their own (network namespaces), where this one allows it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest
from planexe_agents.signing import SigningKey

from planexe_dag_factory.compile.build import build_plan
from planexe_dag_factory.errors import StackError
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.verify import verify_run
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.stack.autopilot import Autopilot
from planexe_dag_factory.stack.client import AirflowClient
from planexe_dag_factory.stack.follow import follow, wait_for_dag
from planexe_dag_factory.stack.supervisor import Supervisor
from tests.airflow.following import wait_for
from tests.object_store import BUCKET, LOGIN, object_store
from tests.record.leaks import key_files, leaks
from tests.stack.deployment import AGENTS, APART, MISSING, PASSWORDS, ROOT, SECRETS, Deployment
from tests.stack.hosts import Hosts, hosts_of

KEY_CONNECTION, KEY_SEED = "planexe-key", bytes(range(32))
HELLO = ROOT / "dags" / "examples" / "hello.json"
FIRST = "data-gathering"
DOWN_S = float(os.environ.get("PLANEXE_DATABASE_DOWN_S", "20"))
"""How long the database is away; a minute is tried where there is time."""
STORE_CONNECTION = "planexe-runs"
RUN_ROOT = f"s3://{BUCKET}/production"
SETTINGS = {
    "AIRFLOW__PLANEXE__KEY_CONN_ID": KEY_CONNECTION,
    "AIRFLOW__PLANEXE__RUN_ROOT": RUN_ROOT,
    "AIRFLOW__PLANEXE__RUN_CONN_ID": STORE_CONNECTION,
    # A task whose worker could tell nobody how it is counts as dead: after five minutes, were it not for these.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
}
pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with hosts_of(APART) as found:
        yield found


@pytest.fixture
def deployment(hosts: Hosts) -> Iterator[Deployment]:
    """Use a folder of its own: another session of pytest would close `tmp_path` to PostgreSQL's user."""
    supervisor = Supervisor()
    with tempfile.TemporaryDirectory(prefix="production-", ignore_cleanup_errors=True) as folder:
        try:
            yield Deployment.below(Path(folder), supervisor, SETTINGS, hosts)
        finally:
            supervisor.stop_programs()


@pytest.fixture
def store(tmp_path: Path, hosts: Hosts) -> Iterator[Mapping[str, str]]:
    with object_store(tmp_path / "s3.log", hosts.shared) as environment:
        yield environment


def lose_the_database(deployment: Deployment, client: AirflowClient) -> None:
    """Kill PostgreSQL as a power failure would, ask the API, leave it down for a while, and wait until all is well.

    After that, as Docker would, the supervisor starts again what has ended: the database, and whoever
    ended because of it.
    """
    server = psutil.Process(deployment.supervisor.components["postgres"].process.pid)
    for process in (*server.children(recursive=True), server):
        process.kill()
    answer = client.request("GET", "/planexe/api/v1/plans")
    assert (answer.status_code, answer.headers.get("retry-after")) == (503, "30"), answer.text
    assert answer.json()["detail"].startswith("Airflow's database does not answer now. Nothing is lost")
    time.sleep(DOWN_S)  # nobody is started again before the supervisor looks
    assert deployment.wait_until_healthy(), "Airflow was not healthy again within 240 s"
    assert client.request("GET", "/planexe/api/v1/plans").is_success


def work_of(found: Mapping[str, Any]) -> list[str]:
    """Name the steps at agents among the tasks that were found."""
    return [task["task_id"] for task in found["task_instances"] if task["task_id"].endswith(".work")]


def connections(store: Mapping[str, str]) -> Iterator[list[str]]:
    """Keep the signing key, and who we are to the object store, in Airflow's connections alone."""
    key = ["--conn-type", "generic", "--conn-password", b64encode(KEY_SEED).decode()]
    login = ["--conn-login", store["AWS_ACCESS_KEY_ID"], "--conn-password", store["AWS_SECRET_ACCESS_KEY"]]
    extra = json.dumps({"endpoint_url": store["AWS_ENDPOINT_URL"], "region_name": store["AWS_REGION"]})
    aws = ["--conn-type", "aws", *login, "--conn-extra", extra]
    for name, words in ((KEY_CONNECTION, key), (STORE_CONNECTION, aws)):
        yield ["connections", "add", name, *words]


def check_the_private_network(deployment: Deployment) -> None:
    """Ask the agents from a worker's machine: they are at private addresses, which count only where allowed."""
    command = deployment.agents_command("check", "--registry", str(deployment.folder / "registry" / "registry.json"))
    given = deployment.environment("worker", "check")
    for allowed in (deployment.hosts.network, "", "10.0.0.0/16"):
        environment = {**given, "AIRFLOW__PLANEXE__AGENT_NETWORKS": allowed}
        asked = deployment.program(f"check-{allowed[:4]}", command, environment, APART[-1])
        with nullcontext() if allowed == deployment.hosts.network else pytest.raises(StackError, match="status 5"):
            deployment.supervisor.run(asked)
        said = " ".join(asked.log.read_text().split())
        refusals = [f"{deployment.hosts.address(agent)} is not a public address" in said for agent in AGENTS]
        assert set(refusals) == {allowed != deployment.hosts.network}, said


def test_a_plan_runs_on_celery_workers_postgresql_and_redis(
    deployment: Deployment, store: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = deployment.folder
    (folder / "plans").mkdir()
    shutil.copy(HELLO, folder / "plans")
    deployment.start_all(*connections(store))
    if deployment.hosts.network:
        check_the_private_network(deployment)

    spec = build_plan(HELLO, load_registry(folder / "registry" / "registry.json")).spec
    assert spec is not None
    admin = AirflowClient(deployment.url, "admin", PASSWORDS["admin"])
    reviewer = AirflowClient(deployment.url, "demo-reviewer", PASSWORDS["demo-reviewer"])
    wait_for_dag(admin, spec)
    assert admin.request("PATCH", "/api/v2/dags/hello", json={"is_paused": False}).is_success
    agent = deployment.supervisor.components[FIRST].process.pid
    os.kill(agent, signal.SIGSTOP)
    run_id = admin.trigger(spec.dag_id)
    tasks = f"/api/v2/dags/hello/dagRuns/{quote(run_id)}/taskInstances"
    wait_for("a step at work in a worker", lambda: work_of(admin.get(tasks, state="running")))
    lose_the_database(deployment, admin)
    os.kill(agent, signal.SIGKILL)
    wait_for("a step that waits in the triggerer", lambda: work_of(admin.get(tasks, state="deferred")))
    pilot = Autopilot(reviewer, colleague=admin)
    end = follow(admin, spec.dag_id, run_id, autopilot=pilot, timeout=400, watch=deployment.watch)
    assert deployment.supervisor.components[FIRST].restarts == 1, "the agent that was killed is there again too"
    assert (end.state, end.counts, end.report) == ("success", {"done": 4}, True)
    assert end.run_dir.startswith(f"{RUN_ROOT}/")
    page = admin.request("GET", f"/planexe/api/v1/runs/hello/{quote(run_id)}/report/final", params={"form": "pdf"})
    assert page.content.startswith(b"%PDF")
    assert admin.get(f"/planexe/api/v1/runs/hello/{quote(run_id)}/record")["ok"]
    logs = [(folder / f"worker-{number}.log").read_text() for number in (4, 5)]
    assert any("succeeded in" in log for log in logs), "the tasks ran on Celery's workers"
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    found = verify_run(RunFolder(end.run_dir), {SigningKey.from_seed(KEY_SEED).public})
    assert (found.problems, found.state) == ((), "sealed"), "signed everywhere with the key of the connection"
    told = {**SECRETS, **PASSWORDS, **{name: store[name] for name in LOGIN if name.endswith("SECRET_ACCESS_KEY")}}
    secrets = {name: value.encode() for name, value in told.items() if name != "WORKER_CONCURRENCY"}
    assert leaks(RunFolder(end.run_dir), {**secrets, **key_files(folder), KEY_CONNECTION: KEY_SEED}) == []
    assert not (folder / "keys" / "orchestrator.key").exists()
    assert not list(folder.rglob("run.json")), "no part of the record lies on a disk"
