"""An agent whose every call and every effect is a line in a journal, so that a test can count what was really done.

The journal (environment: JOURNAL) stands for the world outside: it knows an idempotency key when it
sees one again, except where the action cannot take one, which is what makes it irreversible.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from threading import Lock
from typing import Any

from planexe_agents.protocol import Assignment
from planexe_agents.service import Agent, Completed, Task
from planexe_agents.signing import digest
from pydantic import BaseModel

SLOW_S = 4.0


class Sack(BaseModel):
    title: str


class Flour(BaseModel):
    words: str


_lock = Lock()


class CountingAgent(Agent):
    """Notes what it is asked for before it looks at it: the same again, after somebody died, as well."""

    def objections(self, assignment: Assignment) -> tuple[str, ...]:
        told = {"run": assignment.run, "step": assignment.step, "key": assignment.id, "at": time.time()}
        with _lock:
            _write(calls_beside(_journal()), {**told, "digest": digest(assignment.model_dump(mode="json"))})
        return super().objections(assignment)


agent = CountingAgent(id="mill", type="milling", name="A mill that counts its sacks", version="1.0")


def _journal() -> Path:
    return Path(os.environ["JOURNAL"])


def calls_beside(journal: Path) -> Path:
    """Return the journal of calls that goes with the one of effects."""
    return journal.with_name(f"{journal.name}-calls")


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Read every effect, or every call, so far; a line that was cut off by a kill is none."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _take_effect(task: Task, *, knows_keys: bool) -> None:
    path = _journal()
    with _lock:
        if knows_keys and any(one["key"] == task.digest for one in read_journal(path)):
            return
        told = task.assignment
        _write(path, {"key": task.digest, "run": told.run, "step": told.step, "action": told.action, "at": time.time()})


def _write(path: Path, line: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as journal:
        journal.write(json.dumps(line) + "\n")
        journal.flush()
        os.fsync(journal.fileno())


def _done(inputs: Sack, confidence: float = 0.95) -> Completed[Flour]:
    return Completed(Flour(words=inputs.title.upper()), confidence, "the sacks were counted")


@agent.action(examples=["Grind the wheat"], side_effects="reversible")
def grind(inputs: Sack, task: Task) -> Completed[Flour]:
    """Grind a sack at once."""
    _take_effect(task, knows_keys=True)
    return _done(inputs)


@agent.action(examples=["Mature the flour"], side_effects="reversible")
def mature(inputs: Sack, task: Task) -> Completed[Flour]:
    """Take time before and after the effect, longer than a worker waits."""
    task.stop.wait(SLOW_S / 2)
    _take_effect(task, knows_keys=True)
    task.stop.wait(SLOW_S / 2)
    return _done(inputs)


@agent.action(examples=["Sift the bran"], side_effects="reversible")
def sift(inputs: Sack, task: Task) -> Completed[Flour]:
    """Do it, and doubt it: a person must look."""
    _take_effect(task, knows_keys=True)
    return _done(inputs, confidence=0.2)


@agent.action(examples=["Ship the sacks"], side_effects="irreversible")
def ship(inputs: Sack, task: Task) -> Completed[Flour]:
    """Ship a sack, which cannot be taken back and takes no key."""
    _take_effect(task, knows_keys=False)
    return _done(inputs)


if __name__ == "__main__":
    agent.serve()
