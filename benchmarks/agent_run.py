"""A run of 100 agent steps against 100 plain HttpOperators that send the same assignments to the same agent.

Ours delegates, verifies, validates, records and signs each step, and reports at the end; the DAG
written by hand posts 100 requests. Both run in turn on one embedded Airflow.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.figures import Figure
from benchmarks.scale import Scale
from benchmarks.stack import Bench, stack

STEPS, QUICK_STEPS = 100, 8
AIM = 1.5
ROUNDS_AT_MOST = 3
OURS, HAND = "bench-agent-steps", "bench_http_operators"
CONNECTION = "bench_agent"
FACTS = "The harbour has twelve berths. Berth 7 is closed for repair. The quay was measured in May."

HAND_DAG = '''"""Requests to an agent, by hand."""
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


def measure(scratch: Path, scale: Scale) -> list[Figure]:
    """Run both DAGs in turn, after a first run of each that is not counted."""
    steps, rounds = scale.of(STEPS, QUICK_STEPS), min(scale.rounds, ROUNDS_AT_MOST)
    drop(scratch / "plans", steps)
    with stack(scratch / "stack", scratch / "plans", scratch / "dags") as bench:
        bench.run(OURS)
        write_by_hand(bench, steps)
        bench.run(HAND)
        pairs: tuple[tuple[float, ...], ...] = ()
        for _ in range(rounds):
            pairs = (*pairs, (bench.run(OURS), bench.run(HAND)))
            figures = [Figure(f"run, {steps} agent steps", f"{steps} HttpOperators", pairs, AIM, "s")]
            scale.keep(figures)
    return figures


def drop(plans: Path, steps: int) -> None:
    """Drop the plan into a folder."""
    plans.mkdir(parents=True)
    (plans / "bench.json").write_text(json.dumps(plan(steps)), encoding="utf-8")


def plan(steps: int) -> dict[str, Any]:
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
                **ASKED,
            }
            for number in range(steps)
        ],
    }


ASKED = {"action": "find_evidence", "impact": "none", "confidence_threshold": 0}
"""What makes a step one for the agent that gathers data, which ends without a review."""


def write_by_hand(bench: Bench, steps: int) -> None:
    """Write the other DAG, which sends what ours has sent."""
    assignments = bench.dags.parent / "assignments.json"
    assignments.write_text(json.dumps(sent(bench, steps)), encoding="utf-8")
    connect(bench)
    source = HAND_DAG.format(dag_id=HAND, assignments=str(assignments), connection=CONNECTION)
    (bench.dags / "by_hand.py").write_text(source, encoding="utf-8")


def sent(bench: Bench, steps: int) -> list[dict[str, Any]]:
    """Read the assignments of the first run."""
    first = min(path for path in Path(bench.state.run_root).iterdir() if (path / "steps").is_dir())
    found = sorted(first.glob("steps/*/001/assignment.json"))
    assert len(found) == steps
    return [json.loads(path.read_bytes()) for path in found]


def connect(bench: Bench) -> None:
    """Make the connection of the DAG written by hand: the agent that does the same work for ours."""
    address = urlsplit(bench.state.agents["data_gathering"])
    body = {"connection_id": CONNECTION, "conn_type": "http", "host": address.hostname, "port": address.port}
    bench.client.post("/api/v2/connections", body)
