"""What an agent's author may get wrong: each slip ends its own step, at once, and no other."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.protocol import Assignment, Evidence, Outcome
from planexe_agents.service import Agent, Completed, Reject, Task
from planexe_agents.service.runs import Runs
from planexe_agents.signing import SigningKey, digest
from pydantic import BaseModel

from tests.agents.serving import assignment

KEY = SigningKey.from_seed(bytes(32))
LONE = "caf\udce9"
"""Half of a character, as Python makes it of a file name that is no UTF-8. No JSON can hold it."""
WORKERS = 2


class Asked(BaseModel):
    """What the action is given."""

    text: str


class Told(BaseModel):
    """What it brings."""

    words: str


def completed(confidence: Any = 0.9, why: Any = "it was found", **more: Any) -> Completed[Told]:
    return Completed(Told(words="found"), confidence, why, **more)


def throw(error: BaseException) -> Completed[Told]:
    raise error


class Unspeakable(Exception):  # noqa: N818 - it names what is wrong with it
    def __str__(self) -> str:
        raise KeyError("no words")


UNWRITABLE: dict[str, Callable[[], Any]] = {
    "a reason that is no text": lambda: completed(why=None),
    "a reason with half a character": lambda: completed(why=LONE),
    "evidence that is a string": lambda: completed(evidence=("tides.md",)),
    "a quote with half a character": lambda: completed(evidence=(Evidence(source="x", quote=LONE),)),
    "a usage that is none": lambda: completed(usage={"tokens": 3}),
    "a rejection with half a character": lambda: throw(Reject(LONE)),
}
THROWN: dict[str, Callable[[], Any]] = {
    "nothing at all": lambda: None,
    "evidence that cannot be listed": lambda: completed(evidence=3),
    "a confidence that is a text": lambda: completed("high"),
    "half a character": lambda: Completed(Told(words=LONE), 0.9, ""),
    "an error without words": lambda: throw(Unspeakable()),
    "the end of a program": lambda: throw(KeyboardInterrupt()),
    "the end of a generator": lambda: throw(GeneratorExit()),
    "a cancelled coroutine": lambda: throw(asyncio.CancelledError()),
}
agent = Agent(id="novice", type="clerical", name="Novice", version="1")


@agent.action()
def slip(inputs: Asked, task: Task) -> Completed[Told]:
    """Get something wrong."""
    slips: dict[str, Callable[[], Completed[Told]]] = {**UNWRITABLE, **THROWN, "well": completed}
    if inputs.text == "until stopped":
        task.stop.wait(20)
        return completed()
    return slips[inputs.text]()


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(agent, KEY, tmp_path / "runs.sqlite", workers=WORKERS)


def do(runs: Runs, name: str, text: str) -> Outcome:
    """Have an assignment carried out, and read its outcome as the orchestrator does."""
    asked: Assignment = assignment(name, "slip", "novice").model_copy(update={"inputs": {"text": text}})
    body = asked.model_dump_json().encode()
    told = runs.accept(name, asked, digest(json.loads(body)), body).outcome.result(timeout=20)
    return Outcome.model_validate_json(told, strict=True)


@pytest.mark.parametrize("text", [*UNWRITABLE, *THROWN])
def test_a_slip_is_a_failed_outcome_in_our_words_and_the_agent_works_on(runs: Runs, text: str) -> None:
    for n in range(WORKERS + 1):  # more often than there are threads
        outcome = do(runs, f"slip-{n}", text)
        assert outcome.status == "failed"
        assert outcome.signed_by(KEY.public)
        assert outcome.reason
        if text in UNWRITABLE:
            assert outcome.reason == "what slip brought cannot be written as an outcome; see the agent's log"
        else:
            assert outcome.reason.startswith("slip ended with ")
    assert do(runs, "after", "well").status == "completed"


def test_a_thread_outlives_what_nobody_foresaw(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(*_: object) -> Outcome:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(agent, "perform", fall, raising=False)
        for n in range(WORKERS + 1):
            with pytest.raises(TimeoutError):
                runs.accept(f"lost-{n}", *_of(f"lost-{n}")).outcome.result(timeout=0.3)
    assert do(runs, "after", "well").status == "completed"


def test_what_an_action_brings_once_it_was_stopped_is_no_result(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    give_up = agent.give_up

    def late(*told: Any) -> Outcome:
        time.sleep(0.3)  # the action ends before its cancelling is written
        return give_up(*told)

    with monkeypatch.context() as patch:
        patch.setattr(agent, "give_up", late, raising=False)
        work = runs.accept("stopped", *_of("stopped", "until stopped"))
        assert runs.cancel(work.run_id)
    outcome = Outcome.model_validate_json(work.outcome.result(timeout=20))
    assert (outcome.status, outcome.reason) == ("failed", "cancelled by the orchestrator")


def _of(name: str, text: str = "well") -> tuple[Assignment, str, bytes]:
    asked = assignment(name, "slip", "novice").model_copy(update={"inputs": {"text": text}})
    body = asked.model_dump_json().encode()
    return asked, digest(json.loads(body)), body
