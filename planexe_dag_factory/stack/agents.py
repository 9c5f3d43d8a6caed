"""The agents of the embedded stack: one process for all of them, and the registry of what they can do."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from planexe_dag_factory.errors import StackError
from planexe_dag_factory.routing.model import Registry
from planexe_dag_factory.routing.registry import add_cards, dump_registry, load_registry
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


def register(path: Path, urls: Iterable[str]) -> Registry:
    """Ask agents for their cards and add them to a registry file, which is made where there is none.

    An agent that is registered already is replaced. Raises StackError where an agent does not
    answer, RegistryError where the file or a card cannot be used.
    """
    known = load_registry(path) if path.exists() else Registry()
    registry = add_cards(known, {url: _card(url) for url in urls})
    write_private(path, json.dumps(dump_registry(registry), indent=2, sort_keys=True))
    return registry


def _card(url: str) -> Any:
    try:
        return httpx.get(f"{url.rstrip('/')}/schema.json", timeout=10).raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise StackError(f"no agent answers at {url}: {error}") from error
