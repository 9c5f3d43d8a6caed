"""Asking agents who they are: to register them, and to see whether they still are who they were."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from planexe_agents.client import AgentClient, AgentError, AgentUnavailable, Limits
from planexe_agents.protocol import AgentCard

from planexe_dag_factory.errors import DelegationError, Problem, RegistryError, Where
from planexe_dag_factory.routing.model import Agent
from planexe_dag_factory.routing.registry_cards import agent_of, read_cards
from planexe_dag_factory.routing.registry_changes import compare
from planexe_dag_factory.routing.registry_checks import check_address

LIMITS = Limits(answer_s=10, response_bytes=1024 * 1024)
"""A card is read by a person who waits, and is never large."""


@dataclass(frozen=True, slots=True)
class Health:
    """How a registered agent is; `drift` says what is not as it was registered."""

    agent: str
    state: Literal["ok", "unreachable", "changed"]
    drift: tuple[str, ...] = ()


def fetch_agents(urls: Iterable[str]) -> tuple[Agent, ...]:
    """Ask agents for their cards.

    Raises RegistryError with everything that forbids to register them, and DelegationError where
    all that is wrong is that some do not answer.
    """
    wanted = [url.rstrip("/") for url in urls]
    if problems := [fault for url in wanted for fault in check_address(url, "an agent", url)]:
        raise RegistryError("what you add", problems)
    answers = asyncio.run(_cards(wanted))
    cards = {url: answer for url, answer in answers.items() if isinstance(answer, AgentCard)}
    failed = {url: answer for url, answer in answers.items() if isinstance(answer, AgentError)}
    if failed and all(isinstance(answer, AgentUnavailable) for answer in failed.values()):
        raise DelegationError("\n".join(f"no agent answers at {url}: {answer}" for url, answer in failed.items()))
    if failed:
        raise RegistryError("what you add", [_unusable(url, answer) for url, answer in failed.items()])
    return read_cards(cards)


def check_agents(agents: Sequence[Agent]) -> tuple[Health, ...]:
    """Ask registered agents, all at once, whether they answer with the same key and the same schema."""
    answers = asyncio.run(_cards([agent.url for agent in agents]))
    return tuple(_health(agent, answers[agent.url]) for agent in agents)


def _health(agent: Agent, answer: AgentCard | AgentError) -> Health:
    if isinstance(answer, AgentUnavailable):
        return Health(agent.id, "unreachable", (str(answer),))
    if isinstance(answer, AgentError):
        return Health(agent.id, "changed", (str(answer),))
    if answer.id != agent.id:
        return Health(agent.id, "changed", (f"the agent {answer.id} answers at its address, {agent.url}",))
    change = compare(agent, agent_of(agent.url, answer))
    return Health(agent.id, "changed", change.drift) if change and change.drift else Health(agent.id, "ok")


async def _cards(urls: Iterable[str]) -> dict[str, AgentCard | AgentError]:
    distinct = list(dict.fromkeys(urls))
    return dict(zip(distinct, await asyncio.gather(*map(_card, distinct)), strict=True))


async def _card(url: str) -> AgentCard | AgentError:
    try:
        async with AgentClient(url, limits=LIMITS) as client:
            return await client.card()
    except AgentError as error:
        return error


def _unusable(url: str, error: AgentError) -> Problem:
    return Problem("error", "bad-card", str(error), Where(url), "an agent answers GET /schema.json with its card")
