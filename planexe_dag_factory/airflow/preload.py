"""A listener that imports what every task of ours needs, once, before the scheduler forks its workers.

Without it each task start of a LocalExecutor imports the operators anew, which takes longer than
most checks.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from airflow.listeners import hookimpl

NEEDED = (
    "planexe_dag_factory.airflow.bundle",
    "planexe_dag_factory.airflow.loader",
)


@hookimpl
def on_starting(component: Any) -> None:
    """Import the operators where a scheduler is about to start (a hook of Airflow's)."""
    if getattr(component, "job_type", None) == "SchedulerJob":
        for module in NEEDED:
            import_module(module)
