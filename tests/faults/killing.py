"""What is killed, and how one sees that it has been made good."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx
import psutil

from planexe_dag_factory.errors import StackError
from planexe_dag_factory.stack.client import AirflowClient
from tests.faults.plan import PLAN_ID
from tests.faults.sites import Site

_HEARTS = {"scheduler": "scheduler", "triggerer": "triggerer", "dag-processor": "dag_processor"}
_AT_WORK = ("queued", "running")


@dataclass(frozen=True)
class Kill:
    """What was killed; `recovered` says whether it has been made good."""

    component: str
    what: str
    recovered: Callable[[], bool]


@dataclass(frozen=True)
class Killer:
    """Kills components of a site with SIGKILL. `client` sees the tasks of the run."""

    site: Site
    client: AirflowClient
    chance: random.Random

    def kill(self, component: str, run_id: str, about: str) -> Kill | None:
        """Kill a component, the one that works on `about` where there are several; None where there is none."""
        if component in ("task", "worker"):
            return self._kill_at_work(component, run_id, about)
        name, process = self._main(component)
        family = [process, *process.children(recursive=True)]
        alone = component == "scheduler" and self.chance.random() < 0.5
        _kill([process] if alone else family)
        what = f"{name} alone" if alone else name
        return Kill(component, what, self._restarted(component, name, process, time.time()))

    def _main(self, component: str) -> tuple[str, psutil.Process]:
        found = {name: one for name, one in self.site.processes().items() if name.startswith(component)}
        assert found, f"no {component} runs: {self.site.processes()}"
        return next(iter(found.items()))

    def _kill_at_work(self, component: str, run_id: str, about: str) -> Kill | None:
        tasks = [task for task in self._tasks(run_id) if task["state"] == "running" and task["pid"]]
        near = [task for task in tasks if about and task["task_id"].split(".")[0] == about]
        for task in self.chance.sample(near or tasks, len(near or tasks)):
            doomed = self._doomed(component, task)
            if doomed:
                _kill(doomed)
                return Kill(component, task["task_id"], self._taken_up(run_id, task))
        return None

    def _doomed(self, component: str, task: dict[str, Any]) -> list[psutil.Process]:
        """Return the task's own process; or its worker, with all that it does."""
        try:
            process = psutil.Process(task["pid"])
            if component == "task":
                return [process] if task["id"] in " ".join(process.cmdline()) else []
            mains = {main.pid for name, main in self.site.processes().items() if name in self.site.workers}
            above = process.parents()
            workers = [one for one in above if one.pid in mains] if mains else above[:1]
            return [one for worker in workers for one in (worker, *worker.children(recursive=True))]
        except psutil.NoSuchProcess:
            return []

    def _tasks(self, run_id: str) -> list[dict[str, Any]]:
        path = f"/api/v2/dags/{PLAN_ID}/dagRuns/{quote(run_id)}/taskInstances"
        found: list[dict[str, Any]] = self.client.get(path, limit=200)["task_instances"]
        return found

    def _taken_up(self, run_id: str, before: dict[str, Any]) -> Callable[[], bool]:
        """Say whether a task has ended, is parked, or is at work again."""

        def look() -> bool:
            now = next(task for task in self._tasks(run_id) if task["task_id"] == before["task_id"])
            ended = now["state"] in ("success", "failed", "skipped", "deferred", "awaiting_input")
            return ended or (now["state"] == "running" and now["id"] != before["id"])

        return _patient(look)

    def _restarted(self, component: str, name: str, old: psutil.Process, at: float) -> Callable[[], bool]:
        def look() -> bool:
            now = self.site.processes().get(name)
            return now is not None and now.pid != old.pid and self._answers(component, at)

        return _patient(look)

    def _answers(self, component: str, at: float) -> bool:
        if component == "mill":
            return httpx.get(f"{self.site.mill}/healthz", timeout=2).is_success
        if component == "redis":
            return self.site.has_broker()
        health = httpx.get(f"{self.site.url}/api/v2/monitor/health", timeout=5).raise_for_status().json()
        if component not in _HEARTS:
            return True
        part = _HEARTS[component]
        heart = health[part][f"latest_{part}_heartbeat"]
        return heart is not None and datetime.fromisoformat(heart).timestamp() > at + 1


def _kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def _patient(look: Callable[[], bool]) -> Callable[[], bool]:
    """Take whatever cannot be told at the moment for a no."""

    def patient() -> bool:
        try:
            return look()
        except (httpx.HTTPError, StackError, OSError, psutil.NoSuchProcess):
            return False

    return patient
