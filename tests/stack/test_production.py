"""The services of docker-compose.yaml as plain processes: their commands and environment, on real servers.

What differs from the containers: where things listen, where folders are, and who logs in (the
image's user database is not installed here, so it is Airflow's simple one). Runs are recorded in an
object store, and every process of Airflow's has a home of its own, so that no record passes by a disk.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest
import yaml
from planexe_agents.signing import SigningKey

from planexe_dag_factory.compile.build import build_plan
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.verify import verify_run
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.stack.autopilot import Autopilot
from planexe_dag_factory.stack.client import AirflowClient
from planexe_dag_factory.stack.embedded import free_port
from planexe_dag_factory.stack.follow import follow, wait_for_dag
from planexe_dag_factory.stack.health import airflow_health
from planexe_dag_factory.stack.supervisor import Program, Supervisor
from tests.airflow.following import wait_for
from tests.object_store import BUCKET, object_store
from tests.stack.postgres import start_postgres

ROOT = Path(__file__).parents[2]
KEY_CONNECTION, KEY_SEED = "planexe-key", bytes(range(32))
HELLO = ROOT / "dags" / "examples" / "hello.json"
FIRST = "data-gathering"
AGENTS = ("data-gathering", "analysis", "reporting", "risk-assessment")
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer", "worker", "worker")
STORE_CONNECTION = "planexe-runs"
RUN_ROOT = f"s3://{BUCKET}/production"
SECRETS = {
    "POSTGRES_PASSWORD": "pg-secret",
    "REDIS_PASSWORD": "redis-secret",
    "FERNET_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "API_SECRET_KEY": "api-secret-api-secret-api-secret-api-secret-api-secret-api-secret",
    "JWT_SECRET": "jwt-secret-jwt-secret-jwt-secret-jwt-secret-jwt-secret-jwt-secret",
    "WORKER_CONCURRENCY": "4",
}
MISSING = [
    name
    for name, there in (
        ("redis-server", shutil.which("redis-server")),
        ("postgres", shutil.which("postgres") or next(Path("/usr/lib/postgresql").glob("*/bin/postgres"), None)),
        ("apache-airflow-providers-celery", importlib.util.find_spec("celery")),
        ("psycopg2-binary", importlib.util.find_spec("psycopg2")),
        ("asyncpg", importlib.util.find_spec("asyncpg")),
    )
    if not there
]
pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]


@dataclass
class Deployment:
    """The services of the compose file on this machine: `folder` stands for what the containers share."""

    folder: Path
    supervisor: Supervisor
    services: dict[str, Any]
    ports: dict[str, int]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['api-server:8080']}"

    def run(self, name: str, command: list[str]) -> None:
        self.supervisor.run(self.program(name, command, self.environment("scheduler", name)))

    def start(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        self.supervisor.start(self.program(name, command, environment))

    def program(self, name: str, command: list[str], environment: Mapping[str, str]) -> Program:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
        path = os.pathsep.join((str(Path(sys.executable).parent), kept["PATH"]))
        env = {**kept, **environment, "PATH": path, "PYTHONUNBUFFERED": "1"}
        return Program(name, tuple(command), env, self.folder, self.folder / f"{name}.log")

    def environment(self, service: str, process: str) -> dict[str, str]:
        """The environment of an Airflow process of a service, its places moved to this machine."""
        given = self.services[service]["environment"]
        own = {
            "AIRFLOW_HOME": str(self.folder / "homes" / process),
            "AIRFLOW__CORE__AUTH_MANAGER": (
                "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
            ),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,demo-reviewer:user",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.folder / "passwords.json"),
            "AIRFLOW__PLANEXE__KEY_CONN_ID": KEY_CONNECTION,
            "AIRFLOW__PLANEXE__RUN_ROOT": RUN_ROOT,
            "AIRFLOW__PLANEXE__RUN_CONN_ID": STORE_CONNECTION,
            "AIRFLOW__API__PORT": str(self.ports["api-server:8080"]),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        }
        return {key: self.here(value) for key, value in given.items()} | own

    def here(self, text: str) -> str:
        """Put in the secrets, and addresses and folders of this machine."""
        text = re.sub(r"\$\{(\w+)(?::-([^}]*))?[^}]*\}", lambda found: SECRETS.get(found[1], found[2] or ""), text)
        for service, port in self.ports.items():
            text = text.replace(service, f"127.0.0.1:{port}")
        text = text.replace("@postgres/airflow", f"@127.0.0.1:{self.ports['postgres:5432']}/airflow")
        return text.replace("/opt/planexe", str(self.folder))


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    names = ("postgres:5432", "redis:6379", "api-server:8080", *(f"{name}:8000" for name in AGENTS))
    supervisor = Supervisor()
    try:
        yield Deployment(tmp_path, supervisor, services, {name: free_port() for name in names})
    finally:
        supervisor.stop_programs()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    with object_store(tmp_path / "s3.log") as environment:
        yield environment


def start_redis(deployment: Deployment) -> None:
    command = [deployment.here(word) for word in deployment.services["redis"]["command"]]
    port = str(deployment.ports["redis:6379"])
    deployment.start("redis", [*command, "--port", port, "--bind", "127.0.0.1", "--save", ""], {})


def start_agent(deployment: Deployment, name: str) -> None:
    words = deployment.here(deployment.services[name]["command"]).split()
    state = str(deployment.folder / "agents" / name)
    port = str(deployment.ports[f"{name}:8000"])
    moved = {"--host": "127.0.0.1", "--port": port, "--state": state}
    for option, value in moved.items():
        words[words.index(option) + 1] = value
    deployment.start(name, [sys.executable, "-m", "planexe_agents", *words], {})


def start_airflow(deployment: Deployment) -> None:
    for number, name in enumerate(AIRFLOW):
        words = deployment.services[name]["command"].split()
        if name == "worker":
            words += ["--celery-hostname", f"worker-{number}@%h"]
        process = f"{name}-{number}"
        deployment.start(process, [sys.executable, "-m", "airflow", *words], deployment.environment(name, process))


def lose_the_database(deployment: Deployment, client: AirflowClient) -> None:
    """Kill PostgreSQL as a power failure would, ask the API, and wait until all is well again.

    As Docker would, the supervisor starts again what has ended: the database, and whoever ended because of it.
    """
    server = psutil.Process(deployment.supervisor.components["postgres"].process.pid)
    for process in (*server.children(recursive=True), server):
        process.kill()
    answer = client.request("GET", "/planexe/api/v1/plans")
    assert (answer.status_code, answer.headers.get("retry-after")) == (503, "30"), answer.text
    assert answer.json()["detail"].startswith("Airflow's database does not answer now. Nothing is lost")
    assert wait_until_healthy(deployment), "Airflow was not healthy again within 240 s"
    assert client.request("GET", "/planexe/api/v1/plans").is_success


def wait_until_healthy(deployment: Deployment, *, strict: bool = False) -> bool:
    return deployment.supervisor.wait_until(
        lambda: set(airflow_health(deployment.url).values()) == {"healthy"}, timeout=240, strict=strict
    )


def add_connections(deployment: Deployment, store: Mapping[str, str]) -> None:
    """Keep the signing key, and who we are to the object store, in Airflow's connections alone."""
    key = ["--conn-type", "generic", "--conn-password", b64encode(KEY_SEED).decode()]
    login = ["--conn-login", store["AWS_ACCESS_KEY_ID"], "--conn-password", store["AWS_SECRET_ACCESS_KEY"]]
    extra = json.dumps({"endpoint_url": store["AWS_ENDPOINT_URL"], "region_name": store["AWS_REGION"]})
    aws = ["--conn-type", "aws", *login, "--conn-extra", extra]
    for name, words in ((KEY_CONNECTION, key), (STORE_CONNECTION, aws)):
        deployment.run(name, [sys.executable, "-m", "airflow", "connections", "add", name, *words])


