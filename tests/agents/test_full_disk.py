"""An agent whose disk is full: nothing is accepted that could be forgotten, and nothing that was done is lost.

The disk is full for one process at a time: RLIMIT_FSIZE forbids it to make a file longer.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from planexe_agents.protocol import Outcome
from planexe_agents.service.runs import run_id_of

from tests.agents.serving import Served, assignment


@contextmanager
def full_disk(served: Served) -> Iterator[None]:
    """Let the agent's process write nothing more until the end."""
    _, most = resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (1, most))
    try:
        yield
    finally:
        resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (most, most))


def outcome_of(served: Served, key: str) -> httpx.Response:
    """Ask until there is an outcome."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        answer = httpx.get(f"{served.url}/runs/{run_id_of(key)}", timeout=10)
        if answer.status_code != 202:
            return answer
        time.sleep(0.1)
    raise AssertionError("no outcome")


def test_an_agent_that_cannot_store_an_assignment_does_not_accept_it(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    asked = assignment("full", diary=str(diary))
    with Served(tmp_path / "state") as served:
        with full_disk(served):
            refused = served.post(asked)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
            assert refused.json()["error"].startswith("the assignment cannot be stored now, and so is not accepted: ")
            assert httpx.get(f"{served.url}/healthz", timeout=10).is_success
        assert not diary.exists()
        assert Outcome.model_validate_json(served.post(asked).content).status == "completed"


@pytest.mark.parametrize("action", ["copy", "post"])
def test_an_outcome_that_cannot_be_stored_is_told_when_it_is(tmp_path: Path, action: str) -> None:
    diary = tmp_path / "diary"
    asked = assignment("full", action, diary=str(diary), seconds=1)
    with Served(tmp_path / "state", "--wait", "0") as served:
        assert served.post(asked).status_code == 202
        while not (diary.exists() and diary.read_text().endswith("\n")):
            time.sleep(0.01)
        with full_disk(served):
            time.sleep(1.5)  # the action ends
            assert httpx.get(f"{served.url}/runs/{run_id_of('full')}", timeout=10).status_code == 202
        answer = outcome_of(served, "full")
        assert Outcome.model_validate_json(answer.content).status == "completed"
    with Served(tmp_path / "state") as again:
        assert again.post(asked).content == answer.content
    assert len(diary.read_text().splitlines()) == 1, "it was done once"
