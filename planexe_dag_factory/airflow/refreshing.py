"""PlanExe at work: its process or its service is followed from the triggerer, and no worker is held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from planexe_dag_factory.airflow.planexe import planexe
from planexe_dag_factory.airflow.settings import open_folder, run_conn_id
from planexe_dag_factory.airflow.triggers import HOLD_S, connection_of
from planexe_dag_factory.errors import PipelineError, PlanExeDagError
from planexe_dag_factory.pipeline.job import STAGES, Pipeline, Workplace
from planexe_dag_factory.pipeline.refresh import carry_on


class RefreshTrigger(BaseTrigger):
    """Carries on PlanExe's refreshes, one after the other, until each has ended.

    It may run again after a restart of the triggerer, on another machine too: what was done lies in
    the workplace of each, and a process that goes on is watched further.
    """

    def __init__(self, jobs: list[dict[str, str]], *, hold_s: float = HOLD_S) -> None:
        super().__init__()
        self.jobs = jobs
        self.hold_s = hold_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__qualname__}", {"jobs": self.jobs, "hold_s": self.hold_s}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fire once, with what became of each."""
        await asyncio.sleep(self.hold_s)
        yield TriggerEvent({"ended": [{**job, "error": await self._carry_on(job)} for job in self.jobs]})

    async def on_kill(self) -> None:
        """End what goes on, where a person has ended the task."""
        for job in self.jobs:
            place, pipeline = await _planexe(job)
            for stage in STAGES:
                with suppress(PipelineError):
                    await pipeline.stop(place, stage)

    async def _carry_on(self, job: Mapping[str, str]) -> str | None:
        try:
            place, pipeline = await _planexe(job)
            run = open_folder(job["path"], await connection_of(run_conn_id()))
            await carry_on(run, job["milestone"], place, pipeline, asyncio.sleep)
        except (PlanExeDagError, OSError) as error:
            return str(error)
        return None


async def _planexe(job: Mapping[str, str]) -> tuple[Workplace, Pipeline]:
    configured = planexe()
    if configured is None:
        raise PipelineError("no PlanExe is configured for the triggerer")
    connection = await connection_of(configured.conn_id)
    return configured.place(f"{job['run']}-{job['milestone']}", connection), configured.pipeline(connection)
