"""The registry of agents: one JSON file, made from the agents' published cards, read and never fetched."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from planexe_agents.protocol import PROTOCOL, AgentCard
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from planexe_dag_factory.errors import Problem, RegistryError, Where
from planexe_dag_factory.plan.findings import Findings
from planexe_dag_factory.plan.jsontext import JsonText, parse_json
from planexe_dag_factory.plan.text import quote
from planexe_dag_factory.routing.model import HUMAN, Agent, Capability, Registry

SHIPPED = "the registry of the package"
KEY_BYTES = 32


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CapabilityFormat(_Strict):
    """An action in the registry file."""

    action: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    description: str
    examples: tuple[str, ...] = ()
    cannot: tuple[str, ...] = ()
    input_schema: dict[str, Any] = {}
    output_schema: dict[str, Any] = {}
    side_effects: Literal["none", "reversible", "irreversible"] = "none"


class AgentFormat(_Strict):
    """An agent in the registry file; the order of agents is the order of preference."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")
    type: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    url: str
    version: str = "0"
    public_key: str | None = None
    conn_id: str | None = None
    capabilities: tuple[CapabilityFormat, ...] = ()


class RegistryFormat(_Strict):
    """The registry file."""

    version: Literal[1] = 1
    agents: tuple[AgentFormat, ...] = ()


def load_registry(path: Path | None, *, check_schemas: bool = True) -> Registry:
    """Read a registry file; None stands for the one in the package.

    Checking the actions' schemas takes most of the time; who has checked the file before may leave it out.

    Raises RegistryError, with every problem, where the file is missing or cannot be used.
    """
    if path is None:
        return _parse(files(__package__).joinpath("registry.json").read_bytes(), SHIPPED, check_schemas=check_schemas)
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"the registry cannot be read: {error.strerror or error}"
        raise RegistryError(str(path), [Problem("error", "unreadable", message, Where(str(path)))]) from error
    return _parse(data, str(path), check_schemas=check_schemas)


def dump_registry(registry: Registry) -> dict[str, Any]:
    """Return a registry as the JSON of its file; `load_registry` reads it back to an equal value."""
    return {"version": 1, "agents": [_dump_agent(agent) for agent in registry.agents]}


def add_cards(registry: Registry, cards: Mapping[str, Any]) -> Registry:
    """Return the registry with the agents that publish `cards` (`schema.json` by URL).

    An agent that is known keeps its place and its connection; a new one comes last. Raises
    RegistryError, with every problem, where a card cannot be used, or shows another key than the
    one registered: take the agent out first where the new key is meant.
    """
    problems: list[Problem] = []
    known = {agent.id: agent for agent in registry.agents}
    for url, card in cards.items():
        agent = _from_card(url, card, problems)
        if agent is None:
            continue
        before = known.get(agent.id)
        problems += _changed_key(before, agent)
        known[agent.id] = _keep_connection(before, agent)
    changed = Registry(tuple(known.values()))
    problems += (*_check(changed, "the agents' cards"), *_check_schemas(changed, "the agents' cards"))
    if problems:
        raise RegistryError("the agents' cards", problems)
    return changed


def _parse(data: bytes, name: str, *, check_schemas: bool) -> Registry:
    source, problems = parse_json(data, name)
    if source is None:
        raise RegistryError(name, problems)
    return _from_json(source, check_schemas=check_schemas)


def _from_json(source: JsonText, *, check_schemas: bool) -> Registry:
    findings = Findings(source)
    document = findings.validate(RegistryFormat, source.value, (), "error")
    if document is None:
        raise RegistryError(source.name, findings.problems)
    registry = Registry(tuple(map(_agent, document.agents)))
    schemas = _check_schemas(registry, source.name) if check_schemas else ()
    if problems := (*_check(registry, source.name), *schemas):
        raise RegistryError(source.name, problems)
    return registry


def _agent(document: AgentFormat) -> Agent:
    capabilities = tuple(
        Capability(agent=document.id, agent_type=document.type, **dict(one)) for one in document.capabilities
    )
    return Agent(**{**dict(document), "capabilities": capabilities})


