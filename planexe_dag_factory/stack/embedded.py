"""The supervisor of an embedded stack: the agents and an Airflow of its own, started, watched and stopped.

    python -m planexe_dag_factory.stack.embedded '{"home": ..., "plans": [...], ...}' [lifeline fd]

Starts the agents while the database is made, writes the registry of what the agents say of
themselves, then starts Airflow's components side by side. `state.json` tells everybody how far it is.
"""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from planexe_dag_factory.errors import StackError
from planexe_dag_factory.stack.agents import ReadyFile, agents_program, register
from planexe_dag_factory.stack.configuration import Settings, airflow_environment, load_launch, write_configuration
from planexe_dag_factory.stack.health import airflow_health
from planexe_dag_factory.stack.home import Home
from planexe_dag_factory.stack.model import describe_model
from planexe_dag_factory.stack.processes import ProcessId
from planexe_dag_factory.stack.state import State, read_state, stop_leftovers, write_state
from planexe_dag_factory.stack.supervisor import Program, Supervisor

AIRFLOW_COMPONENTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
_HEALTH_PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
_HEALTHY_WITHIN_S = 120
_PORT_ATTEMPTS = 3
_log = logging.getLogger(__name__)


@dataclass
class EmbeddedStack:
    """One stack between its start and its end."""

    home: Home
    settings: Settings
    supervisor: Supervisor
    state: State
    _agents: ReadyFile = field(init=False)

    def __post_init__(self) -> None:
        self._agents = ReadyFile(self.home.agents / "ready.json")
        self.supervisor.on_change = lambda components: self._tell(components=components)

    def run(self) -> None:
        """Start everything, then watch over it. Raises StackError where it cannot be started."""
        stop_leftovers(read_state(self.home))
        self._tell()
        self._start()
        self._tell(condition="ready")
        self.supervisor.serve()

    def fail(self, error: Exception) -> None:
        self._tell(condition="failed", reason=str(error))

    def _start(self) -> None:
        for _ in range(_PORT_ATTEMPTS):
            port = self.settings.port or free_port()
            try:
                return self._start_on(port)
            except StackError:
                if self.settings.port or is_free(port):
                    raise
            _log.warning("somebody else took port %s meanwhile: trying another", port)
            self.supervisor.stop_programs()
        raise StackError(f"no free port was found in {_PORT_ATTEMPTS} attempts; choose one with --port")

    def _start_on(self, port: int) -> None:
        write_configuration(self.home, self.settings, port)
        self._tell(url=f"http://127.0.0.1:{port}")
        self._start_agents()
        self._migrate()
        self._register_agents()
        self._start_airflow()

    def _start_agents(self) -> None:
        self._agents.path.unlink(missing_ok=True)
        log = self.home.log("agents")
        log.unlink(missing_ok=True)
        self.supervisor.start(agents_program(self.home, self._agents, log))

    def _migrate(self) -> None:
        """Make or upgrade the database, unless these versions of Airflow and of our tables have done so already."""
        done, wanted = self.home.root / "migrated", _database_version()
        if not done.exists() or done.read_text() != wanted:
            self.supervisor.run(self._airflow("migrate", ("db", "migrate")))
            done.write_text(wanted)

    def _register_agents(self) -> None:
        if not self.supervisor.wait_until(self._agents.exists, timeout=_HEALTHY_WITHIN_S, strict=True):
            raise StackError(f"the agents were not ready after {_HEALTHY_WITHIN_S} s; see {self.home.log('agents')}")
        self._tell(agents=self._agents.read())
        register(self.home.registry, self.state.agents.values())

    def _start_airflow(self) -> None:
        for name, words in AIRFLOW_COMPONENTS.items():
            self.supervisor.start(self._airflow(name, words))
        if not self.supervisor.wait_until(self._healthy, timeout=_HEALTHY_WITHIN_S, strict=True):
            raise StackError(f"Airflow was not healthy after {_HEALTHY_WITHIN_S} s; see the logs in {self.home.logs}")

    def _healthy(self) -> bool:
        health = airflow_health(self.state.url or "")
        return all(health.get(part) == "healthy" for part in _HEALTH_PARTS)

    def _airflow(self, name: str, words: tuple[str, ...]) -> Program:
        log = self.home.log(name)
        log.unlink(missing_ok=True)
        command = (sys.executable, "-m", "airflow", *words)
        return Program(name, command, airflow_environment(self.home), self.home.root, log)

    def _tell(self, **news: Any) -> None:
        self.state = self.state.model_copy(update=news)
        write_state(self.home, self.state)


def _database_version() -> str:
    ours = files("planexe_dag_factory.ui.desk.migrations.versions").iterdir()
    return " ".join((version("apache-airflow-core"), *sorted(file.name for file in ours if file.name[:1].isdigit())))


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Say whether one could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


@contextmanager
def _only_one(home: Home) -> Iterator[None]:
    with home.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"another stack runs in {home.root}: stop it with `planexe-dag down`")
        yield


def main(words: list[str]) -> int:
    """Run a stack until it is told to stop. Returns 1 where it could not be started."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    home, settings = load_launch(words[0])
    lifeline = int(words[1]) if words[1:] else None
    with _only_one(home), Supervisor(lifeline=lifeline) as supervisor:
        stack = EmbeddedStack(home, settings, supervisor, _first_state(settings))
        try:
            stack.run()
        except Exception as error:  # noqa: BLE001 -- whatever it is, whoever waits for the stack must learn of it
            _log.exception("the stack has failed")
            stack.fail(error)
            return 1
    home.state.unlink(missing_ok=True)
    return 0


def _first_state(settings: Settings) -> State:
    me = ProcessId.of(os.getpid())
    if me is None:
        raise StackError("this process cannot be found in the process table")
    plans = tuple(str(folder) for folder in settings.plans)
    return State(
        condition="starting",
        supervisor=me,
        plans=plans,
        run_root=str(settings.run_root),
        model=describe_model(os.environ),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
