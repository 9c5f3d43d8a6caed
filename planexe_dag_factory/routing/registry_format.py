"""What registries look like on disk, and how a `Registry` becomes a document and is read back.

Version 1 says what there is to route to, and is what the package ships, plans are compiled against,
and runs keep: no addresses, so that an agent that moves changes no plan. Version 2 is the operator's
file: addresses as well, and a history whose newest entry is signed; see `registry_file`.
"""

from __future__ import annotations

from typing import Any, Literal

from planexe_agents.signing import verify
from pydantic import BaseModel, ConfigDict, Field

from planexe_dag_factory.routing.model import Agent, Capability, Registry

ChangeKind = Literal["added", "changed", "removed", "preferred"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CapabilityFormat(_Strict):
    """An action in a registry."""

    action: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    description: str
    examples: tuple[str, ...] = ()
    cannot: tuple[str, ...] = ()
    input_schema: dict[str, Any] = {}
    output_schema: dict[str, Any] = {}
    side_effects: Literal["none", "reversible", "irreversible"] = "none"


class AgentFormat(_Strict):
    """An agent without its address; the order of agents is the order of preference."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")
    type: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    version: str = "0"
    public_key: str | None = None
    capabilities: tuple[CapabilityFormat, ...] = ()


class RegistryFormat(_Strict):
    """What there is to route to."""

    version: Literal[1] = 1
    agents: tuple[AgentFormat, ...] = ()


class AddressedAgentFormat(AgentFormat):
    """An agent, where it answers, and the Airflow connection that holds its token."""

    public_key: str
    url: str
    conn_id: str | None = None


class ChangeFormat(_Strict):
    """What was done to one agent; `digest` is of the agent as it is since then."""

    agent: str
    change: ChangeKind
    what: tuple[str, ...] = ()
    digest: str | None


class EntryFormat(_Strict):
    """One change of the file: `agents` is the digest of all agents after it, `follows` of the entry before.

    `hands_over_to` is the operator's next key, where this one is replaced.
    """

    at: str
    by: str
    changes: tuple[ChangeFormat, ...]
    agents: str
    follows: str | None
    hands_over_to: str | None = None
    key: str
    signature: str

    def as_json(self) -> dict[str, Any]:
        """Return it as it is written: a member that few entries have is left out of the others."""
        return self.model_dump(mode="json", exclude=set() if self.hands_over_to else {"hands_over_to"})

    def unsigned(self) -> dict[str, Any]:
        """Everything that the signature covers, as JSON."""
        return {name: value for name, value in self.as_json().items() if name != "signature"}

    def holds(self) -> bool:
        """Say whether it is signed with the key that it names."""
        return verify(self.key, self.unsigned(), self.signature)


class SignedRegistryFormat(_Strict):
    """The operator's file."""

    version: Literal[2]
    agents: tuple[AddressedAgentFormat, ...]
    history: tuple[EntryFormat, ...] = Field(min_length=1)


def to_registry(document: RegistryFormat | SignedRegistryFormat) -> Registry:
    """Return the agents of a document."""
    return Registry(tuple(map(_agent, document.agents)))


def dump_registry(registry: Registry) -> dict[str, Any]:
    """Return what matters for routing as JSON: ids, keys, actions and their schemas, and no address."""
    return {"version": 1, "agents": [dump_agent(agent) for agent in registry.agents]}


def dump_agent(agent: Agent, *, addressed: bool = False) -> dict[str, Any]:
    """Return an agent as JSON, with or without where and how it is reached."""
    fields = ("id", "type", "version", "public_key", *(("url", "conn_id") if addressed else ()))
    capabilities = [_dump_capability(capability) for capability in agent.capabilities]
    return {name: getattr(agent, name) for name in fields} | {"capabilities": capabilities}


def _agent(document: AgentFormat) -> Agent:
    capabilities = tuple(
        Capability(agent=document.id, agent_type=document.type, **dict(one)) for one in document.capabilities
    )
    return Agent(**{"url": "", **dict(document), "capabilities": capabilities})


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
