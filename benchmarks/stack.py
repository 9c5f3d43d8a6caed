"""An embedded stack for a benchmark, which also serves DAG files written by hand, and what is asked of it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import psutil

from benchmarks.processes import ROOT
from planexe_dag_factory.stack.client import AirflowClient
from planexe_dag_factory.stack.configuration import ADMIN, read_passwords
from planexe_dag_factory.stack.home import Home
from planexe_dag_factory.stack.lifecycle import stop
from planexe_dag_factory.stack.state import State, read_state

READY_S, RUN_S = 300, 1800
LOOK_S = 0.5
T = TypeVar("T")


@dataclass(frozen=True)
class Bench:
    """A stack that runs: `dags` is the folder of the DAG files written by hand."""

    client: AirflowClient
    state: State
    home: Home
    dags: Path

    @property
    def processes(self) -> dict[str, psutil.Process]:
        """Airflow's components and the agents, by name."""
        state = read_state(self.home) or self.state
        return {name: psutil.Process(one.process.pid) for name, one in state.components.items()}

    def slots(self) -> Mapping[str, int]:
        """Count the tasks that hold a worker's slot, those that hold one of the triggerer's, and those parked."""
        query = "select state, count(*) from task_instance where state in ('running', 'deferred', 'awaiting_input')"
        path = f"file:{self.home.root}/airflow.db?mode=ro"
        with closing(sqlite3.connect(path, uri=True, timeout=30)) as database:
            return dict(database.execute(f"{query} group by state").fetchall())

    def run(self, dag_id: str) -> float:
        """Run a DAG once; return how many seconds its run took, by Airflow's own clock."""
        self.await_dags([dag_id])
        ended = self.await_ended(dag_id, self.client.trigger(dag_id))
        start, end = (datetime.fromisoformat(ended[name]) for name in ("start_date", "end_date"))
        return (end - start).total_seconds()

    def await_dags(self, dag_ids: Sequence[str]) -> None:
        for dag_id in dag_ids:
            wait(lambda dag_id=dag_id: self.client.dag(dag_id), f"the DAG {dag_id}", READY_S)  # type: ignore[misc]

    def await_ended(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Wait for the end of a run, which must be a success."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
        run = wait(lambda: _ended(self.client.get(path)), f"the run of {dag_id}", RUN_S)
        assert run["state"] == "success", run
        return run


@contextmanager
def stack(root: Path, plans: Path, dags: Path, *options: str) -> Iterator[Bench]:
    """Run a stack as long as the context lasts; the options are those of `benchmarks.bench_stack`."""
    command = [sys.executable, "-m", "benchmarks.bench_stack", *map(str, (root, plans, dags)), *options]
    home = Home(root)
    for folder in (root, plans, dags):
        folder.mkdir(parents=True, exist_ok=True)
    with (
        (root / "bench.log").open("wb") as log,
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
        ) as process,
    ):
        try:
            state = wait(lambda: _ready(home, process), "the stack", READY_S)
            with AirflowClient(str(state.url), ADMIN, read_passwords(home)[ADMIN]) as client:
                yield Bench(client, state, home, dags)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(60)
            stop(home)


def wait(look: Callable[[], T | None], what: str, limit: float) -> T:
    """Look until there is something, and return it."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(LOOK_S)
    raise SystemExit(f"{what} was not there after {limit} s")


def _ready(home: Home, process: subprocess.Popen[bytes]) -> State | None:
    if process.poll() is not None:
        raise SystemExit((home.root / "bench.log").read_text(encoding="utf-8")[-4000:])
    state = read_state(home)
    return state if state and state.condition == "ready" else None


def _ended(run: dict[str, Any]) -> dict[str, Any] | None:
    return run if run["state"] in ("success", "failed") else None
