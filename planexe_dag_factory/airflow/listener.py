"""A listener that puts on record what people do to our tasks by hand in Airflow itself: mark them, in any way.

Airflow calls it in the API server with no previous state, and in workers at the end of every task
with one: those are none of its business. It never fails: Airflow has done by then what was asked.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.listeners import hookimpl

log = logging.getLogger(__name__)
MARKED = "marked-in-airflow"
BY_HAND = "patch_task_instance"


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
    """Write the event, where the task is one of ours and its run has begun."""
    try:
        _note(task_instance, state)
    except Exception:  # whatever it is, what was asked of Airflow goes on
        log.exception("That %s was marked as %s by hand could not be put on record", task_instance.task_id, state)


def _note(task_instance: Any, state: str) -> None:
    from planexe_dag_factory.airflow.settings import auth_manager, keys, run_folder  # noqa: PLC0415 - seldom needed
    from planexe_dag_factory.delegation.execution import Execution  # noqa: PLC0415
    from planexe_dag_factory.record.events import RUN, Actor  # noqa: PLC0415
    from planexe_dag_factory.record.keys import take_over  # noqa: PLC0415
    from planexe_dag_factory.routing.model import Registry  # noqa: PLC0415

    run = run_folder(task_instance.dag_id, task_instance.run_id, task_instance.dag_run.run_after)
    if not run.exists("run.json"):
        return
    ring = keys()
    execution = Execution(run, Registry, take_over(run, ring), ring.public)
    task = next((task for task in execution.spec.tasks if task.id == task_instance.task_id), None)
    about = (task.work_item or task.milestone if task else None) or RUN
    by = Actor("person", _who(task_instance), via="Airflow", auth=auth_manager())
    after = execution.spec.work_items[about].upstream if about in execution.spec.work_items else ()
    execution.log(MARKED, about, by, after=after, task=task_instance.task_id, state=state)


def _who(task_instance: Any) -> str:
    """Read from Airflow's own audit log who asked for it, in the request's own session."""
    from airflow.models.log import Log  # noqa: PLC0415 - the API server has it
    from sqlalchemy import select  # noqa: PLC0415
    from sqlalchemy.orm import object_session  # noqa: PLC0415

    session = object_session(task_instance)
    if session is None:
        return "unknown"
    asked = select(Log.owner).where(Log.dag_id == task_instance.dag_id, Log.event.startswith(BY_HAND))
    return session.scalars(asked.order_by(Log.id.desc()).limit(1)).first() or "unknown"
