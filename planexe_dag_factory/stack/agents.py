"""The agents of the embedded stack: one process for all of them, and the registry of what they can do."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from planexe_dag_factory.routing.model import Registry
from planexe_dag_factory.routing.registry import add_cards, dump_registry
from planexe_dag_factory.stack.files import write_private
from planexe_dag_factory.stack.home import Home
from planexe_dag_factory.stack.supervisor import Program


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
    return Program("agents", command, dict(os.environ), home.root, log)


def write_registry(path: Path, agents: Mapping[str, str]) -> None:
    """Ask each agent (name: url) for its card, and write the registry that plans are routed by."""
    cards = {url: httpx.get(f"{url}/schema.json", timeout=10).raise_for_status().json() for url in agents.values()}
    registry = add_cards(Registry(), cards)
    write_private(path, json.dumps(dump_registry(registry), indent=2, sort_keys=True))
