"""What is wrong with agents that a registry holds, or that somebody wants to register."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from planexe_agents.signing import canonical

from planexe_dag_factory.errors import Problem, Where
from planexe_dag_factory.plan.text import quote
from planexe_dag_factory.routing.model import HUMAN, Agent, Capability, Registry
from planexe_dag_factory.routing.registry_format import dump_agent

KEY_BYTES = 32
REFERENCES = ("$ref", "$dynamicRef")


def check_agents(registry: Registry, name: str) -> Iterator[Problem]:
    """Check names, addresses and keys; an agent of what the package ships has neither address nor key."""
    for id_ in _twice(agent.id for agent in registry.agents):
        yield _error(name, "duplicate-agent", f"the agent {id_!r} is registered twice", "keep one of them")
    for agent in registry.agents:
        yield from _check_agent(agent, name)


def check_schemas(registry: Registry, name: str) -> Iterator[Problem]:
    """Check what agents say that their actions take and give; this takes the most time."""
    for agent in registry.agents:
        yield from _check_json(agent, name)
        for capability in agent.capabilities:
            yield from _check_capability(capability, name)


def check_address(url: str, whose: str, name: str) -> Iterator[Problem]:
    """Check that an agent can be asked at an address."""
    if not _is_http(url):
        hint = "an http or https address with a host, without user name, password, query or fragment, is needed"
        yield _error(name, "bad-url", f"{whose} has the address {quote(url)}", hint)


def _check_agent(agent: Agent, name: str) -> Iterator[Problem]:
    if HUMAN in {agent.type, agent.id}:
        yield _error(name, "reserved-name", f"{HUMAN!r} stands for people", "give the agent a name of its own")
    if agent.url:
        yield from check_address(agent.url, f"the agent {agent.id!r}", name)
    if agent.public_key is not None and not is_key(agent.public_key):
        message = f"the key of the agent {agent.id!r} is not {KEY_BYTES} bytes in base64"
        yield _error(name, "bad-key", message, "an agent shows its raw Ed25519 public key in schema.json")
    for action in _twice(capability.action for capability in agent.capabilities):
        message = f"the agent {agent.id!r} has the action {action!r} twice"
        yield _error(name, "duplicate-action", message, "keep one of them")


def _check_json(agent: Agent, name: str) -> Iterator[Problem]:
    try:
        canonical(dump_agent(agent))
    except ValueError as error:
        message = f"the agent {agent.id!r} says what JSON cannot keep: {quote(str(error))}"
        yield _error(name, "bad-card", message, "numbers must be finite, whole ones below 2^53")


def _check_capability(capability: Capability, name: str) -> Iterator[Problem]:
    for kind, schema in (("input", capability.input_schema), ("output", capability.output_schema)):
        whose = f"the {kind} schema of {capability.agent}.{capability.action}"
        try:
            Draft202012Validator.check_schema(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        except SchemaError as error:
            message = f"{whose} is no JSON Schema: {quote(error.message)}"
            yield _error(name, "bad-schema", message, "mend the schema in the agent")
        for reference in _foreign_references(schema):
            message = f"{whose} refers to {quote(reference)}, which is not within it"
            yield _error(name, "foreign-reference", message, "only references that begin with # are followed")


def _foreign_references(schema: Any) -> Iterator[str]:
    """Find references that a validator would have to fetch from elsewhere."""
    if isinstance(schema, Mapping):
        for key in REFERENCES:
            target = schema.get(key)
            if isinstance(target, str) and not target.startswith("#"):
                yield target
        schema = list(schema.values())
    if isinstance(schema, list | tuple):
        for part in schema:
            yield from _foreign_references(part)


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


def is_key(text: str) -> bool:
    """Say whether a text is a raw Ed25519 public key in base64."""
    try:
        return len(base64.b64decode(text, validate=True)) == KEY_BYTES
    except (binascii.Error, ValueError):
        return False


def _error(name: str, code: str, message: str, hint: str) -> Problem:
    return Problem("error", code, message, Where(name), hint)
