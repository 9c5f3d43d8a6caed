"""The services of docker-compose.yaml as plain processes: their commands and environment, on real servers.

What differs from the containers: where things listen, where folders are, and who logs in (the
image's user database is not installed here, so it is Airflow's simple one). Every process of
Airflow's has a home of its own, as containers have. Where the machine allows it, workers and agents
also have addresses of their own, each in a network namespace.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from planexe_dag_factory.stack.embedded import free_port
from planexe_dag_factory.stack.health import airflow_health
from planexe_dag_factory.stack.progress import Progress
from planexe_dag_factory.stack.supervisor import Program, Supervisor
from tests.stack.hosts import Hosts
from tests.stack.postgres import start_postgres

ROOT = Path(__file__).parents[2]
AGENTS = ("data-gathering", "analysis", "reporting", "risk-assessment")
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer", "worker", "worker")
APART = (*AGENTS, *(f"worker-{number}" for number, name in enumerate(AIRFLOW) if name == "worker"))
"""What runs on a machine of its own, where there are several."""
PASSWORDS = {"admin": "admin-secret", "demo-reviewer": "reviewer-secret"}
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


@dataclass
class Deployment:
    """The services of the compose file on this machine: `folder` stands for what the containers share."""

    folder: Path
    supervisor: Supervisor
    services: dict[str, Any]
    ports: dict[str, int]
    more: dict[str, str] = field(default_factory=dict)
    hosts: Hosts = field(default_factory=Hosts)

    @classmethod
    def below(
        cls, folder: Path, supervisor: Supervisor, more: Mapping[str, str] | None = None, hosts: Hosts | None = None
    ) -> Deployment:
        """Choose ports; `more` is put into the environment of every Airflow service."""
        services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
        names = ("postgres:5432", "redis:6379", "api-server:8080", *(f"{name}:8000" for name in AGENTS))
        return cls(
            folder, supervisor, services, {name: free_port() for name in names}, dict(more or {}), hosts or Hosts()
        )

    @property
    def url(self) -> str:
        return f"http://{self.place('api-server:8080')}"

    def place(self, service: str) -> str:
        """Return address and port of a service that the compose file calls `name:port`."""
        return f"{self.hosts.address(service.split(':', maxsplit=1)[0])}:{self.ports[service]}"

    def run(self, name: str, command: list[str]) -> None:
        self.supervisor.run(self.program(name, command, self.environment("scheduler", name)))

    def start(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        self.supervisor.start(self.program(name, command, environment))

    def program(self, name: str, command: list[str], environment: Mapping[str, str], host: str = "") -> Program:
        """Describe a process; it runs on the host of the service `host`, else on that of its own name."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
        path = os.pathsep.join((str(Path(sys.executable).parent), kept["PATH"]))
        env = {**kept, **environment, "PATH": path, "PYTHONUNBUFFERED": "1"}
        words = self.hosts.command(host or name, command)
        return Program(name, tuple(words), env, self.folder, self.folder / f"{name}.log")

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
            "AIRFLOW__API__HOST": self.hosts.shared,
            "AIRFLOW__API__PORT": str(self.ports["api-server:8080"]),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        }
        if self.hosts.network:
            own["AIRFLOW__PLANEXE__AGENT_NETWORKS"] = self.hosts.network
        return {key: self.here(value) for key, value in given.items()} | own | self.more

    def here(self, text: str) -> str:
        """Put in the secrets, and addresses and folders of this machine."""
        text = re.sub(r"\$\{(\w+)(?::-([^}]*))?[^}]*\}", lambda found: SECRETS.get(found[1], found[2] or ""), text)
        for service in self.ports:
            text = text.replace(service, self.place(service))
        text = text.replace("@postgres/airflow", f"@{self.place('postgres:5432')}/airflow")
        return text.replace("/opt/planexe", str(self.folder))

    def start_all(self, *commands: list[str]) -> None:
        """Start every service, in the order of the compose file, and wait until all are healthy.

        `commands` of Airflow's command line are run once there is a database.
        """
        for name in ("plans", "run", "keys", "bundles", "registry"):
            (self.folder / name).mkdir(exist_ok=True)
        (self.folder / "passwords.json").write_text(json.dumps(PASSWORDS))
        place = (self.hosts.address("postgres"), self.hosts.network)
        start_postgres(self.supervisor, self.folder, self.ports["postgres:5432"], SECRETS["POSTGRES_PASSWORD"], *place)
        self._start_redis()
        for name in AGENTS:
            self.start_agent(name)
        for words in (["db", "migrate"], *commands):
            self.run("-".join(words[:3]), [sys.executable, "-m", "airflow", *words])
        self.run("registry", self.agents_command("add", *self.services["registry"]["command"]))
        self._start_airflow()
        assert self.wait_until_healthy(strict=True), "Airflow was not healthy within 240 s"

    def agents_command(self, *words: str) -> list[str]:
        """Say how `planexe-dag agents` is run here."""
        return [sys.executable, "-m", "planexe_dag_factory.cli", "agents", *(self.here(word) for word in words)]

    def wait_until_healthy(self, *, strict: bool = False) -> bool:
        return self.supervisor.wait_until(
            lambda: set(airflow_health(self.url).values()) == {"healthy"}, timeout=240, strict=strict
        )

    def watch(self, _: Progress) -> None:
        """Start again what has ended meanwhile, while a run is followed."""
        self.supervisor.wait_until(lambda: False, timeout=0.5)

    def _start_redis(self) -> None:
        command = [self.here(word) for word in self.services["redis"]["command"]]
        port, data = str(self.ports["redis:6379"]), self.folder / "redis"
        data.mkdir()
        self.start("redis", [*command, "--port", port, "--bind", self.hosts.address("redis"), "--dir", str(data)], {})

    def start_agent(self, name: str) -> None:
        words = self.here(self.services[name]["command"]).split()
        state = str(self.folder / "agents" / name)
        port = str(self.ports[f"{name}:8000"])
        moved = {"--host": self.hosts.address(name), "--port": port, "--state": state}
        for option, value in moved.items():
            words[words.index(option) + 1] = value
        self.start(name, [sys.executable, "-m", "planexe_agents", *words], {})

    def _start_airflow(self) -> None:
        for number, name in enumerate(AIRFLOW):
            words = self.services[name]["command"].split()
            if name == "worker":
                words += ["--celery-hostname", f"worker-{number}@%h"]
            process = f"{name}-{number}"
            self.start(process, [sys.executable, "-m", "airflow", *words], self.environment(name, process))
