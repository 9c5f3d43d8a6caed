"""Delegation that takes its time: an agent that works for an hour holds no worker."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from http.client import NOT_FOUND
from typing import Any
from uuid import UUID

from airflow.sdk import Connection
from airflow.sdk.api.datamodels._generated import HITLDetailResponse
from airflow.sdk.bases.hook import BaseHook
from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.sdk.execution_time.hitl import get_hitl_detail_content_detail
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async
from planexe_agents.client import AgentClient
from planexe_agents.protocol import Assignment, Outcome

from planexe_dag_factory.airflow.settings import (
    agent_networks,
    agent_s,
    key_conn_id,
    open_execution,
    open_folder,
    run_conn_id,
    telemetry,
)
from planexe_dag_factory.airflow.starts import name_attempt_in_log, name_in_log
from planexe_dag_factory.delegation.attempts import Attempt
from planexe_dag_factory.delegation.delegate import delegate
from planexe_dag_factory.errors import PlanExeDagError
from planexe_dag_factory.routing.model import Agent

HOLD_S = 5.0
"""How long the trigger waits before it asks.

Airflow fails a task whose trigger answers before the executor has reported the leg that deferred.
"""


async def follow_agent(agent: Agent, assignment: Assignment) -> Outcome:
    """Send an assignment to an agent and follow it to its verified outcome."""
    token = (await BaseHook.aget_connection(agent.conn_id)).password if agent.conn_id else None
    networks = agent_networks()
    async with AgentClient(agent.url, token=token, public_key=agent.public_key, networks=networks) as client:
        return await client.run(assignment, deadline_s=assignment.deadline_s or agent_s())


async def wait(seconds: float) -> None:
    """Let time pass; up to a quarter more, so that the steps that wait for an agent do not all ask it at once."""
    await asyncio.sleep(seconds * (1 + random.random() / 4))  # noqa: S311 - jitter guards nothing


class DelegationTrigger(BaseTrigger):
    """Carries a step on to its candidates until one has brought an outcome, or none will.

    It may run again after a restart of the triggerer: `delegate` then goes on where it was.
    """

    def __init__(self, run: str, work_item: str, *, last_try: bool, hold_s: float = HOLD_S) -> None:
        super().__init__()
        self.run_path = run
        self.work_item = work_item
        self.last_try = last_try
        self.hold_s = hold_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kwargs = {
            "run": self.run_path,
            "work_item": self.work_item,
            "last_try": self.last_try,
            "hold_s": self.hold_s,
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fire once: `done` says how it ended, `error` why it did not."""
        await asyncio.sleep(self.hold_s)
        try:
            run = open_folder(self.run_path, await connection_of(run_conn_id()))
            key, watch = await connection_of(key_conn_id()), telemetry(server=True)
            execution = await asyncio.to_thread(open_execution, run, key, watch=watch)
            name_in_log(execution, self.work_item)
            await asyncio.to_thread(execution.finish_writes, self.work_item)
            step = execution.step(self.work_item)
            attempt = await delegate(step, follow_agent, wait, last_try=self.last_try, agent_s=agent_s())
        except PlanExeDagError as error:
            yield TriggerEvent({"error": str(error)})
        else:
            name_attempt_in_log(attempt)
            self.log.info("%s", describe(attempt))
            yield TriggerEvent({"done": describe(attempt)})


async def connection_of(conn_id: str | None) -> Connection | None:
    """Read a connection as a trigger may; None where none is named."""
    return await BaseHook.aget_connection(conn_id) if conn_id else None


class AnswerTrigger(BaseTrigger):
    """Looks what Airflow has kept of a request that a task had opened before it died.

    No worker can read it. To open the request again would discard an answer; and to park where one is
    there resumes the task at once, which Airflow takes for a death (see HOLD_S).
    """

    def __init__(self, ti_id: str, hold_s: float = HOLD_S) -> None:
        super().__init__()
        self.ti_id = ti_id
        self.hold_s = hold_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__qualname__}", {"ti_id": self.ti_id, "hold_s": self.hold_s}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fire once: with the answer as Airflow brings it, or `open`, which says whether there is a request."""
        await asyncio.sleep(self.hold_s)
        try:
            kept = await sync_to_async(get_hitl_detail_content_detail)(ti_id=UUID(self.ti_id))
        except AirflowRuntimeError as error:
            if (error.error.detail or {}).get("status_code") != NOT_FOUND:
                raise
            yield TriggerEvent({"open": False})
        else:
            yield TriggerEvent(_answer(kept) if kept.response_received else {"open": True})


def _answer(kept: HITLDetailResponse) -> dict[str, Any]:
    by = kept.responded_by_user
    return {
        "chosen_options": kept.chosen_options,
        "params_input": kept.params_input,
        "responded_at": kept.responded_at.isoformat() if kept.responded_at else None,
        "responded_by_user": {"id": by.id, "name": by.name} if by else None,
    }


def describe(attempt: Attempt | None) -> str:
    """Say in a line how a delegation ended, for the task's log."""
    if attempt is None:
        return "nobody to ask"
    figures = f" with a confidence of {attempt.outcome.confidence:.2f}" if attempt.outcome else ""
    return f"{attempt.agent}.{attempt.action}: {attempt.status}{figures} {attempt.reason}".rstrip()
