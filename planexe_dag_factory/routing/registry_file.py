"""The operator's registry file: changed by one writer at a time, signed, whole or not at all.

    {"version": 2, "agents": [agent, ...], "history": [entry, ...]}
    entry: {"at", "by", "changes": [{"agent", "change", "what", "digest"}], "agents", "follows", "key", "signature"}

Each entry names the digest of all agents as they are after it, and of the entry before it. So the
signature of the newest vouches for the whole file, and what was taken out of the history shows.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from planexe_agents.signing import SigningKey, digest

from planexe_dag_factory.errors import Problem, RegistryError, Where
from planexe_dag_factory.plan.jsontext import parse_json
from planexe_dag_factory.record.folder import now
from planexe_dag_factory.routing.model import Registry
from planexe_dag_factory.routing.registry import load_registry, parse_registry, parse_signed, read_registry
from planexe_dag_factory.routing.registry_changes import Amendment, agent_digest
from planexe_dag_factory.routing.registry_format import EntryFormat, dump_agent
from planexe_dag_factory.routing.registry_key import find_operator, open_operator_key

READABLE = 0o644
"""Airflow's processes may run as another user than the operator; nothing in the file is secret."""


@dataclass(frozen=True, slots=True)
class RegistryFile:
    """A registry file, and the folder of the operator's key."""

    path: Path
    keys: Path

    def read(self) -> Registry:
        """Read the registry; an empty one where there is no file yet. Raises RegistryError."""
        return load_registry(self.path, operator=find_operator(self.keys)) if self.path.exists() else Registry()

    def history(self) -> tuple[EntryFormat, ...]:
        """Read what was changed, by whom and when, the oldest first. Raises RegistryError."""
        if not self.path.exists():
            return ()
        source, problems = parse_json(read_registry(self.path), str(self.path))
        if source is None:
            raise RegistryError(str(self.path), problems)
        return parse_signed(source, find_operator(self.keys)).history

    def operator(self) -> SigningKey:
        """Return the key to sign with, made at the first use. Raises RegistryError where it is lost."""
        return open_operator_key(self.keys, self.path)

    def write(self, amendment: Amendment, by: str | None = None) -> None:
        """Make a change that was shown and agreed to.

        Raises RegistryError where the registry is not any more what the change was shown for.
        """
        key = self.operator()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._alone():
            if self.read() != amendment.before:
                message = "somebody else changed the registry meanwhile; nothing was changed now"
                raise self._error("changed-meanwhile", message, "look at it again, and repeat what you did")
            content = self._signed(amendment, key, by or _who())
            parse_registry(content, str(self.path), operator=key.public)
            self._replace(content)

    def _signed(self, amendment: Amendment, key: SigningKey, by: str) -> bytes:
        history = [entry.model_dump(mode="json") for entry in self.history()]
        agents = [dump_agent(agent, addressed=True) for agent in amendment.after.agents]
        after = {agent.id: agent for agent in amendment.after.agents}
        entry: dict[str, Any] = {
            "at": now(),
            "by": by,
            "changes": [
                {"agent": one.agent, "change": one.kind, "what": one.what, "digest": agent_digest(after.get(one.agent))}
                for one in amendment.changes
            ],
            "agents": digest(agents),
            "follows": digest(history[-1]) if history else None,
            "key": key.public,
        }
        signed = {**entry, "signature": key.sign(entry)}
        document = {"version": 2, "agents": agents, "history": [*history, signed]}
        return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self.path.with_name(f".{self.path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _replace(self, content: bytes) -> None:
        with NamedTemporaryFile(dir=self.path.parent, prefix=f".{self.path.name}.", delete=False) as draft:
            draft.write(content)
            draft.flush()
            os.fsync(draft.fileno())
            os.fchmod(draft.fileno(), READABLE)
        Path(draft.name).replace(self.path)

    def _error(self, code: str, message: str, hint: str) -> RegistryError:
        return RegistryError(str(self.path), [Problem("error", code, message, Where(str(self.path)), hint)])


def _who() -> str:
    """Name who changes the registry, as this machine knows them."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number that has no name
        user = f"user {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
