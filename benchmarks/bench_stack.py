"""Child process of the benchmarks: an embedded stack that also serves plain DAG files.

    python -m benchmarks.bench_stack HOME PLANS DAGS

Runs until its standard input is closed.
"""

from __future__ import annotations

import json
import sys
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

from planexe_dag_factory.stack.configuration import Settings
from planexe_dag_factory.stack.embedded import EmbeddedStack, _first_state
from planexe_dag_factory.stack.home import Home
from planexe_dag_factory.stack.supervisor import Supervisor


@dataclass
class BenchStack(EmbeddedStack):
    """Adds a bundle of plain DAG files to the configuration before Airflow reads it."""

    dags: Path = Path()

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


def main(root: Path, plans: Path, dags: Path) -> None:
    home = Home(root)
    settings = Settings(plans=(plans,), run_root=root / "run")
    home.prepare()
    with Supervisor(lifeline=sys.stdin.fileno()) as supervisor:
        stack = BenchStack(home, settings, supervisor, _first_state(settings), dags)
        try:
            stack.run()
        except Exception as error:
            stack.fail(error)
            raise


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
