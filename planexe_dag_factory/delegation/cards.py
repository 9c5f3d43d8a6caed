"""Asking agents who they are: to register them, and to see whether they still are who they were."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from planexe_agents.client import AgentClient, AgentError, AgentForbidden, AgentUnavailable, Limits
from planexe_agents.networks import Networks
from planexe_agents.protocol import AgentCard

from planexe_dag_factory.errors import DelegationError, Problem, RegistryError, Where
from planexe_dag_factory.routing.model import Agent
from planexe_dag_factory.routing.registry_cards import agent_of, read_cards
from planexe_dag_factory.routing.registry_changes import compare
from planexe_dag_factory.routing.registry_checks import check_address

LIMITS = Limits(answer_s=10, response_bytes=1024 * 1024)
"""A card is read by a person who waits, and is never large."""
ALLOW = (
    "agents may be on this machine and at public addresses; where yours is in a private network, name that, such as "
    "10.20.0.0/16: here with --networks, for Airflow in [planexe] agent_networks "
    "(AIRFLOW__PLANEXE__AGENT_NETWORKS serves both); `private` stands for all private ones"
)


@dataclass(frozen=True, slots=True)
class Access:
    """How agents are reached: in which networks, and with which tokens, by the ids of their connections."""

    networks: Networks = field(default_factory=Networks)
    tokens: Mapping[str, str] = field(default_factory=dict)

    def client(self, url: str, conn_id: str | None) -> AgentClient:
        token = self.tokens.get(conn_id) if conn_id else None
        return AgentClient(url, token=token, limits=LIMITS, networks=self.networks)


@dataclass(frozen=True, slots=True)
class Health:
    """How a registered agent is; `drift` says what is not as it was registered."""

    agent: str
    state: Literal["ok", "unreachable", "changed"]
    drift: tuple[str, ...] = ()


def fetch_agents(urls: Iterable[str], access: Access | None = None, conn_id: str | None = None) -> tuple[Agent, ...]:
    """Ask agents for their cards, with the token of a connection.

    Raises RegistryError with everything that forbids to register them, and DelegationError where
    all that is wrong is that some do not answer.
    """
    wanted = [url.rstrip("/") for url in urls]
    if problems := [fault for url in wanted for fault in check_address(url, "an agent", url)]:
        raise RegistryError("what you add", problems)
    answers = asyncio.run(_cards([(url, conn_id) for url in wanted], access or Access()))
    cards = {url: answer for url, answer in answers.items() if isinstance(answer, AgentCard)}
    failed = {url: answer for url, answer in answers.items() if isinstance(answer, AgentError)}
    if failed and all(isinstance(answer, AgentUnavailable) for answer in failed.values()):
        raise DelegationError("\n".join(f"no agent answers at {url}: {answer}" for url, answer in failed.items()))
    if failed:
        raise RegistryError("what you add", [_unusable(url, answer) for url, answer in failed.items()])
    return read_cards(cards)


def check_agents(agents: Sequence[Agent], access: Access | None = None) -> tuple[Health, ...]:
    """Ask registered agents, all at once, whether they answer with the same key and the same schema."""
    answers = asyncio.run(_cards([(agent.url, agent.conn_id) for agent in agents], access or Access()))
    return tuple(_health(agent, answers[agent.url]) for agent in agents)


def _health(agent: Agent, answer: AgentCard | AgentError) -> Health:
    if isinstance(answer, AgentUnavailable | AgentForbidden):
        return Health(agent.id, "unreachable", (str(answer),))
    if isinstance(answer, AgentError):
        return Health(agent.id, "changed", (str(answer),))
    if answer.id != agent.id:
        return Health(agent.id, "changed", (f"the agent {answer.id} answers at its address, {agent.url}",))
    change = compare(agent, agent_of(agent.url, answer))
    return Health(agent.id, "changed", change.drift) if change and change.drift else Health(agent.id, "ok")


async def _cards(places: Iterable[tuple[str, str | None]], access: Access) -> dict[str, AgentCard | AgentError]:
    distinct = dict(places)
    answers = await asyncio.gather(*(_card(access.client(url, conn_id)) for url, conn_id in distinct.items()))
    return dict(zip(distinct, answers, strict=True))


async def _card(asking: AgentClient) -> AgentCard | AgentError:
    try:
        async with asking as client:
            return await client.card()
    except AgentError as error:
        return error


def _unusable(url: str, error: AgentError) -> Problem:
    if isinstance(error, AgentForbidden):
        return Problem("error", "forbidden-address", str(error), Where(url), ALLOW)
    return Problem("error", "bad-card", str(error), Where(url), "an agent answers GET /schema.json with its card")
