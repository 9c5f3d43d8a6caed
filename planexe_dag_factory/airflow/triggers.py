"""Delegation in the triggerer: an agent that takes an hour holds no worker, one that is quick costs none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk.bases.hook import BaseHook
from airflow.triggers.base import BaseTrigger, TaskFailedEvent, TaskSuccessEvent, TriggerEvent
from planexe_agents.client import AgentClient
from planexe_agents.protocol import Assignment, Outcome

from planexe_dag_factory.airflow.settings import open_execution, run_folder
from planexe_dag_factory.delegation.attempts import Attempt
from planexe_dag_factory.delegation.delegate import NobodyReachableError, delegate
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.errors import PlanExeDagError
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.routing.model import Agent

DEADLINE_S = 24 * 3600.0
"""How long one agent may take over one assignment."""
HOLD_S = 5.0
"""How long a trigger that was deferred to waits first.

Airflow fails a task whose trigger answers before the executor has reported the leg that deferred.
"""


async def ask_agent(agent: Agent, assignment: Assignment) -> Outcome:
    """Send an assignment to an agent and follow it to its verified outcome."""
    token = (await BaseHook.aget_connection(agent.conn_id)).password if agent.conn_id else None
    async with AgentClient(agent.url, token=token, public_key=agent.public_key) as client:
        return await client.run(assignment, deadline_s=DEADLINE_S)


class AgentTrigger(BaseTrigger):
    """Carries a step to its candidates, straight from the scheduler.

    It may run again after a restart of the triggerer: `delegate` then goes on where it was.
    """

    def __init__(self, work_item: str) -> None:
        super().__init__()
        self.work_item = work_item

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__qualname__}", {"work_item": self.work_item}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """End the task: a success hands over to the check, a failure leads to Airflow's retries."""
        try:
            step = await asyncio.to_thread(self._open)
            attempt = await delegate(step, ask_agent, last_try=self._last_try())
        except PlanExeDagError as error:
            self.log.error("%s: %s", type(error).__name__, error)  # noqa: TRY400 - the message is meant for people
            yield TaskFailedEvent()
        else:
            self.log.info("%s", describe(attempt))
            yield TaskSuccessEvent()

    def _open(self) -> StepRun:
        """Find the run that this trigger belongs to, by what the scheduler sent along."""
        dag_run = self._ti.get_template_context()["dag_run"]
        run = run_folder(dag_run.dag_id, dag_run.run_id, dag_run.run_after)
        return open_execution(run).step(self.work_item)

    def _last_try(self) -> bool:
        return bool(self._ti.try_number > (self._ti.task.retries or 0))

    @property
    def _ti(self) -> Any:
        """The task instance with its task and its DAG run: all of it was sent, as the task starts in the trigger."""
        return self.task_instance


class RedoTrigger(BaseTrigger):
    """Carries a step to its agents once more, because a reviewer asked for it; the sensor resumes after it."""

    def __init__(self, run: str, work_item: str, hold_s: float = HOLD_S) -> None:
        super().__init__()
        self.run_path = run
        self.work_item = work_item
        self.hold_s = hold_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kwargs = {"run": self.run_path, "work_item": self.work_item, "hold_s": self.hold_s}
        return f"{type(self).__module__}.{type(self).__qualname__}", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Answer whatever happened: the ticket that opens again shows it."""
        await asyncio.sleep(self.hold_s)
        try:
            execution = await asyncio.to_thread(open_execution, RunFolder(self.run_path))
            attempt = await delegate(execution.step(self.work_item), ask_agent, last_try=True)
        except PlanExeDagError as error:
            yield TriggerEvent({"error": str(error)})
        else:
            yield TriggerEvent({"done": describe(attempt)})


def describe(attempt: Attempt | None) -> str:
    """Say in a line how a delegation ended, for the task's log."""
    if attempt is None:
        return "nobody to ask"
    figures = f" with a confidence of {attempt.outcome.confidence:.2f}" if attempt.outcome else ""
    return f"{attempt.agent}.{attempt.action}: {attempt.status}{figures} {attempt.reason}".rstrip()


__all__ = ["AgentTrigger", "NobodyReachableError", "RedoTrigger", "ask_agent", "describe"]
