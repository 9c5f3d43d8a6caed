"""Fresh child processes with an Airflow home of their own, and what they print."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
MODULE_S = 3600
"""How long a module may take: the largest compiles and renders 200 plans."""
REAL_PLANS = ROOT.parent / "shared" / "plans"
EXAMPLES = ROOT / "dags" / "examples"


def environment(home: Path, **more: str) -> dict[str, str]:
    """An environment in which no other Airflow and no telemetry takes part."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(home / "bundles"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "AIRFLOW__DAG_FACTORY__ENABLE_TELEMETRY": "False",
        "DO_NOT_TRACK": "1",
        "SCARF_NO_ANALYTICS": "1",
        **more,
    }


def run_module(module: str, *arguments: str, env: dict[str, str]) -> Any:
    """Run a module of the benchmarks and return the JSON of its last line. Raises where it fails."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, check=False, capture_output=True, text=True, timeout=MODULE_S)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:3])} failed:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def real_plans() -> list[Path]:
    """The sixteen real plans, or the example plan where they are missing."""
    return sorted(REAL_PLANS.glob("*.zip")) or [path for path in sorted(EXAMPLES.iterdir()) if path.is_dir()]
