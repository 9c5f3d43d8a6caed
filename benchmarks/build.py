"""Building a DAG: ours (read, compiled from cache, rendered) against Python by hand and against dag-factory.

`loaded` is the time of loading the DAG file once everything it imports is there; `fresh` is the
first load in a new process that has imported Airflow alone, as a task start or a parse pays it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from benchmarks.processes import environment, real_plans, run_module
from benchmarks.scale import Scale

OURS, HAND, YAML = "ours", "handwritten", "dag-factory"
FORMS = (OURS, HAND, YAML)
MODULES = ("planexe_dag_factory.airflow.loader", "planexe_dag_factory.airflow.render", "dagfactory")
AIM_HAND, AIM_YAML = 1.2, 0.5
FRESH_PLANS = 4

Times = dict[str, list[float]]


def measure(scratch: Path, scale: Scale) -> list[Figure]:
    """Measure every plan; a figure's rounds are those of all plans together."""
    env, rounds, plans = environment(scratch), scale.rounds, real_plans()[: scale.of(len(real_plans()), 2)]
    subjects = run_module("prepare", str(scratch), *map(str, plans), env=env)
    loaded = _merge(_loaded(subject, rounds, env) for subject in subjects)
    fresh = _merge(_fresh(subject, rounds, env) for subject in _some(subjects))
    return [*_figures(f"build, loaded, {len(subjects)} plans", loaded), *_figures("build, fresh process", fresh)]


def _figures(name: str, times: Times) -> Iterator[Figure]:
    for rival, aim in ((HAND, AIM_HAND), (YAML, AIM_YAML)):
        yield Figure(name, rival, tuple(zip(times[OURS], times[rival], strict=True)), aim)


def _loaded(subject: dict[str, Any], rounds: int, env: dict[str, str]) -> Times:
    """Load each form in turn, the order changing from round to round; the first round warms up."""
    orders = [FORMS[turn % 3 :] + FORMS[: turn % 3] for turn in range(rounds + 1)]
    files = [subject[form] for order in orders for form in order]
    imports = [word for module in MODULES for word in ("--import", module)]
    found = run_module("load_dag", *imports, "--", *files, env=env)[len(FORMS) :]
    return {form: [one["seconds"] for one in found if one["file"] == subject[form]] for form in FORMS}


def _fresh(subject: dict[str, Any], rounds: int, env: dict[str, str]) -> Times:
    times: Times = {form: [] for form in FORMS}
    for _ in range(rounds):
        for form in FORMS:
            times[form].append(run_module("load_dag", "--", subject[form], env=env)[0]["seconds"])
    return times


def _some(subjects: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Choose a few plans, from the smallest to the largest."""
    by_size = sorted(subjects, key=lambda subject: subject["tasks"])
    count = min(FRESH_PLANS, len(by_size))
    return [by_size[round(index * (len(by_size) - 1) / max(count - 1, 1))] for index in range(count)]


def _merge(each: Iterator[Times]) -> Times:
    merged: Times = {form: [] for form in FORMS}
    for times in each:
        for form in FORMS:
            merged[form] += times[form]
    return merged
