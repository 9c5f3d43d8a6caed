"""10,000 tickets that wait for people: the scheduler beside them, and the pages that show them.

The scheduler is compared with one beside next to no tickets; the pages with 300 ms, at the server.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import quote

import httpx
import psutil

from benchmarks.figures import Figure
from benchmarks.inbox import AIM_S, PLANS, TICKETS, fill, seed, served, site_environment
from benchmarks.inbox_site import RUN_ID
from benchmarks.meter import Usage, measured
from benchmarks.processes import ROOT
from benchmarks.scale import Scale
from planexe_dag_factory.stack.embedded import free_port

QUICK_PLANS, QUICK_TICKETS = 4, 40
FEW_PLANS, FEW_TICKETS = 1, 4
WARM_S, LOOP_S = 20, 600
ASKS = 7
RUN = f"/planexe/api/v1/runs/plan-000/{quote(RUN_ID, safe='')}"
PAGES = {
    "the plans": "/planexe/api/v1/plans",
    "a run": RUN,
    "a run's timeline": f"{RUN}/timeline",
    "a run's picture": f"{RUN}/gantt.svg",
    "a run's events": f"{RUN}/events",
    "the inbox": "/planexe/api/v1/tickets?limit=50",
    "a ticket": f"/planexe/api/v1/tickets/plan-000/{quote(RUN_ID, safe='')}/step-0001.human",
}


@dataclass(frozen=True)
class Looked:
    """What a scheduler took in some time, and how long each of its loops was."""

    usage: Usage
    loops: tuple[float, ...]


def measure(scratch: Path, scale: Scale) -> list[Figure]:
    """Measure both sites in turn."""
    plans, tickets = scale.of(PLANS, QUICK_PLANS), scale.of(TICKETS, QUICK_TICKETS)
    seconds = scale.of(60, 10)
    many, few = scratch / "many", scratch / "few"
    beside_many, beside_few = _site(many, plans, tickets), _site(few, FEW_PLANS, FEW_TICKETS)
    pages = list(_pages(many, beside_many, f"{tickets} tickets in {plans} plans", scale.rounds))
    scale.keep(pages)
    looked = [(_look(many, beside_many, seconds), _look(few, beside_few, seconds))]
    return [*pages, *_figures(looked, tickets)]


def _site(home: Path, plans: int, tickets: int) -> dict[str, str]:
    url = f"http://127.0.0.1:{free_port()}"
    environment = site_environment(home, url, f"sqlite:///{home}/airflow.db")
    seed(home, environment, plans, tickets)
    return environment


def _pages(home: Path, environment: Mapping[str, str], what: str, rounds: int) -> Iterator[Figure]:
    with served(environment["AIRFLOW__API__BASE_URL"], environment, home) as (client, server):
        yield Figure(f"{what}: until all are in the index", "", ((fill(client),),), unit="s")
        for name, path in PAGES.items():
            yield Figure(f"{what}: {name}", "300 ms", tuple((_time(client, path), AIM_S) for _ in range(rounds)), 1.0)
        with measured({"api-server": server}) as usage:
            time.sleep(1)
        yield Figure(f"{what}: the API server's memory", "", ((usage.memory,),), unit="MB")


def _time(client: httpx.Client, path: str) -> float:
    times = []
    for _ in range(ASKS):
        start = time.perf_counter()
        client.get(path).raise_for_status()
        times.append(time.perf_counter() - start)
    return median(times)


def _look(home: Path, environment: Mapping[str, str], seconds: int) -> Looked:
    """Let a scheduler run beside what waits; its first moments do not count."""
    log = home / "loops.txt"
    with _scheduler(environment, log) as process:
        _await_loops(process, log, 1)
        time.sleep(WARM_S)
        log.write_text("")
        with measured({"scheduler": process}) as usage:
            time.sleep(seconds)
            _await_loops(process, log, 2)  # the first was under way already, and a loop may take longer than that
        return Looked(usage, _loops(log)[1:])


def _await_loops(process: psutil.Popen, log: Path, count: int) -> None:
    """Wait until the scheduler has gone round so often."""
    end = time.monotonic() + LOOP_S
    while len(_loops(log)) < count:
        if process.poll() is not None:
            raise SystemExit(f"the scheduler has ended: {log.with_name('scheduler.log').read_text()[-4000:]}")
        if time.monotonic() > end:
            raise SystemExit(f"the scheduler did not go round {count} times within {LOOP_S} s")
        time.sleep(0.5)


def _loops(log: Path) -> tuple[float, ...]:
    """Read how long each whole loop was; the last line may be cut off."""
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True) if log.exists() else []
    return tuple(float(line) for line in lines if line.endswith("\n"))


@contextmanager
def _scheduler(environment: Mapping[str, str], log: Path) -> Iterator[psutil.Popen]:
    command = [sys.executable, "-m", "benchmarks.timed_scheduler", str(log)]
    with log.with_name("scheduler.log").open("w") as output:
        process = psutil.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


def _figures(looked: list[tuple[Looked, Looked]], tickets: int) -> Iterator[Figure]:
    rival = f"{FEW_TICKETS} tickets"
    loops = tuple((median(many.loops), median(few.loops)) for many, few in looked)
    yield Figure(f"{tickets} tickets: a loop of the scheduler", rival, loops)
    cpu = tuple((_a_minute(many.usage), _a_minute(few.usage)) for many, few in looked)
    yield Figure(f"{tickets} tickets: the scheduler's CPU a minute", rival, cpu, unit="s")
    memory = tuple((many.usage.memory, few.usage.memory) for many, few in looked)
    yield Figure(f"{tickets} tickets: the scheduler's memory", rival, memory, unit="MB")


def _a_minute(usage: Usage) -> float:
    return usage.total / usage.wall * 60
