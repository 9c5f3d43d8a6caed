"""Measure: `python -m benchmarks [NAME ...] [--rounds N] [--quick]`; all of them where none is named.

Results are shown as a table and written to benchmarks/results/ as a table and as JSON, with the machine
and the versions. Ratios are measured side by side in one run, so they hold on a busy machine; times do
not. Building and parsing are timed in seconds of the processor, runs by Airflow's own clock. `--quick`
takes small sizes, for a small machine; its results are not kept unless `--results` says where.
docs/limits.md says what the figures mean.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import agent_run, build, folder, hour, inbox, parse, runs, waiting, workers
from benchmarks.figures import Figure, markdown, table
from benchmarks.scale import Scale

RESULTS = Path(__file__).parent / "results"
MEASURES: Mapping[str, tuple[str, Callable[[Path, Scale], list[Figure]]]] = {
    "build": ("Building a DAG", build.measure),
    "parse": ("Parse time at a task start", parse.measure),
    "run": ("A run of 100 agent steps", agent_run.measure),
    "inbox": ("An inbox of 10,000 open tickets", inbox.measure),
    "folder": ("A folder of 200 plans", folder.measure),
    "runs": ("50 runs at once", runs.measure),
    "waiting": ("10,000 waiting tickets: the scheduler and the pages", waiting.measure),
    "hour": ("Agents that take an hour", hour.measure),
    "workers": ("Time per agent step, by workers", workers.measure),
}
WIDTH = 120
PACKAGES = ("apache-airflow", "dag-factory", "planexe-dag-factory")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", choices=[*MEASURES, []], metavar="|".join(MEASURES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    scale = Scale(options.rounds, options.quick)
    results = options.results or (None if options.quick else RESULTS)
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    for name in options.names or MEASURES:
        title, measure = MEASURES[name]
        with console.status(f"Measuring: {title}"), tempfile.TemporaryDirectory(prefix="planexe-bench-") as scratch:
            keep = partial(write, results, name, title, scale) if results else scale.keep
            figures = measure(Path(scratch) / "home", replace(scale, keep=keep))
        console.print(table(title, figures))
        if results:
            write(results, name, title, scale, figures)


def write(folder: Path, name: str, title: str, scale: Scale, figures: Sequence[Figure]) -> None:
    """Keep the results of one benchmark, so far or all of them: `<name>.md` and `<name>.json`."""
    folder.mkdir(exist_ok=True)
    setting = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[2], 1),
        "packages": {package: version(package) for package in PACKAGES},
        "rounds": scale.rounds,
        "quick": scale.quick,
    }
    document = {"title": title, "setting": setting, "figures": [figure.as_json() for figure in figures]}
    (folder / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (folder / f"{name}.md").write_text(markdown(title, describe(setting), figures), encoding="utf-8")


def describe(setting: Mapping[str, Any]) -> str:
    """Say in a line on what was measured; `load` is what the machine had to do, on average, when it ended."""
    packages = ", ".join(f"{name} {number}" for name, number in setting["packages"].items())
    sizes = "small sizes, " if setting["quick"] else ""
    return (
        f"{setting['cores']} cores ({setting['machine']}, load {setting['load']}), Python {setting['python']}, "
        f"{packages}; {sizes}{setting['rounds']} rounds."
    )


if __name__ == "__main__":
    main()
