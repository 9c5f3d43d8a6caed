"""What a task does first: it names its work in the log, and puts on record that it begins again, or by whose hand."""

from __future__ import annotations

from airflow.sdk import Context
from planexe_agents.tracing import outgoing, trace_id
from structlog.contextvars import bind_contextvars

from planexe_dag_factory.airflow.settings import auth_manager
from planexe_dag_factory.delegation.attempts import Attempt
from planexe_dag_factory.delegation.ended import was_cut_short
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.record.events import (
    CLEARED,
    CLEARED_BY_HAND,
    ORCHESTRATOR,
    RUN,
    UNKNOWN,
    Actor,
    actor_of,
    list_events,
)

RETRIED = "task-retried"


def begin(execution: Execution, context: Context, about: str) -> Execution:
    """Put on record that a task of a run starts again, and finish what it wrote when it died.

    `about` is its work item or milestone, or the run.
    No worker is told that a task was cleared; the number of its try shows it, or that somebody had ended the run
    before it began. Who did it was noted by the API server.
    """
    name_in_log(execution, about)
    ti = context["ti"]
    if ti.try_number > 1 or (about == RUN and was_cut_short(execution.run)):
        execution.finish_writes(about)
        cleared = tries_since_begun(context) == 1
        by = _who_cleared(execution, ti.task_id) if cleared else ORCHESTRATOR
        after = execution.spec.work_items[about].upstream if about in execution.spec.work_items else ()
        action = CLEARED if cleared else RETRIED
        execution.log(action, about, by, after=after, task=ti.task_id, attempt=ti.try_number)
    return execution


def _who_cleared(execution: Execution, task_id: str) -> Actor:
    """Find who cleared a task last; unknown where it was not done through an API server with our plugin."""
    for file in reversed(list_events(execution.run, RUN)):
        if file.action == CLEARED_BY_HAND:
            event = execution.run.read_json(*file.segments)
            if task_id in event["details"]["tasks"]:
                return actor_of(event["actor"])
    return Actor("person", UNKNOWN, via="Airflow", auth=auth_manager())


def name_in_log(execution: Execution, about: str) -> None:
    """Let what this task logs from here name the plan, the run, the step and, where there is one, the trace."""
    traced = trace_id(outgoing().get("traceparent"))
    about_trace = {"trace_id": traced} if traced else {}
    bind_contextvars(plan=execution.spec.dag_id, run=execution.run.name, step=about, **about_trace)


def name_attempt_in_log(attempt: Attempt | None) -> None:
    """Let it name the agent, too, and which attempt it was."""
    if attempt:
        bind_contextvars(agent=attempt.agent, attempt=attempt.number)


def tries_since_begun(context: Context) -> int:
    """Count the tries of a task since it began, or was cleared by hand; the first is 1."""
    ti = context["ti"]
    tries: int = ti.try_number - (ti.max_tries - (context["task"].retries or 0))
    return tries