def test_a_plan_runs_on_celery_workers_postgresql_and_redis(
    deployment: Deployment, store: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = deployment.folder
    for name in ("plans", "keys", "bundles", "registry"):
        (folder / name).mkdir()
    passwords = {"admin": "admin-secret", "demo-reviewer": "reviewer-secret"}
    (folder / "passwords.json").write_text(json.dumps(passwords))
    shutil.copy(HELLO, folder / "plans")
    port = deployment.ports["postgres:5432"]
    start_postgres(deployment.supervisor, folder, port, SECRETS["POSTGRES_PASSWORD"])
    start_redis(deployment)
    for name in AGENTS:
        start_agent(deployment, name)
    deployment.run("migrate", [sys.executable, "-m", "airflow", "db", "migrate"])
    add_connections(deployment, store)
    register = [deployment.here(word) for word in deployment.services["registry"]["command"]]
    deployment.run("registry", [sys.executable, "-m", "planexe_dag_factory.cli", "agents", "add", *register])
    start_airflow(deployment)
    assert wait_until_healthy(deployment, strict=True), "Airflow was not healthy within 240 s"

    spec = build_plan(HELLO, load_registry(folder / "registry" / "registry.json")).spec
    assert spec is not None
    admin = AirflowClient(deployment.url, "admin", passwords["admin"])
    reviewer = AirflowClient(deployment.url, "demo-reviewer", passwords["demo-reviewer"])
    wait_for_dag(admin, spec)
    assert admin.request("PATCH", "/api/v2/dags/hello", json={"is_paused": False}).is_success
    os.kill(deployment.supervisor.components[FIRST].process.pid, signal.SIGKILL)
    run_id = admin.trigger(spec.dag_id)
    tasks = f"/api/v2/dags/hello/dagRuns/{quote(run_id)}/taskInstances"
    wait_for("a step that waits in the triggerer", lambda: admin.get(tasks, state="deferred")["task_instances"])
    lose_the_database(deployment, admin)
    assert deployment.supervisor.components[FIRST].restarts == 1, "the agent that was killed is there again too"
    end = follow(admin, spec.dag_id, run_id, autopilot=Autopilot(reviewer), timeout=400)
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
    assert not (folder / "keys" / "orchestrator.key").exists()
    assert not list(folder.rglob("run.json")), "no part of the record lies on a disk"
