"""The agents of the embedded stack: one process for all of them, and the registry of what they can do."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from planexe_dag_factory.delegation.cards import fetch_agents
from planexe_dag_factory.errors import Problem, RegistryError
from planexe_dag_factory.routing.model import Registry
from planexe_dag_factory.routing.registry_changes import Change, add_agents
from planexe_dag_factory.routing.registry_file import RegistryFile
from planexe_dag_factory.routing.registry_key import keys_beside
from planexe_dag_factory.stack.home import Home
from planexe_dag_factory.stack.model import model_environment
from planexe_dag_factory.stack.supervisor import Program
from planexe_dag_factory.stack.telemetry import telemetry_environment


@dataclass(frozen=True, slots=True)
class ReadyFile:
    """What the agents' process writes once all of them listen: `{"agents": {id: url}, "pid"}`."""

    path: Path

    def exists(self) -> bool:
        return self.path.exists()

    def read(self) -> dict[str, str]:
        agents: dict[str, str] = json.loads(self.path.read_text(encoding="utf-8"))["agents"]
        return agents


def agents_program(home: Home, ready: ReadyFile, log: Path) -> Program:
    command = (
        sys.executable, "-m", "planexe_agents", "all",
        "--state", str(home.agents),
        "--ready-file", str(ready.path),
    )  # fmt: skip
    environment = {**os.environ, **model_environment(os.environ), **telemetry_environment(os.environ)}
    return Program("agents", command, environment, home.root, log)


def register(path: Path, urls: Iterable[str]) -> Registry:
    """Register the stack's own agents, in a registry that is signed by the stack's own operator.

    Their actions may have changed with the package; a changed key is never taken. Raises
    RegistryError where the file or a card cannot be used, DelegationError where an agent is silent.
    """
    file = RegistryFile(path, keys_beside(path))
    amendment = add_agents(file.read(), fetch_agents(urls))
    if strangers := [_stranger(change) for change in amendment.changes if change.new_key]:
        raise RegistryError(str(path), strangers)
    if amendment.changes:
        file.write(amendment)
    return amendment.after


def _stranger(change: Change) -> Problem:
    message = f"the agent {change.agent} shows another key than the one registered"
    hint = f"where that is meant, forget the old one: planexe-dag agents remove {change.agent}"
    return Problem("error", "changed-key", message, hint=hint)
