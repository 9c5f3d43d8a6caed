"""PlanExe's pipeline through PlanExe's own worker service, which shares its run folder with us."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from planexe_dag_factory.errors import PipelineError
from planexe_dag_factory.pipeline.job import Ended, Stage, Workplace

TIMEOUT_S = 30.0
STARTED = "service.json"


@dataclass(frozen=True)
class ServicePipeline:
    """Asks the service at `url` to go on with a run of its own run folder.

    `model` is a model of PlanExe's own configuration, for what a plan lacks; without one it is only named
    because the service wants one.
    """

    url: str
    limit_s: float
    token: str | None = None
    model: str | None = None

    async def start(self, place: Workplace, stage: Stage) -> None:
        place.stage(stage).write(STARTED, {"at": datetime.now(UTC).isoformat()})
        body = {
            "submit_or_retry": "retry",
            "run_id": place.plan.path.name,
            "plan_prompt": "",
            "llm_model": self.model or "auto",
            "speed_vs_detail": "all_details_but_slow",
        }
        await self._ask("POST", "/runs", json=body)

    async def look(self, place: Workplace, stage: Stage) -> Ended | None:
        told = await self._ask("GET", f"/runs/{place.plan.path.name}")
        if told.get("running"):
            return await self._bounded(place, stage)
        code = told.get("returncode")
        if code is None:
            raise PipelineError("PlanExe's worker service does not know of the run any more: was it restarted?")
        return Ended(code if isinstance(code, int) else None)

    async def stop(self, place: Workplace, stage: Stage) -> None:  # noqa: ARG002 - one run, whatever its stage
        await self._ask("POST", f"/runs/{place.plan.path.name}/stop")

    async def _bounded(self, place: Workplace, stage: Stage) -> Ended | None:
        started = place.stage(stage).read(STARTED) or {}
        since = datetime.fromisoformat(started["at"]) if "at" in started else datetime.now(UTC)
        if datetime.now(UTC) - since <= timedelta(seconds=self.limit_s):
            return None
        await self.stop(place, stage)
        return Ended(None, f"it took longer than {self.limit_s / 60:.0f} min")

    async def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            async with self._client() as client:
                response = await client.request(method, path, **request)
                told = response.json() if response.is_success else None
        except (httpx.HTTPError, ValueError) as error:
            raise PipelineError(f"PlanExe's worker service cannot be asked: {type(error).__name__} {error}") from error
        if not isinstance(told, dict):
            raise PipelineError(f"PlanExe's worker service answers {method} {path} with {response.status_code}")
        return told

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=TIMEOUT_S) as client:
            yield client
