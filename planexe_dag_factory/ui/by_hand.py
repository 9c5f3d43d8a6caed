"""What people do to our runs and tasks by hand in Airflow itself, put on record by its API server: marks and clears.

It never fails: what was asked of Airflow goes on, and the operators go by the record, not by Airflow's
states. Airflow has no hook for a clear, so the changes of a task's state are watched, in the API
server alone. Who asked is what Airflow's own audit log was told in the same request. A run that is ended
gets its end and its seal as soon as Airflow has taken that in; what is missed here the upkeep makes
good (`airflow.upkeep`).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import Any

from airflow.models.dagrun import DagRun
from airflow.models.log import Log
from airflow.models.taskinstance import TaskInstance
from airflow.utils.state import TaskInstanceState
from sqlalchemy import event
from sqlalchemy.orm import Session, object_session

from planexe_dag_factory.airflow.settings import auth_manager, open_execution, run_folder
from planexe_dag_factory.delegation.ended import State, close_by_hand, note_end
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.record.events import CLEARED_BY_HAND, MARKED, RUN, UNKNOWN, Actor

log = logging.getLogger(__name__)
_ASKER = "planexe: who makes this request"
_CLEARED = "planexe: the tasks that it clears"
_ENDED = "planexe: the runs that it ends"
_CLEAR = (None, TaskInstanceState.RESTARTING)
"""The states that Airflow sets a task to where it is cleared: at rest, or while it runs."""


def watch() -> None:
    """Note from now on who makes a request, and which tasks it clears. Doing it again changes nothing."""
    hooks: tuple[tuple[Any, str, Any], ...] = (
        (Log, "after_insert", _asked),
        (TaskInstance.state, "set", _set),
        (Session, "before_commit", _note_clears),
        (DagRun, "before_delete", _deleted),
        (Session, "after_commit", _close_ended),
        (Session, "after_rollback", _forget),
    )
    for target, name, hook in hooks:
        if not event.contains(target, name, hook):
            event.listen(target, name, hook)


def note_mark(task_instance: TaskInstance, state: str) -> None:
    """Write that somebody marked a task, where it is one of ours and its run has begun."""
    try:
        _note_mark(task_instance, state)
    except Exception:  # whatever it is, what was asked of Airflow goes on
        log.exception("That %s was marked as %s by hand could not be put on record", task_instance.task_id, state)


def _note_mark(task_instance: TaskInstance, state: str) -> None:
    execution = _execution(task_instance.dag_run)
    if execution is None:
        return
    task = next((task for task in execution.spec.tasks if task.id == task_instance.task_id), None)
    about = (task.work_item or task.milestone if task else None) or RUN
    after = execution.spec.work_items[about].upstream if about in execution.spec.work_items else ()
    by = _person(object_session(task_instance))
    execution.log(MARKED, about, by, after=after, task=task_instance.task_id, state=state)


def note_run_mark(dag_run: DagRun, state: State) -> None:
    """Write that somebody ended a run, where it is one of ours and has begun; it is sealed once that is so."""
    try:
        execution, session = _execution(dag_run), object_session(dag_run)
        if execution is not None and session is not None:
            note_end(execution, _person(session), state)
            session.info.setdefault(_ENDED, []).append((execution, state))
    except Exception:  # as above
        log.exception("That the run %s was marked as %s by hand could not be put on record", dag_run.run_id, state)


def _deleted(_mapper: object, _connection: object, dag_run: DagRun) -> None:
    note_run_mark(dag_run, "deleted")


def _close_ended(session: Session) -> None:
    """Seal the runs that were ended: Airflow's database has taken it in, and waits for nothing of ours."""
    for execution, state in session.info.pop(_ENDED, ()):
        try:
            close_by_hand(execution, state)
        except Exception:  # as above
            log.exception("%s was ended by hand and could not be sealed: the upkeep tries again", execution.run.name)


def _asked(_mapper: object, _connection: object, entry: Log) -> None:
    """Keep who makes a request: Airflow notes it in the request's session, before it does anything."""
    session = object_session(entry)
    if session is not None:
        session.info[_ASKER] = entry.owner


def _set(task_instance: TaskInstance, state: str | None, before: str | None, _initiator: object) -> None:
    session = object_session(task_instance)
    if session is not None and state in _CLEAR and state != before:
        session.info.setdefault(_CLEARED, []).append(task_instance)


def _forget(session: Session) -> None:
    session.info.pop(_CLEARED, None)
    session.info.pop(_ENDED, None)


def _note_clears(session: Session) -> None:
    """Write what is about to be cleared: one event for each run."""
    runs: dict[Any, set[str]] = defaultdict(set)
    for task_instance in session.info.pop(_CLEARED, ()):
        runs[task_instance.dag_run].add(task_instance.task_id)
    for dag_run, tasks in runs.items():
        try:
            execution = _execution(dag_run)
            if execution is not None:
                execution.log(CLEARED_BY_HAND, RUN, _person(session), tasks=sorted(tasks))
        except Exception:  # as above
            log.exception("That tasks of %s were cleared by hand could not be put on record", dag_run.run_id)


def _execution(dag_run: Any) -> Execution | None:
    """Open the record of a run; None where it is none of ours, or has not begun."""
    run = run_folder(dag_run.dag_id, dag_run.run_id, dag_run.run_after)
    return open_execution(run) if run.exists("run.json") else None


def _person(session: Session | None) -> Actor:
    asker = session.info.get(_ASKER) if session is not None else None
    return Actor("person", asker or UNKNOWN, via="Airflow", auth=auth_manager())
