"""From the cards that agents publish (`schema.json`) to agents that can be registered."""

from __future__ import annotations

from collections.abc import Mapping

from planexe_agents.protocol import PROTOCOL, AgentCard

from planexe_dag_factory.errors import Problem, RegistryError, Where
from planexe_dag_factory.plan.text import quote
from planexe_dag_factory.routing.model import Agent, Capability, Registry
from planexe_dag_factory.routing.registry_checks import check_agents, check_schemas

CARDS = "the agents' cards"


def read_cards(cards: Mapping[str, AgentCard]) -> tuple[Agent, ...]:
    """Return the agents that publish `cards`, by address. Raises RegistryError with every problem of them."""
    found = Registry(tuple(agent_of(url, card) for url, card in cards.items()))
    spoken = [
        Problem("error", "unknown-protocol", f"the agent speaks {quote(card.protocol)}, not {PROTOCOL}", Where(url))
        for url, card in cards.items()
        if card.protocol != PROTOCOL
    ]
    if problems := (*spoken, *check_agents(found, CARDS), *check_schemas(found, CARDS)):
        raise RegistryError(CARDS, problems)
    return found.agents


def agent_of(url: str, card: AgentCard) -> Agent:
    """Return the agent that a card describes."""
    return Agent(
        id=card.id,
        type=card.type,
        url=url,
        version=card.version,
        public_key=card.public_key,
        capabilities=tuple(
            Capability(agent=card.id, agent_type=card.type, action=action.name, **action.model_dump(exclude={"name"}))
            for action in card.actions
        ),
    )
