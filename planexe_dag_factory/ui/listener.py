"""A listener that puts on record what people do to our tasks by hand in Airflow itself: mark them, in any way.

Airflow calls it in the API server with no previous state, and in workers at the end of every task
with one: those are none of its business.
"""

from __future__ import annotations

from typing import Any

from airflow.listeners import hookimpl


@hookimpl
def on_task_instance_success(previous_state: Any, task_instance: Any) -> None:
    """Note a task that somebody marked as a success (a hook of Airflow's)."""
    if previous_state is None:
        note(task_instance, "success")


@hookimpl
def on_task_instance_failed(previous_state: Any, task_instance: Any, error: Any) -> None:  # noqa: ARG001 - Airflow's
    """Note a task that somebody marked as failed (a hook of Airflow's)."""
    if previous_state is None:
        note(task_instance, "failed")


@hookimpl
def on_task_instance_skipped(previous_state: Any, task_instance: Any) -> None:
    """Note a task that somebody marked as skipped (a hook of Airflow's)."""
    if previous_state is None:
        note(task_instance, "skipped")


def note(task_instance: Any, state: str) -> None:
    """Put it on record. Only the API server comes here, and so nobody else imports what that takes."""
    from planexe_dag_factory.ui.by_hand import note_mark  # noqa: PLC0415 - see above

    note_mark(task_instance, state)
