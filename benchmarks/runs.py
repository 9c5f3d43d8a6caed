"""50 runs at once, against as many of DAGs by hand that send the same requests and wait for the same people.

Each run asks an agent twice, then a person, then the agent again. Whoever answers reads for four
seconds, and answers through the API that people use; how long the next step takes to start after that
is the latency. (An answer in the first moments fails a DAG by hand: Airflow does not know yet that its
task has parked. Ours holds such an answer back.) Ours records, signs and reports; the DAGs by hand do not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.agent_run import ASKED, CONNECTION, FACTS, connect, sent
from benchmarks.figures import Figure
from benchmarks.meter import Usage, measured
from benchmarks.scale import Scale
from benchmarks.stack import LOOK_S, RUN_S, Bench, stack

PLANS, RUNS_EACH, QUICK_PLANS, QUICK_RUNS_EACH = 5, 10, 2, 2
AGENT_STEPS = ("ask-first", "ask-second", "ask-last")
PERSON, NEXT = "look", "ask-last"
COMMENT = "Seen."
READING_S = 4

HAND_DAG = '''"""Requests to an agent, and a person in between, by hand."""
import json
from pathlib import Path
import pendulum
from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, Param, chain

dag = DAG(dag_id={dag_id!r}, schedule=None, start_date=pendulum.datetime(2020, 1, 1, tz="UTC"), catchup=False)

def ask(name, assignment):
    key = "{{{{ dag.dag_id }}}}-{{{{ run_id }}}}-" + name
    return HttpOperator(
        task_id=name,
        http_conn_id={connection!r},
        endpoint="run",
        method="POST",
        data=json.dumps({{**assignment, "id": key}}),
        headers={{"Content-Type": "application/json", "Idempotency-Key": key}},
        dag=dag,
    )

first, last, second = (
    ask(name, assignment) for name, assignment in json.loads(Path({assignments!r}).read_text()).items()
)
look = HITLOperator(
    task_id={person!r},
    subject="Please do this step and say how it went.",
    options=["Done", "Refuse"],
    params={{"comment": Param("", type="string")}},
    dag=dag,
)
chain(first, second, look, last)
'''


@dataclass(frozen=True)
class Side:
    """The DAGs of one side, how their requests are answered, and the task that comes after one."""

    dag_ids: tuple[str, ...]
    answer: Callable[[Bench, str], Mapping[str, float]]
    after: str


@dataclass(frozen=True)
class Found:
    """What all runs of a side took, and how long each waited for its next step after the answer."""

    usage: Usage
    latencies: tuple[float, ...]


def measure(scratch: Path, scale: Scale) -> list[Figure]:
    """Run each side in turn, after a run of each that is not counted."""
    plans, each = scale.of(PLANS, QUICK_PLANS), scale.of(RUNS_EACH, QUICK_RUNS_EACH)
    ours = Side(tuple(f"bench-run-{number}" for number in range(plans)), _answer_ours, f"{NEXT}.work")
    hand = Side(tuple(f"bench_by_hand_{number}" for number in range(plans)), _answer_by_hand, NEXT)
    folder = scratch / "plans"
    folder.mkdir(parents=True)
    for dag_id in ours.dag_ids:
        (folder / f"{dag_id}.json").write_text(json.dumps(plan(dag_id)), encoding="utf-8")
    with stack(scratch / "stack", folder, scratch / "dags") as bench:
        _run(bench, ours, 1)
        _write_by_hand(bench, hand)
        _run(bench, hand, 1)
        with measured(bench.processes) as rest:
            time.sleep(scale.of(30, 5))
        rounds: list[tuple[Found, Found]] = []
        for _ in range(scale.rounds):
            rounds.append((_run(bench, ours, each), _run(bench, hand, each)))
            scale.keep([*_figures(rounds, plans * each), _resting(rest)])
    return [*_figures(rounds, plans * each), _resting(rest)]


def plan(dag_id: str) -> dict[str, Any]:
    """A plan of an agent's two steps, a person's, and another one of the agent's, one after the other."""
    question = {"title": "Find which berth of the harbour is closed for repair", **ASKED}
    person = {"title": "Look at the berth", "human_required": True, "impact": "none"}
    order = ("ask-first", "ask-second", PERSON, NEXT)
    return {
        "format": "planexe-dag/1",
        "id": dag_id,
        "title": f"Questions and a look, {dag_id}",
        "documents": [{"name": "harbour.md", "text": FACTS}],
        "steps": [
            {"id": name, "phase": "all", "package": "one", **(person if name == PERSON else question)} for name in order
        ],
    }


