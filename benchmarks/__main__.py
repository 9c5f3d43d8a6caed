"""Measure: `python -m benchmarks [build] [parse] [run] [inbox] [--rounds N]`; all of them where none is named.

Results are shown as a table and written to benchmarks/results/ as a table and as JSON. Ratios are
measured side by side in one run, so they hold on a busy machine; times do not. Building and parsing
are timed in seconds of the processor, runs by Airflow's own clock.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from benchmarks import agent_run, build, inbox, parse
from benchmarks.figures import Figure, markdown, table

RESULTS = Path(__file__).parent / "results"
MEASURES: Mapping[str, tuple[str, Callable[[Path, int], list[Figure]]]] = {
    "build": ("Building a DAG", build.measure),
    "parse": ("Parse time at a task start", parse.measure),
    "run": ("A run of 100 agent steps", agent_run.measure),
    "inbox": ("An inbox of 10,000 open tickets", inbox.measure),
}
WIDTH = 120
PACKAGES = ("apache-airflow", "dag-factory", "planexe-dag-factory")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*MEASURES, []], metavar="|".join(MEASURES))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    for name in options.names or MEASURES:
        title, measure = MEASURES[name]
        with console.status(f"Measuring: {title}"), tempfile.TemporaryDirectory(prefix="planexe-bench-") as scratch:
            figures = measure(Path(scratch) / "home", options.rounds)
        console.print(table(title, figures))
        write(name, title, figures)


def write(name: str, title: str, figures: Sequence[Figure]) -> None:
    """Keep the results of one benchmark: `<name>.md` and `<name>.json`."""
    RESULTS.mkdir(exist_ok=True)
    setting = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "packages": {package: version(package) for package in PACKAGES},
    }
    document = {"title": title, "setting": setting, "figures": [figure.as_json() for figure in figures]}
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (RESULTS / f"{name}.md").write_text(markdown(title, figures), encoding="utf-8")


if __name__ == "__main__":
    main()
