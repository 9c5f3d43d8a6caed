"""What follows agents from the triggerer, against servers on this machine: one that has no time, one without an end."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.protocol import Assignment
from planexe_agents.signing import SigningKey

from planexe_dag_factory.airflow import triggers
from planexe_dag_factory.airflow.operators import StillWorkingError, ask_agent, leave
from planexe_dag_factory.airflow.triggers import DelegationTrigger
from planexe_dag_factory.delegation.attempts import Attempt
from planexe_dag_factory.delegation.decision import Decision, decide
from planexe_dag_factory.delegation.delegate import delegate
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.routing.model import Registry
from tests.agents.scripted import http
from tests.delegation.scenes import ITEM, ROUTE, make_scene, outcome

ALONE = replace(ITEM, route=replace(ROUTE, candidates=ROUTE.candidates[:1]))
STEPS = tuple(replace(ALONE, id=f"survey-{n}") for n in range(30))
HASTE = 20
"""Pauses are so much shorter than agents ask for."""


@dataclass
class Desk:
    """An agent that does one thing at a time, and asks everybody else to come back in `retry_s` seconds.

    `always` is what it answers instead, whatever it is asked.
    """

    key: SigningKey
    always: bytes | None = None
    retry_s: int = 1
    url: str = ""
    at_work: int = 0
    most_at_work: int = 0
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.lower().splitlines() if line[:15] == b"content-length:"), 0)
        body = await reader.readexactly(length)
        self.asked.append((head.split(b" ")[0].decode(), body))
        writer.write(self.always or await self.answer(body))
        writer.close()

    async def answer(self, body: bytes) -> bytes:
        if self.at_work:
            return http(429, Retry_After=str(self.retry_s))
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        await asyncio.sleep(0.02)
        self.at_work -= 1
        assignment = Assignment.model_validate_json(body)
        self.done[assignment.step] += 1
        return http(200, outcome(assignment, self.key).model_dump_json().encode())


@dataclass
class Site:
    """A run whose only agent is a desk."""

    execution: Execution
    desk: Desk

    async def follow(self, step: str, *, last_try: bool = False) -> dict[str, Any]:
        """Return what the trigger fires for a step."""
        trigger = DelegationTrigger(self.execution.run.root, step, last_try=last_try, hold_s=0)
        (event,) = [event async for event in trigger.run()]
        told: dict[str, Any] = event.payload
        return told

    async def begin(self, step: str) -> Attempt | None:
        """Do as a worker does: ask, and leave the step to the triggerer where that takes time."""
        try:
            return await delegate(self.execution.step(step), ask_agent, leave, last_try=False)
        except StillWorkingError:
            return None

    def decisions(self, steps: Sequence[str]) -> list[Decision]:
        return [decide(self.execution.step(step)) for step in steps]


@asynccontextmanager
async def opened(folder: Path, monkeypatch: pytest.MonkeyPatch, always: bytes | None = None) -> AsyncIterator[Site]:
    """Serve the desk, and open a run of many steps that only it can do."""
    scene = make_scene(folder, item=STEPS[0], others=STEPS[1:])
    agent = scene.step.execution.registry.agents[0]
    desk = Desk(scene.agents.keys[agent.id], always)
    server = await asyncio.start_server(desk.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    today = Registry((replace(agent, url=f"http://{host}:{port}"),))
    execution = Execution(scene.step.execution.run, lambda: today, scene.step.execution.key)
    monkeypatch.setattr(triggers, "open_execution", lambda *_, **__: replace(execution))
    async with server:
        yield Site(execution, desk)


@pytest.fixture
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    sleep = asyncio.sleep
    monkeypatch.setattr("planexe_agents.client.sleep", lambda seconds: sleep(seconds / HASTE))
    monkeypatch.setattr(triggers, "wait", lambda seconds: sleep(seconds / HASTE))


@pytest.mark.usefixtures("haste")
def test_thirty_steps_at_an_agent_that_does_one_at_a_time_are_all_done_and_nobody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [step.id for step in STEPS]

    async def day() -> Site:
        async with opened(tmp_path, monkeypatch) as site:
            begun = await asyncio.gather(*map(site.begin, names))
            left = [name for name, attempt in zip(names, begun, strict=True) if attempt is None]
            assert len(left) > len(names) / 2
            told = await asyncio.gather(*map(site.follow, left))
            assert all("completed" in event["done"] for event in told)
            return site

    site = asyncio.run(day())
    assert {decision.decision for decision in site.decisions(names)} == {"accept"}
    assert site.desk.done == Counter(names)
    assert site.desk.most_at_work == 1


def test_an_agent_that_works_without_an_end_is_given_up_once_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__PLANEXE__AGENT_HOURS", str(2 / 3600))

    async def follow() -> tuple[Site, dict[str, Any]]:
        always = http(202, b"{}", Location="/runs/1", Retry_After="1")
        async with opened(tmp_path, monkeypatch, always) as site:
            return site, await site.follow("survey-0")

    site, told = asyncio.run(follow())
    assert told["done"].startswith("first.compute: failed http://127.0.0.1:")
    assert told["done"].endswith("/ had no outcome after 2 s")
    methods = [method for method, _ in site.desk.asked]
    assert (methods[0], methods[-1], methods.count("POST")) == ("POST", "DELETE", 1)
    assert json.loads(site.desk.asked[0][1])["deadline_s"] == 2
    assert site.decisions(["survey-0"])[0].decision == "ticket"


def test_after_an_agent_had_no_time_for_so_long_a_person_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__PLANEXE__AGENT_HOURS", str(2 / 3600))

    async def follow() -> tuple[Site, dict[str, Any], float]:
        async with opened(tmp_path, monkeypatch, http(429, Retry_After="1")) as site:
            began = time.monotonic()
            return site, await site.follow("survey-0"), time.monotonic() - began

    site, told, took = asyncio.run(follow())
    assert told["done"].startswith("first.compute: busy ")
    assert 2 <= took < 4  # not as long again
    (decision,) = site.decisions(["survey-0"])
    assert decision.decision == "ticket"
    assert "first had no time" in decision.why


@pytest.mark.parametrize("hours", ["0", "-1", "inf", "nan"])
def test_a_time_that_is_none_is_said_and_nobody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: str
) -> None:
    monkeypatch.setenv("AIRFLOW__PLANEXE__AGENT_HOURS", hours)

    async def follow() -> tuple[Site, dict[str, Any]]:
        async with opened(tmp_path, monkeypatch) as site:
            return site, await site.follow("survey-0")

    site, told = asyncio.run(follow())
    assert told["error"].startswith(f"agent_hours of [planexe] is {hours}")
    assert site.desk.asked == []