def _dump_agent(agent: Agent) -> dict[str, Any]:
    fields = ("id", "type", "url", "version", "public_key", "conn_id")
    capabilities = [_dump_capability(capability) for capability in agent.capabilities]
    return {name: getattr(agent, name) for name in fields} | {"capabilities": capabilities}


def _dump_capability(capability: Capability) -> dict[str, Any]:
    return {
        "action": capability.action,
        "description": capability.description,
        "examples": list(capability.examples),
        "cannot": list(capability.cannot),
        "input_schema": dict(capability.input_schema),
        "output_schema": dict(capability.output_schema),
        "side_effects": capability.side_effects,
    }


def _from_card(url: str, card: Any, problems: list[Problem]) -> Agent | None:
    try:
        read = AgentCard.model_validate(card)
    except ValidationError as error:
        problems += (
            Problem(
                "error",
                "bad-card",
                f"{'.'.join(map(str, fault['loc'])) or 'the card'}: {fault['msg']}",
                Where(url),
                hint="an agent answers GET /schema.json with its card",
            )
            for fault in error.errors(include_url=False)
        )
        return None
    if read.protocol != PROTOCOL:
        message = f"the agent speaks {quote(read.protocol)}, not {PROTOCOL}"
        problems.append(Problem("error", "unknown-protocol", message, Where(url), "use an agent of this protocol"))
    return Agent(
        id=read.id,
        type=read.type,
        url=url,
        version=read.version,
        public_key=read.public_key,
        capabilities=tuple(
            Capability(agent=read.id, agent_type=read.type, action=action.name, **action.model_dump(exclude={"name"}))
            for action in read.actions
        ),
    )


def _changed_key(before: Agent | None, agent: Agent) -> Iterator[Problem]:
    if before and before.public_key and before.public_key != agent.public_key:
        message = f"the agent {agent.id!r} shows another key than the one registered"
        hint = "someone else may answer at its address; remove the agent first where the new key is meant"
        yield Problem("error", "changed-key", message, Where(agent.url), hint)


def _keep_connection(before: Agent | None, agent: Agent) -> Agent:
    fields = {name: getattr(agent, name) for name in ("id", "type", "url", "version", "public_key", "capabilities")}
    return Agent(**fields, conn_id=before.conn_id if before else None)


def _check(registry: Registry, name: str) -> Iterator[Problem]:
    for id_ in _twice(agent.id for agent in registry.agents):
        yield _error(name, "duplicate-agent", f"the agent {id_!r} is registered twice", "keep one of them")
    for agent in registry.agents:
        yield from _check_agent(agent, name)


def _check_agent(agent: Agent, name: str) -> Iterator[Problem]:
    if HUMAN in {agent.type, agent.id}:
        yield _error(name, "reserved-name", f"{HUMAN!r} stands for people", "give the agent a name of its own")
    if not _is_http(agent.url):
        message = f"the agent {agent.id!r} has the address {quote(agent.url)}"
        hint = "an http or https address with a host, without user name, password, query or fragment, is needed"
        yield _error(name, "bad-url", message, hint)
    if agent.public_key is not None and not _is_key(agent.public_key):
        message = f"the key of the agent {agent.id!r} is not {KEY_BYTES} bytes in base64"
        yield _error(name, "bad-key", message, "copy the key from the agent's schema.json")
    for action in _twice(capability.action for capability in agent.capabilities):
        message = f"the agent {agent.id!r} has the action {action!r} twice"
        yield _error(name, "duplicate-action", message, "keep one of them")


def _check_schemas(registry: Registry, name: str) -> Iterator[Problem]:
    for agent in registry.agents:
        for capability in agent.capabilities:
            yield from _check_capability(capability, name)


def _check_capability(capability: Capability, name: str) -> Iterator[Problem]:
    for kind, schema in (("input", capability.input_schema), ("output", capability.output_schema)):
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            message = f"the {kind} schema of {capability.agent}.{capability.action} is no JSON Schema: {error.message}"
            yield _error(name, "bad-schema", message, "mend the schema in the agent")


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  reading it is what checks it
    except ValueError:
        return False
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and plain


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == KEY_BYTES
    except (binascii.Error, ValueError):
        return False


def _error(name: str, code: str, message: str, hint: str) -> Problem:
    return Problem("error", code, message, Where(name), hint)