def _figures(rounds: list[tuple[Found, Found]], runs: int) -> Iterator[Figure]:
    def figure(what: str, value: Callable[[Found], float], unit: Any = "s") -> Figure:
        pairs = tuple((value(ours), value(hand)) for ours, hand in rounds)
        return Figure(f"{runs} runs: {what}", "DAGs by hand", pairs, unit=unit)

    yield figure("CPU a run", lambda found: found.usage.total / runs)
    for name in rounds[0][0].usage.cpu:
        yield figure(f"CPU a run, {name}", lambda found, name=name: found.usage.cpu[name] / runs)  # type: ignore[misc]
    yield figure("time until all have ended", lambda found: found.usage.wall)
    yield figure("from an answer to the next step, median", lambda found: median(found.latencies))
    yield figure("from an answer to the next step, longest", lambda found: max(found.latencies))
    yield figure("worker slots held, seconds a run", lambda found: found.usage.held.get("running", 0.0) / runs)
    yield figure("trigger slots held, seconds a run", lambda found: found.usage.held.get("deferred", 0.0) / runs)
    yield figure("most memory at once", lambda found: found.usage.memory, "MB")


def _resting(rest: Usage) -> Figure:
    return Figure("the stack at rest: CPU a minute", "", ((rest.total / rest.wall * 60,),), unit="s")


def _run(bench: Bench, side: Side, each: int) -> Found:
    """Start every DAG of a side as often, answer what they ask, and wait for their ends."""
    bench.await_dags(side.dag_ids)
    with measured(bench.processes, bench.slots) as usage:
        runs = [(dag_id, bench.client.trigger(dag_id)) for _ in range(each) for dag_id in side.dag_ids]
        answered: dict[tuple[str, str], float] = {}
        end = time.monotonic() + RUN_S
        while len(answered) < len(runs) and time.monotonic() < end:
            for dag_id in side.dag_ids:
                answered |= {(dag_id, run_id): at for run_id, at in side.answer(bench, dag_id).items()}
            time.sleep(LOOK_S)
        unanswered = [f"{dag_id} {run_id}" for dag_id, run_id in runs if (dag_id, run_id) not in answered]
        if unanswered:
            raise SystemExit(
                f"nobody was asked for {RUN_S} s in {len(unanswered)} of {len(runs)} runs: {unanswered[:3]}"
            )
        for dag_id, run_id in runs:
            bench.await_ended(dag_id, run_id)
    latencies = [_started(bench, dag_id, run_id, side.after) - answered[dag_id, run_id] for dag_id, run_id in runs]
    return Found(usage, tuple(latencies))


def _started(bench: Bench, dag_id: str, run_id: str, task_id: str) -> float:
    task = bench.client.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}")
    return datetime.fromisoformat(task["start_date"]).timestamp()


def _answer_ours(bench: Bench, dag_id: str) -> Mapping[str, float]:
    """Answer the tickets that are open now; return when, by run."""
    answered = {}
    for row in [row for row in bench.client.inbox_rows(dag_id=dag_id, state="open") if _is_read(row["opened_at"])]:
        place = (row["dag_id"], row["run_id"], row["task_id"])
        body = {"option": "Done", "fields": {"comment": COMMENT}, "n": row["n"]}
        if bench.client.answer(*place, body).is_success:
            answered[row["run_id"]] = time.time()
    return answered


def _answer_by_hand(bench: Bench, dag_id: str) -> Mapping[str, float]:
    """Answer Airflow's requests that are open now; return when, by run."""
    asked = bench.client.get(
        f"/api/v2/dags/{dag_id}/dagRuns/~/hitlDetails", limit=100, response_received=False, state="awaiting_input"
    )
    answered = {}
    for detail in [one for one in asked["hitl_details"] if _is_read(one["created_at"])]:
        run_id = detail["task_instance"]["dag_run_id"]
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{PERSON}/-1/hitlDetails"
        body = {"chosen_options": ["Done"], "params_input": {"comment": COMMENT}}
        if bench.client.request("PATCH", path, json=body).is_success:
            answered[run_id] = time.time()
    return answered


def _is_read(opened_at: str) -> bool:
    return time.time() - datetime.fromisoformat(opened_at).timestamp() >= READING_S


def _write_by_hand(bench: Bench, side: Side) -> None:
    assignments = bench.dags.parent / "assignments.json"
    told = dict(zip(sorted(AGENT_STEPS), sent(bench, len(AGENT_STEPS)), strict=True))
    assignments.write_text(json.dumps(told), encoding="utf-8")
    connect(bench)
    for dag_id in side.dag_ids:
        source = HAND_DAG.format(dag_id=dag_id, assignments=str(assignments), connection=CONNECTION, person=PERSON)
        (bench.dags / f"{dag_id}.py").write_text(source, encoding="utf-8")
