"""A listener that puts on record what people do to our tasks and runs by hand in Airflow itself: mark them, in any way.

Airflow calls it in the API server with no previous state, and in workers at the end of every task
with one: those are none of its business. Of a run it says so in its message, which the scheduler's lack.
"""

from __future__ import annotations

from typing import Any, Literal

from airflow.listeners import hookimpl

BY_HAND = "manually set"


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


@hookimpl
def on_dag_run_success(dag_run: Any, msg: str) -> None:
    """Note a run that somebody marked as a success (a hook of Airflow's)."""
    _note_run(dag_run, msg, "success")


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:
    """Note a run that somebody marked as failed (a hook of Airflow's)."""
    _note_run(dag_run, msg, "failed")


def _note_run(dag_run: Any, msg: str, state: Literal["success", "failed"]) -> None:
    if BY_HAND in msg:
        from planexe_dag_factory.ui.by_hand import note_run_mark  # noqa: PLC0415 - as below

        note_run_mark(dag_run, state)


def note(task_instance: Any, state: str) -> None:
    """Put it on record. Only the API server comes here, and so nobody else imports what that takes."""
    from planexe_dag_factory.ui.by_hand import note_mark  # noqa: PLC0415 - see above

    note_mark(task_instance, state)
