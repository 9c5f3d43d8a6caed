"""Agents that take an hour: many steps that wait at once, against deferrable sensors written by hand.

The agent is real and works until it is told to stop; a minute of the hour is measured. The sensors ask
the same server as often as our trigger does in the end. Sensors that block are measured too: what each
holds is a worker.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.agent_run import CONNECTION
from benchmarks.figures import Figure
from benchmarks.hour_agent import ACTION, PROCEED
from benchmarks.meter import Usage, measured
from benchmarks.scale import Scale
from benchmarks.stack import RUN_S, Bench, stack, wait

OURS, HAND, BLOCKING = "bench-hour", "bench_deferrable", "bench_blocking"
STEPS, QUICK_STEPS, BLOCKED = 200, 6, 4
MINUTE_S, QUICK_S = 60, 15
SETTLE_S = 60
"""How long until our trigger asks as seldom as it ever does: each pause is twice the last, up to 30 s."""
PARALLELISM = 8

HAND_DAG = '''"""Sensors that ask an agent whether it is done, by hand."""
import pendulum
from airflow.providers.http.sensors.http import HttpSensor
from airflow.sdk import DAG

for dag_id, count, deferrable in (({hand!r}, {steps}, True), ({blocking!r}, {blocked}, False)):
    dag = DAG(
        dag_id=dag_id, schedule=None, start_date=pendulum.datetime(2020, 1, 1, tz="UTC"), catchup=False,
        max_active_tasks=1000,
    )
    for number in range(count):
        HttpSensor(
            task_id=f"wait-{{number}}", http_conn_id={connection!r}, endpoint="done", poke_interval=34,
            deferrable=deferrable, response_error_codes_allowlist=["404"], dag=dag,
        )
    globals()[dag_id] = dag
'''


def measure(scratch: Path, scale: Scale) -> list[Figure]:
    """Let all steps of one side wait at the triggerer, measure a minute, end them; then the other side's."""
    steps, seconds = scale.of(STEPS, QUICK_STEPS), scale.of(MINUTE_S, QUICK_S)
    settle = scale.of(SETTLE_S, 0)
    plans = scratch / "plans"
    plans.mkdir(parents=True)
    (plans / "hour.json").write_text(json.dumps(plan(steps)), encoding="utf-8")
    options = ("--agent", "benchmarks.hour_agent", "--parallelism", str(PARALLELISM))
    with stack(scratch / "stack", plans, scratch / "dags", *options) as bench:
        _write_by_hand(bench, steps)
        bench.await_dags([OURS, HAND, BLOCKING])
        rest = _minute(bench, seconds)
        hand = _waiting(bench, HAND, ("deferred", steps), settle, seconds)
        blocked = _waiting(bench, BLOCKING, ("running", BLOCKED), settle, seconds)
        ours = _waiting(bench, OURS, ("deferred", steps), settle, seconds)
    return list(_figures(steps, {"ours": ours, "hand": hand, "blocked": blocked, "rest": rest}))


def plan(steps: int) -> dict[str, Any]:
    """A plan of steps side by side, all for the agent that takes an hour."""
    return {
        "format": "planexe-dag/1",
        "id": OURS,
        "title": "Soundings",
        "steps": [
            {
                "id": f"sound-{number}",
                "title": f"Take soundings of basin {number}",
                "phase": "all",
                "package": f"package-{number}",
                "action": ACTION,
                "impact": "none",
            }
            for number in range(steps)
        ],
    }


def _figures(steps: int, found: dict[str, Usage]) -> Iterator[Figure]:
    ours, hand, rest, blocked = (found[name] for name in ("ours", "hand", "rest", "blocked"))
    rival = f"{steps} deferrable HttpSensors"
    for name in ("triggerer", "scheduler", "api-server"):
        pair = ((_a_minute(ours, name), _a_minute(hand, name)),)
        yield Figure(f"{steps} steps at work for an hour: CPU a minute, {name}", rival, pair, unit="s")
        yield Figure(f"nothing at work: CPU a minute, {name}", "", ((_a_minute(rest, name),),), unit="s")
    yield Figure(f"{steps} steps: memory of all", rival, ((ours.memory, hand.memory),), unit="MB")
    yield Figure("nothing at work: memory of all", "", ((rest.memory,),), unit="MB")
    for what, state in (("worker", "running"), ("trigger", "deferred")):
        pair = ((_slots(ours, state), _slots(hand, state)),)
        yield Figure(f"{steps} steps: {what} slots held", rival, pair, unit="")
    slots = ((_slots(blocked, "running"),),)
    yield Figure(f"{BLOCKED} sensors that block: worker slots held", "", slots, unit="")
    yield Figure(f"{BLOCKED} sensors that block: memory of all", "", ((blocked.memory,),), unit="MB")


def _a_minute(usage: Usage, name: str) -> float:
    return usage.cpu[name] / usage.wall * 60


def _slots(usage: Usage, state: str) -> float:
    return usage.held.get(state, 0.0) / usage.wall


def _waiting(bench: Bench, dag_id: str, held: tuple[str, int], settle: int, seconds: int) -> Usage:
    """Start a DAG, wait until all its tasks wait (`held`: their state, and how many), measure, and let them end."""
    state, count = held
    proceed = bench.home.root / PROCEED
    proceed.unlink(missing_ok=True)
    run_id = bench.client.trigger(dag_id)
    wait(lambda: bench.slots().get(state, 0) >= count, f"{count} tasks that wait", RUN_S)
    time.sleep(settle)
    usage = _minute(bench, seconds)
    if dag_id == OURS:
        proceed.touch()
        bench.await_ended(dag_id, run_id)
    else:
        bench.client.cancel(dag_id, run_id)
        wait(lambda: not bench.slots().get(state, 0), "the end of the sensors", RUN_S)
    return usage


def _minute(bench: Bench, seconds: int) -> Usage:
    with measured(bench.processes, bench.slots) as usage:
        time.sleep(seconds)
    return usage


def _write_by_hand(bench: Bench, steps: int) -> None:
    address = urlsplit(bench.state.agents["bench"])
    body = {"connection_id": CONNECTION, "conn_type": "http", "host": address.hostname, "port": address.port}
    bench.client.post("/api/v2/connections", body)
    source = HAND_DAG.format(hand=HAND, blocking=BLOCKING, steps=steps, blocked=BLOCKED, connection=CONNECTION)
    (bench.dags / "by_hand.py").write_text(source, encoding="utf-8")
