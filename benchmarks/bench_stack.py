"""Child process of the benchmarks: an embedded stack that also serves plain DAG files.

    python -m benchmarks.bench_stack HOME PLANS DAGS [--parallelism N] [--agent MODULE]

`--agent` is a module that serves one more agent, such as `benchmarks.hour_agent`. Runs until its standard
input is closed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hour_agent import READY
from benchmarks.processes import ROOT
from planexe_dag_factory.errors import StackError
from planexe_dag_factory.stack.agents import ReadyFile
from planexe_dag_factory.stack.configuration import Settings
from planexe_dag_factory.stack.embedded import EmbeddedStack, _first_state
from planexe_dag_factory.stack.home import Home
from planexe_dag_factory.stack.supervisor import Program, Supervisor


@dataclass(frozen=True, slots=True)
class _WithOneMore(ReadyFile):
    """The stack's own agents, and one of a benchmark."""

    other: ReadyFile

    def read(self) -> dict[str, str]:
        return ReadyFile(self.path).read() | self.other.read()


@dataclass
class BenchStack(EmbeddedStack):
    """Adds a bundle of plain DAG files to the configuration before Airflow reads it."""

    dags: Path = Path()
    agent: str | None = None

    def _register_agents(self) -> None:
        if self.agent:
            log, ready = self.home.log("bench-agent"), ReadyFile(self.home.root / READY)
            command = (sys.executable, "-m", self.agent, str(self.home.root))
            self.supervisor.start(Program("bench-agent", command, os.environ, ROOT, log))
            if not self.supervisor.wait_until(ready.exists, timeout=60, strict=True):
                raise StackError(f"the agent {self.agent} was not ready; see {log}")
            self._agents = _WithOneMore(self._agents.path, ready)
        super()._register_agents()

    def _migrate(self) -> None:
        parser = ConfigParser(interpolation=None)
        parser.read(self.home.configuration)
        bundles = json.loads(parser["dag_processor"]["dag_bundle_config_list"])
        local = "airflow.dag_processing.bundles.local.LocalDagBundle"
        bundles.append({"name": "by-hand", "classpath": local, "kwargs": {"path": str(self.dags)}})
        parser["dag_processor"]["dag_bundle_config_list"] = json.dumps(bundles)
        with self.home.configuration.open("w", encoding="utf-8") as file:
            parser.write(file)
        super()._migrate()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs=3, type=Path)
    parser.add_argument("--parallelism", type=int, default=8)
    parser.add_argument("--agent")
    options = parser.parse_args()
    root, plans, dags = options.folders
    home = Home(root)
    settings = Settings(plans=(plans,), run_root=root / "run", parallelism=options.parallelism)
    home.prepare()
    with Supervisor(lifeline=sys.stdin.fileno()) as supervisor:
        stack = BenchStack(home, settings, supervisor, _first_state(settings), dags, options.agent)
        try:
            stack.run()
        except Exception as error:
            stack.fail(error)
            raise


if __name__ == "__main__":
    main()
