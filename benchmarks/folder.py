"""A folder of 200 plans against one of 200 DAG files with the same tasks, each with a DAG processor of its own.

Measured from the start of the processor until every DAG is there, again after it was started anew,
at rest, and after one file was edited. Both sides have the settings of the embedded stack.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.figures import Figure
from benchmarks.meter import Usage, measured
from benchmarks.processes import ROOT, environment, real_plans, run_module
from benchmarks.scale import Scale

OURS, HAND = "planexe_dag_factory.airflow.bundle.PlanBundle", "airflow.dag_processing.bundles.local.LocalDagBundle"
TITLE = "An edited title"
LIMIT_S = 1800
LOOK_S = 0.5


@dataclass(frozen=True)
class Side:
    """One of the two folders, and an Airflow home of its own."""

    home: Path
    env: Mapping[str, str]
    edit: Callable[[], None]
    count: int

    def parsed_since(self, moment: str) -> int:
        """Count the DAGs that were parsed after a moment, as the database writes times."""
        return self._count("select count(*) from dag where last_parsed_time > ?", moment)

    def edited(self) -> int:
        return self._count("select count(*) from dag where dag_display_name = ?", TITLE)

    def _count(self, query: str, *values: str) -> int:
        with closing(sqlite3.connect(f"file:{self.home}/airflow.db?mode=ro", uri=True, timeout=30)) as database:
            found: int = database.execute(query, values).fetchone()[0]
            return found


@dataclass(frozen=True)
class Found:
    """What one side took at each stage."""

    first: Usage
    again: Usage
    rest: Usage
    edit: Usage


def measure(scratch: Path, scale: Scale) -> list[Figure]:
    """Measure ours, then the other."""
    count, rest_s = scale.of(200, 8), scale.of(60, 10)
    scratch.mkdir(parents=True)
    plans = list(map(str, real_plans()))
    folders = run_module("folder_forms", str(scratch), str(count), *plans, env=environment(scratch / "forms"))
    ours = _side(scratch / "ours", OURS, {"plans": [folders["plans"]]}, _edit_plan(Path(folders["plans"])), count)
    hand = _side(scratch / "hand", HAND, {"path": folders["by_hand"]}, _edit_dag(Path(folders["by_hand"])), count)
    return list(_figures(_stages(ours, rest_s), _stages(hand, rest_s), count, rest_s))


def _figures(ours: Found, hand: Found, count: int, rest_s: int) -> Iterator[Figure]:
    rival = f"{count} DAG files"
    stages = {
        "until all are there, the first time": (ours.first, hand.first),
        "until all are there, after a restart": (ours.again, hand.again),
        f"{rest_s} s at rest": (ours.rest, hand.rest),
        f"one edited: {rest_s} s from then": (ours.edit, hand.edit),
    }
    for name, (one, other) in stages.items():
        yield Figure(f"{count} plans, {name}: CPU", rival, ((one.total, other.total),), unit="s")
    for name in list(stages)[:2]:
        one, other = stages[name]
        yield Figure(f"{count} plans, {name}: time", rival, ((one.wall, other.wall),), unit="s")
    yield Figure(f"{count} plans: most memory at once", rival, ((ours.first.memory, hand.first.memory),), unit="MB")


def _stages(side: Side, rest_s: int) -> Found:
    subprocess.run(_airflow("db", "migrate"), env=side.env, check=True, capture_output=True, cwd=ROOT, timeout=600)
    with _processor(side) as process, measured({"": process}) as first:
        _await(lambda: side.parsed_since("1970") >= side.count)
    begun = _now()
    with _processor(side) as process:
        with measured({"": process}) as again:
            _await(lambda: side.parsed_since(begun) >= side.count)
        time.sleep(2 * LOOK_S)
        with measured({"": process}) as rest:
            time.sleep(rest_s)
        with measured({"": process}) as edit:
            side.edit()
            end = time.monotonic() + rest_s
            _await(lambda: side.edited() == 1)
            time.sleep(max(0.0, end - time.monotonic()))
    return Found(first, again, rest, edit)


@contextmanager
def _processor(side: Side) -> Iterator[psutil.Process]:
    with (side.home / "processor.log").open("ab") as log:
        process = psutil.Popen(_airflow("dag-processor"), env=side.env, stdout=log, stderr=log, cwd=ROOT)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


def _side(home: Path, bundle: str, kwargs: Mapping[str, object], edit: Callable[[], None], count: int) -> Side:
    home.mkdir()
    env = environment(
        home,
        AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=json.dumps(
            [{"name": "bench", "classpath": bundle, "kwargs": {**kwargs, "refresh_interval": 5}}]
        ),
        AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL="1",
        AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL="300",
        AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES="2",
        AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL="0",
        AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY=str(home / "logs"),
        AIRFLOW__PLANEXE__AGENTS_CHECK="off",
    )
    return Side(home, env, edit, count)


def _edit_plan(folder: Path) -> Callable[[], None]:
    def edit() -> None:
        file = min(folder.glob("*.json"))
        document = json.loads(file.read_text(encoding="utf-8"))
        file.write_text(json.dumps({**document, "title": TITLE}), encoding="utf-8")

    return edit


def _edit_dag(folder: Path) -> Callable[[], None]:
    def edit() -> None:
        file = min(folder.glob("*.py"))
        head, _, tail = file.read_text(encoding="utf-8").partition("dag_display_name=")
        file.write_text(f"{head}dag_display_name={TITLE!r}, description={tail.split(', description=', 1)[1]}")

    return edit


def _airflow(*words: str) -> list[str]:
    return [sys.executable, "-m", "airflow", *words]


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())


def _await(look: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not look():
        if time.monotonic() > end:
            raise SystemExit(f"not there after {LIMIT_S} s")
        time.sleep(LOOK_S)
