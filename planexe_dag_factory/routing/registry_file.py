"""The operator's registry file: changed by one writer at a time, signed, whole or not at all.

    {"version": 2, "agents": [agent, ...], "history": [entry, ...]}
    entry: {"at", "by", "changes": [{"agent", "change", "what", "digest"}], "agents", "follows", "key", "signature"}

Each entry names the digest of all agents as they are after it, and of the entry before it. So the
signature of the newest vouches for the whole file, and what was taken out of the history shows.

A new key of the operator comes in with two entries: in one the old key hands over to it (`hands_over_to`), the other
it signs itself. So the file holds for who knows the old public key, and for who knows the new one.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
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
from planexe_dag_factory.routing.registry_key import (
    current_operator_key,
    find_operator,
    install_operator_key,
    is_half_changed,
    next_operator_key,
    open_operator_key,
)

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
            after = {agent.id: agent for agent in amendment.after.agents}
            changes = [
                {"agent": one.agent, "change": one.kind, "what": one.what, "digest": agent_digest(after.get(one.agent))}
                for one in amendment.changes
            ]
            self._append(amendment.after, [(key, {"by": by or _who(), "changes": changes})])

    def rotate_key(self, by: str | None = None) -> str:
        """Give the operator a new key, and return its public half. Interrupted, it is to be called again.

        The old public key goes on being good for the file, wherever it lies, until it is replaced there too.
        """
        if not self.path.exists():
            raise self._error("unreadable", "there is no registry here, so no key signs one", "name it with --registry")
        with self._alone():
            newest = self.history()[-1].key
            if not is_half_changed(self.keys) or newest != next_operator_key(self.keys).public:
                old, new = current_operator_key(self.keys, self.path), next_operator_key(self.keys)
                said = {"by": by or _who(), "changes": []}
                self._append(self.read(), [(old, {**said, "hands_over_to": new.public}), (new, said)])
            return install_operator_key(self.keys)

    def _append(self, registry: Registry, told: Iterable[tuple[SigningKey, Mapping[str, Any]]]) -> None:
        """Write the agents, and an entry by each of these keys."""
        history = [entry.as_json() for entry in self.history()]
        agents = [dump_agent(agent, addressed=True) for agent in registry.agents]
        for key, said in told:
            entry = {
                "at": now(),
                **said,
                "agents": digest(agents),
                "follows": digest(history[-1]) if history else None,
                "key": key.public,
            }
            history.append({**entry, "signature": key.sign(entry)})
        document = {"version": 2, "agents": agents, "history": history}
        content = (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()
        parse_registry(content, str(self.path), operator=history[-1]["key"])
        self._replace(content)

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
