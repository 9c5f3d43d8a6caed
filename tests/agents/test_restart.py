"""What an agent still knows after its process was killed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import httpx
from planexe_agents.protocol import Outcome
from planexe_agents.service.runs import run_id_of

from tests.agents.serving import QUICK, Served, assignment


def _lines(diary: Path) -> int:
    return len(diary.read_text().splitlines()) if diary.exists() else 0


def _wait_for_work(diary: Path) -> None:
    for _ in range(500):
        if _lines(diary):
            return
        time.sleep(0.01)
    raise AssertionError("the work did not begin")


def _outcome(served: Served, key: str) -> Outcome:
    for _ in range(500):
        answer = httpx.get(f"{served.url}/runs/{run_id_of(key)}")
        if answer.status_code == 200:
            return Outcome.model_validate_json(answer.content)
        time.sleep(0.02)
    raise AssertionError("no outcome")


def test_an_outcome_given_before_a_kill_is_given_after_it_byte_for_byte(tmp_path: Path) -> None:
    asked = assignment(diary=str(tmp_path / "diary"))
    with Served(tmp_path) as first:
        key, before = first.public_key, first.post(asked).content
    with Served(tmp_path) as second:
        assert (second.public_key, second.post(asked).content) == (key, before)
    assert _lines(tmp_path / "diary") == 1


def test_work_under_way_at_a_kill_is_taken_up_again_without_being_asked(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    with Served(tmp_path, "--wait", "0") as first:
        first.post(assignment("resumed", diary=str(diary), seconds=1))
        _wait_for_work(diary)
    with Served(tmp_path) as second:
        outcome = _outcome(second, "resumed")
        assert outcome.status == "completed"
        assert outcome.signed_by(second.public_key)
    assert len(set(diary.read_text().splitlines())) == 1
    assert _lines(diary) == 2


def test_an_irreversible_action_that_had_begun_is_not_begun_again(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    with Served(tmp_path, "--wait", "0") as first:
        first.post(assignment("letter", "post", diary=str(diary), seconds=30))
        _wait_for_work(diary)
    with Served(tmp_path) as second:
        outcome = _outcome(second, "letter")
    assert outcome.status == "failed"
    assert outcome.reason == "the agent died during post, which is irreversible: see whether it took effect"
    assert _lines(diary) == 1


def test_a_client_follows_its_work_through_a_kill_and_restart(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    first = Served(tmp_path, "--wait", "0")
    port = str(httpx.URL(first.url).port)
    asked = assignment("followed", diary=str(diary), seconds=0.5)

    async def follow() -> Outcome:
        async with first.client(limits=replace(QUICK, failures=200)) as client:
            running = asyncio.create_task(client.run(asked, 30))
            await asyncio.to_thread(_wait_for_work, diary)
            await asyncio.to_thread(first.kill)
            second = await asyncio.to_thread(Served, tmp_path, "--port", port)
            try:
                return await running
            finally:
                await asyncio.to_thread(second.kill)

    assert asyncio.run(follow()).status == "completed"


def test_a_stop_ends_the_process_even_while_an_action_goes_on(tmp_path: Path) -> None:
    with Served(tmp_path, "--wait", "0") as served:
        served.post(assignment("long", seconds=300))
        assert served.stop() == 0
