"""What a change of the registry would do, in words: shown before it is made, kept in the history after."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from planexe_agents.signing import digest, fingerprint

from planexe_dag_factory.errors import Problem, RegistryError, Where
from planexe_dag_factory.plan.text import quote
from planexe_dag_factory.routing.model import Agent, Capability, Registry
from planexe_dag_factory.routing.registry_checks import check_agents
from planexe_dag_factory.routing.registry_format import ChangeKind, dump_agent

MAX_LINES = 60
_TEXTS = ("description", "side_effects", "examples", "cannot")
_SCHEMAS = ("input_schema", "output_schema")


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one agent.

    `drift` says what is another agent's, or another agent's work, than what was registered, and so
    needs a consent of its own; `moved` what the operator may have meant by the address alone.
    """

    agent: str
    kind: ChangeKind
    drift: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    new_key: bool = False

    @property
    def what(self) -> tuple[str, ...]:
        """All of it, as the history keeps it."""
        return (*self.drift, *self.moved)


@dataclass(frozen=True, slots=True)
class Amendment:
    """A registry as it is, as it would be, and the changes between the two."""

    before: Registry
    after: Registry
    changes: tuple[Change, ...]


def add_agents(registry: Registry, agents: Iterable[Agent], conn_id: str | None = None) -> Amendment:
    """Register agents. One that is known keeps its place, and its connection unless another is given.

    Raises RegistryError where two of them have one id.
    """
    known = {agent.id: agent for agent in registry.agents}
    arriving = tuple(agents)
    if problems := tuple(check_agents(Registry(arriving), "what you add")):
        raise RegistryError("what you add", problems)
    changes = []
    for agent in arriving:
        before = known.get(agent.id)
        known[agent.id] = replace(agent, conn_id=conn_id or (before.conn_id if before else None))
        change = compare(before, known[agent.id])
        changes += [change] if change else []
    return Amendment(registry, Registry(tuple(known.values())), tuple(changes))


def remove_agents(registry: Registry, ids: Sequence[str]) -> Amendment:
    """Take agents out. Raises RegistryError where one is not registered."""
    _require(registry, ids)
    kept = tuple(agent for agent in registry.agents if agent.id not in ids)
    return Amendment(registry, Registry(kept), tuple(Change(one, "removed") for one in ids))


def prefer_agents(registry: Registry, ids: Sequence[str]) -> Amendment:
    """Put agents first, in this order. Raises RegistryError where one is not registered."""
    _require(registry, ids)
    first = [agent for one in ids for agent in registry.agents if agent.id == one]
    after = Registry((*first, *(agent for agent in registry.agents if agent.id not in ids)))
    changes = tuple(Change(one, "preferred", moved=(f"now number {at}",)) for at, one in enumerate(ids, start=1))
    return Amendment(registry, after, changes if after != registry else ())


def compare(before: Agent | None, after: Agent) -> Change | None:
    """Say what differs between an agent as it is registered and as it shows itself; None: nothing does."""
    if before is None:
        return Change(after.id, "added", moved=(f"at {after.url}", f"key {_mark(after)}"))
    drift, moved = tuple(_drift(before, after)), tuple(_moved(before, after))
    if not drift and not moved:
        return None
    return Change(after.id, "changed", _capped(drift), moved, new_key=before.public_key != after.public_key)


def agent_digest(agent: Agent | None) -> str | None:
    """Digest all that is registered of an agent."""
    return digest(dump_agent(agent, addressed=True)) if agent else None


def _mark(agent: Agent) -> str:
    return fingerprint(agent.public_key) if agent.public_key else "none"


def _require(registry: Registry, ids: Sequence[str]) -> None:
    known = [agent.id for agent in registry.agents]
    unknown = [
        Problem("error", "unknown-agent", f"no agent {quote(one)} is registered", Where("registry"), _known(known))
        for one in ids
        if one not in known
    ]
    if unknown:
        raise RegistryError("the registry", unknown)


def _known(ids: Sequence[str]) -> str:
    return f"these are: {', '.join(ids)}" if ids else "there is none at all"


def _drift(before: Agent, after: Agent) -> Iterator[str]:
    if before.public_key != after.public_key:
        yield f"key: {_mark(after)}, where {_mark(before)} is registered"
    if before.type != after.type:
        yield f"type: {after.type}, where {before.type} is registered"
    old = {one.action: one for one in before.capabilities}
    new = {one.action: one for one in after.capabilities}
    yield from (f"action {action} is gone" for action in old if action not in new)
    yield from (f"action {action} is new: {quote(new[action].description)}" for action in new if action not in old)
    for action, capability in new.items():
        if action in old:
            yield from _of_action(old[action], capability)
    if set(old) == set(new) and list(old) != list(new):
        yield f"the actions stand in another order: {', '.join(new)}"


def _moved(before: Agent, after: Agent) -> Iterator[str]:
    for label, name in (("address", "url"), ("version", "version"), ("connection", "conn_id")):
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            yield f"{label}: {quote(str(now or 'none'))}, where {quote(str(was or 'none'))} is registered"


def _of_action(before: Capability, after: Capability) -> Iterator[str]:
    for name in _TEXTS:
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            yield f"{after.action}: {name.replace('_', ' ')} is {_brief(now)}, was {_brief(was)}"
    for name in _SCHEMAS:
        for line in _differences(getattr(before, name), getattr(after, name), "$"):
            yield f"{after.action}: {name.replace('_', ' ')}, {line}"


def _differences(before: Any, after: Any, path: str) -> Iterator[str]:
    """Compare two JSON values, member by member: `$.path: what`."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in {**before, **after}:
            at = f"{path}.{quote(name)[1:-1]}"
            if name not in after:
                yield f"{at}: gone, was {_brief(before[name])}"
            elif name not in before:
                yield f"{at}: new, {_brief(after[name])}"
            else:
                yield from _differences(before[name], after[name], at)
    elif json.dumps(before) != json.dumps(after):  # which tells 1 from true, as `!=` does not
        yield f"{path}: {_brief(after)}, was {_brief(before)}"


def _brief(value: Any) -> str:
    return quote(value) if isinstance(value, str) else quote(json.dumps(value, ensure_ascii=False))[1:-1]


def _capped(lines: tuple[str, ...]) -> tuple[str, ...]:
    more = len(lines) - MAX_LINES
    return (*lines[:MAX_LINES], f"and {more} more differences") if more > 0 else lines
