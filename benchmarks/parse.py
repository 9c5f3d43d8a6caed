"""What a task start spends on its plan, with few and with many plans in the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from benchmarks.processes import environment, real_plans, run_module
from benchmarks.scale import Scale

FEW, MANY = 16, 200
AIM = 1.1
"""The same, within what the measurement itself varies."""
BUNDLE = "planexe_dag_factory.airflow.bundle.PlanBundle"
STUBS = 4


def measure(scratch: Path, scale: Scale) -> list[Figure]:
    """Start tasks of the same plans from both folders in turn, each in a fresh process."""
    scratch.mkdir(parents=True)
    plain, most = environment(scratch), scale.of(MANY, 2 * FEW)
    many, few = run_module("many_plans", str(scratch), str(most), str(FEW), "--", *map(str, real_plans()), env=plain)
    env = environment(scratch, AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=_bundles(many, few))
    stubs = few["stubs"][:: max(1, len(few["stubs"]) // STUBS)][:STUBS]
    for stub in stubs:  # the first parse of a plan compiles it
        for folder in (many, few):
            _start(folder, stub, env)
    pairs = tuple((_start(many, stub, env), _start(few, stub, env)) for _ in range(scale.rounds) for stub in stubs)
    return [Figure(f"task start, {most} plans", f"{FEW} plans", pairs, AIM)]


def _start(folder: dict[str, Any], stub: str, env: dict[str, str]) -> float:
    found = run_module("start_task", _name(folder), folder["version"], stub, env=env)
    return float(found["bundle_s"]) + float(found["parse_s"])


def _bundles(*folders: dict[str, Any]) -> str:
    return json.dumps([{"name": _name(one), "classpath": BUNDLE, "kwargs": _settings(one)} for one in folders])


def _settings(folder: dict[str, Any]) -> dict[str, Any]:
    return {"plans": [folder["folder"]]}


def _name(folder: dict[str, Any]) -> str:
    return f"bundle-{folder['plans']}"
