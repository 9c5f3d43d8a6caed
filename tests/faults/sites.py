"""Where faults are made: the embedded stack, or Celery with PostgreSQL, both found quickly when something dies."""

from __future__ import annotations

import json
import os
import socket
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from planexe_dag_factory.delegation.cards import fetch_agents
from planexe_dag_factory.routing.registry_changes import add_agents
from planexe_dag_factory.routing.registry_file import RegistryFile
from planexe_dag_factory.stack import lifecycle
from planexe_dag_factory.stack.agents import ReadyFile
from planexe_dag_factory.stack.client import AirflowClient
from planexe_dag_factory.stack.configuration import Settings, read_passwords
from planexe_dag_factory.stack.embedded import free_port
from planexe_dag_factory.stack.health import airflow_health
from planexe_dag_factory.stack.home import Home
from planexe_dag_factory.stack.state import read_state
from planexe_dag_factory.stack.supervisor import Program, Supervisor
from tests.faults.plan import PHASES, PLAN_ID, fault_plan, fault_policy
from tests.stack.deployment import PASSWORDS, SECRETS, Deployment

MILL = Path(__file__).with_name("mill.py")
KINDS = ("scheduler", "triggerer", "api-server", "dag-processor", "mill", "task", "worker")
"""The components that are killed."""
QUICK: Mapping[str, Mapping[str, str]] = {
    "scheduler": {
        "task_instance_heartbeat_timeout": "15",
        "task_instance_heartbeat_timeout_detection_interval": "2",
        "scheduler_health_check_threshold": "10",
        "scheduler_heartbeat_sec": "2",
        "job_heartbeat_sec": "2",
        "orphaned_tasks_check_interval": "3",
        "task_queued_timeout": "40",
        "task_queued_timeout_check_interval": "5",
    },
    "triggerer": {"job_heartbeat_sec": "2", "triggerer_health_check_threshold": "10"},
    "dag_processor": {"health_check_threshold": "20"},
}
"""Airflow finds what has died within seconds; docs/operators.md has what it takes by default."""


@dataclass
class Site(ABC):
    """A running Airflow, a mill, and the programs that may die. `supervisor` starts again what it started."""

    folder: Path
    supervisor: Supervisor
    phases: tuple[str, ...] = PHASES
    mill: str = field(default="", init=False)

    @property
    @abstractmethod
    def url(self) -> str: ...

    @property
    @abstractmethod
    def keys(self) -> Path:
        """The folder of the orchestrator's key."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of components that are killed here."""
        return KINDS

    def has_broker(self) -> bool:
        """Say whether a broker brings tasks to workers now."""
        return False

    @property
    def workers(self) -> tuple[str, ...]:
        """The components that hold the processes of tasks, where they are of their own."""
        return tuple(name for name in self.supervisor.components if name.startswith("worker-"))

    @abstractmethod
    def processes(self) -> dict[str, psutil.Process]:
        """Return the main process of each component that runs now."""

    @abstractmethod
    def login(self, user: str) -> AirflowClient: ...

    @property
    def run_root(self) -> Path:
        return self.folder / "run"

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    def is_healthy(self) -> bool:
        return set(airflow_health(self.url).values()) == {"healthy"}

    def start_mill(self, registry: Path) -> None:
        """Serve the mill at an address that it keeps, and register it."""
        ready, port = ReadyFile(self.folder / "mill.json"), free_port()
        words = ("--state", str(self.folder / "mill"), "--ready-file", str(ready.path), "--port", str(port))
        command = (sys.executable, str(MILL), *words, "--wait", "1")
        environment = {**_plain_environment(), "JOURNAL": str(self.journal)}
        self.supervisor.start(Program("mill", command, environment, self.folder, self.folder / "mill.log"))
        assert self.supervisor.wait_until(ready.exists, timeout=60, strict=True), "the mill did not start"
        self.mill = ready.read()["mill"]
        file = RegistryFile(registry, self.keys)
        file.write(add_agents(file.read(), fetch_agents([self.mill])))

    def drop_plan(self, plans: Path) -> None:
        (plans / f"{PLAN_ID}.policy.json").write_text(json.dumps(fault_policy(self.phases)))
        (plans / f"{PLAN_ID}.json").write_text(json.dumps(fault_plan(self.phases)))


@dataclass
class EmbeddedSite(Site):
    """SQLite and the LocalExecutor: what `planexe-dag up` starts, and what starts it again."""

    home: Home = field(kw_only=True)

    @property
    def url(self) -> str:
        return self.home.configuration.read_text().split("base_url = ")[1].split()[0]

    @property
    def keys(self) -> Path:
        return self.home.keys

    def processes(self) -> dict[str, psutil.Process]:
        state = read_state(self.home)
        components = {**(state.components if state else {}), **self.supervisor.components}
        found = {name: component.process.find() for name, component in components.items()}
        return {name: process for name, process in found.items() if process}

    def login(self, user: str) -> AirflowClient:
        return AirflowClient(self.url, user, read_passwords(self.home)[user])


@dataclass
class CelerySite(Site):
    """PostgreSQL, Redis and two Celery workers: what docker-compose.yaml starts."""

    deployment: Deployment = field(kw_only=True)

    @property
    def url(self) -> str:
        return self.deployment.url

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    def processes(self) -> dict[str, psutil.Process]:
        found = {name: component.process.find() for name, component in self.supervisor.components.items()}
        return {name: process for name, process in found.items() if process}

    @property
    def kinds(self) -> tuple[str, ...]:
        return (*KINDS, "redis")

    def has_broker(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.deployment.ports["redis:6379"]), 2) as broker:
            broker.sendall(f"AUTH {SECRETS['REDIS_PASSWORD']}\r\nPING\r\n".encode())
            return broker.recv(100).startswith(b"+OK")

    def login(self, user: str) -> AirflowClient:
        return AirflowClient(self.url, user, PASSWORDS[user])


@contextmanager
def embedded(folder: Path, phases: tuple[str, ...] = PHASES) -> Iterator[Site]:
    """Start the embedded stack with the plan and the mill."""
    home = Home.below(folder)
    settings = replace(Settings.for_folder(folder, home), options=QUICK)
    supervisor = Supervisor(max_restarts=1000)
    with lifecycle.ensured(home, settings):
        site = EmbeddedSite(folder, supervisor, phases, home=home)
        try:
            site.start_mill(home.registry)
            site.drop_plan(settings.plans[0])
            yield site
        finally:
            supervisor.stop_programs()


@contextmanager
def celery(folder: Path) -> Iterator[Site]:
    """Start the services of the compose file with the plan and the mill."""
    supervisor = Supervisor(max_restarts=1000)
    options = {
        f"AIRFLOW__{section}__{key}".upper(): value for section, keys in QUICK.items() for key, value in keys.items()
    }
    deployment = Deployment.below(folder, supervisor, options)
    try:
        deployment.start_all()
        site = CelerySite(folder, supervisor, deployment=deployment)
        site.start_mill(folder / "registry" / "registry.json")
        site.drop_plan(folder / "plans")
        yield site
    finally:
        supervisor.stop_programs()


def _plain_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
