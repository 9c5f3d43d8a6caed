"""What a task does first: it puts on record that it begins again, by itself or by somebody's hand."""

from __future__ import annotations

from airflow.sdk import Context

from planexe_dag_factory.airflow.settings import auth_manager
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.delegation.takeover import CLEARED
from planexe_dag_factory.record.events import ORCHESTRATOR, Actor

RETRIED = "task-retried"
SOMEBODY = "unknown"


def begin(execution: Execution, context: Context, about: str) -> Execution:
    """Put on record that a task of a run starts again. `about` is its work item or milestone, or the run.

    Airflow has no hook for a task that is cleared; the first try after it tells. Who did it is in
    Airflow's own audit log, which no worker reads.
    """
    ti, retries = context["ti"], context["task"].retries or 0
    if ti.try_number > 1:
        cleared = ti.try_number == ti.max_tries - retries + 1
        by = Actor("person", SOMEBODY, via="Airflow", auth=auth_manager()) if cleared else ORCHESTRATOR
        after = execution.spec.work_items[about].upstream if about in execution.spec.work_items else ()
        action = CLEARED if cleared else RETRIED
        execution.log(action, about, by, after=after, task=ti.task_id, attempt=ti.try_number)
    return execution
