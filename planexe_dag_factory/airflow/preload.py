"""A listener that imports what every task of ours needs, once in each of Airflow's long-lived processes.

The scheduler's LocalExecutor and the Dag processor fork a process for every task and every file.
Without this each of them imports the operators anew, which takes longer than most checks.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from airflow.listeners import hookimpl

NEEDED = (
    "airflow.dag_processing.dagbag",
    "planexe_dag_factory.airflow.bundle",
    "planexe_dag_factory.airflow.loader",
)


@hookimpl
def on_starting(component: Any) -> None:  # noqa: ARG001 - the hook's own name for it
    """Import the operators where a job of Airflow's is about to start (a hook of Airflow's)."""
    for module in NEEDED:
        import_module(module)
