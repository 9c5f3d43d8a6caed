"""A run of 100 agent steps against 100 plain HttpOperators that send the same assignments to the same agent.

Ours delegates, verifies, validates, records and signs each step, and reports at the end; the DAG
written by hand posts 100 requests. Both run in turn on one embedded Airflow.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from benchmarks.figures import Figure
from benchmarks.processes import ROOT
from planexe_dag_factory.stack.client import AirflowClient
from planexe_dag_factory.stack.configuration import ADMIN, read_passwords
from planexe_dag_factory.stack.home import Home
from planexe_dag_factory.stack.lifecycle import stop
from planexe_dag_factory.stack.state import State, read_state

STEPS = 100
AIM = 1.5
ROUNDS_AT_MOST = 3
READY_S, RUN_S = 300, 900
OURS, HAND = "bench-agent-steps", "bench_http_operators"
T = TypeVar("T")
CONNECTION = "bench_agent"
FACTS = "The harbour has twelve berths. Berth 7 is closed for repair. The quay was measured in May."

HAND_DAG = '''"""100 requests to an agent, by hand."""
import json
from pathlib import Path
import pendulum
from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import DAG

dag = DAG(dag_id={dag_id!r}, schedule=None, start_date=pendulum.datetime(2020, 1, 1, tz="UTC"), catchup=False)
for number, assignment in enumerate(json.loads(Path({assignments!r}).read_text())):
    key = "{{{{ run_id }}}}-" + str(number)
    HttpOperator(
        task_id=f"step-{{number}}",
        http_conn_id={connection!r},
        endpoint="run",
        method="POST",
        data=json.dumps({{**assignment, "id": key}}),
        headers={{"Content-Type": "application/json", "Idempotency-Key": key}},
        dag=dag,
    )
'''


def measure(scratch: Path, rounds: int) -> list[Figure]:
    """Run both DAGs in turn, after a first run of each that is not counted."""
    plans, dags = scratch / "plans", scratch / "dags"
    for folder in (plans, dags):
        folder.mkdir(parents=True)
    (plans / "bench.json").write_text(json.dumps(plan()), encoding="utf-8")
    with _stack(scratch / "stack", plans, dags) as (client, state):
        _run(client, OURS)
        _write_by_hand(client, state, dags)
        _run(client, HAND)
        pairs = tuple((_run(client, OURS), _run(client, HAND)) for _ in range(min(rounds, ROUNDS_AT_MOST)))
    return [Figure(f"run, {STEPS} agent steps", f"{STEPS} HttpOperators", pairs, AIM)]


def plan() -> dict[str, Any]:
    """A plan of steps that run side by side, all for one agent, which needs no review."""
    return {
        "format": "planexe-dag/1",
        "id": OURS,
        "title": "A hundred questions",
        "documents": [{"name": "harbour.md", "text": FACTS}],
        "steps": [
            {
                "id": f"step-{number}",
                "title": f"Find which berth of the harbour is closed for repair, part {number}",
                "phase": "questions",
                "package": f"package-{number}",
                "action": "find_evidence",
                "impact": "none",
                "confidence_threshold": 0,
            }
            for number in range(STEPS)
        ],
    }


@contextmanager
def _stack(root: Path, plans: Path, dags: Path) -> Iterator[tuple[AirflowClient, State]]:
    command = [sys.executable, "-m", "benchmarks.bench_stack", *map(str, (root, plans, dags))]
    home = Home(root)
    root.mkdir(parents=True)
    with (
        (root / "bench.log").open("wb") as log,
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
        ) as process,
    ):
        try:
            state = _wait(lambda: _ready(home, process), "the stack", READY_S)
            with AirflowClient(str(state.url), ADMIN, read_passwords(home)[ADMIN]) as client:
                yield client, state
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(60)
            stop(home)


def _ready(home: Home, process: subprocess.Popen[bytes]) -> State | None:
    if process.poll() is not None:
        raise SystemExit((home.root / "bench.log").read_text(encoding="utf-8")[-4000:])
    state = read_state(home)
    return state if state and state.condition == "ready" else None


def _write_by_hand(client: AirflowClient, state: State, dags: Path) -> None:
    """Write the other DAG, which sends what ours has sent."""
    address = urlsplit(state.agents["data_gathering"])
    connection = {"connection_id": CONNECTION, "conn_type": "http", "host": address.hostname, "port": address.port}
    client.post("/api/v2/connections", connection)
    sent = sorted(Path(state.run_root).glob("*/steps/step-*/001/assignment.json"))
    assert len(sent) == STEPS
    assignments = dags.parent / "assignments.json"
    assignments.write_text(json.dumps([json.loads(path.read_bytes()) for path in sent]), encoding="utf-8")
    source = HAND_DAG.format(dag_id=HAND, assignments=str(assignments), connection=CONNECTION)
    (dags / "by_hand.py").write_text(source, encoding="utf-8")


def _run(client: AirflowClient, dag_id: str) -> float:
    """Run a DAG once; return how many seconds its run took, by Airflow's own clock."""
    _wait(lambda: client.dag(dag_id), f"the DAG {dag_id}", READY_S)
    run_id = client.trigger(dag_id)
    path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
    run = _wait(lambda: _ended(client.get(path)), f"the run of {dag_id}", RUN_S)
    assert run["state"] == "success", run
    start, end = (datetime.fromisoformat(run[name]) for name in ("start_date", "end_date"))
    return (end - start).total_seconds()


def _ended(run: dict[str, Any]) -> dict[str, Any] | None:
    return run if run["state"] in ("success", "failed") else None


def _wait(look: Callable[[], T | None], what: str, limit: float) -> T:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.5)
    raise SystemExit(f"{what} was not there after {limit} s")
