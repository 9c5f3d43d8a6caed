"""Starts agents as processes, the way a supervisor does, and asks them as an orchestrator does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import httpx
from planexe_agents.client import AgentClient, Limits
from planexe_agents.protocol import Assignment

CLERK = Path(__file__).with_name("clerk.py")
QUICK = Limits(connect_s=2, answer_s=5, first_pause_s=0.02, longest_pause_s=0.2, failures=3)


class Served:
    """A process that serves agents; `urls` are their addresses. Killed at the end of the `with`."""

    def __init__(self, state: Path, *args: str, command: tuple[str, ...] = (str(CLERK),), **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *command, "--state", str(state), *args],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the agent did not start: exit {self.process.wait()}"
        self.ready = json.loads(line)
        self.urls: dict[str, str] = self.ready["agents"]
        self.url = next(iter(self.urls.values()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End it as a power failure would."""
        self.process.kill()
        self.process.communicate()

    def stop(self) -> int:
        """End it as a supervisor does; return its exit code."""
        self.process.terminate()
        return self.process.wait(timeout=10)

    @property
    def public_key(self) -> str:
        key: str = httpx.get(f"{self.url}/schema.json").json()["public_key"]
        return key

    def client(self, **options: Any) -> AgentClient:
        """A client that trusts this agent's key."""
        return AgentClient(self.url, **{"public_key": self.public_key, "limits": QUICK, **options})

    def post(self, assignment: Assignment, key: str | None = None, **headers: str) -> httpx.Response:
        """Send an assignment as plain HTTP."""
        return httpx.post(
            f"{self.url}/run",
            content=assignment.model_dump_json(),
            headers={"Idempotency-Key": key or assignment.id, **headers},
            timeout=30,
        )


def assignment(name: str = "a-1", action: str = "copy", agent: str = "clerk", **inputs: Any) -> Assignment:
    """An assignment for the clerk."""
    return Assignment(
        id=name,
        run="run-1",
        plan="plan-1",
        step="step-1",
        attempt=1,
        agent=agent,
        action=action,
        inputs={"text": "hello", **inputs},
        context={"plan": {"title": "Harbour"}},
    )
