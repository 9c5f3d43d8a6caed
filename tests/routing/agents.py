"""An agent of the tests: what it publishes, and what is registered of it."""

from __future__ import annotations

from typing import Any

from planexe_agents.protocol import AgentCard
from planexe_agents.signing import SigningKey

from planexe_dag_factory.routing.model import Agent, Capability

KEY, OTHER_KEY = (SigningKey.from_seed(bytes([one]) * 32).public for one in (1, 2))
ACTION: dict[str, Any] = {
    "name": "mow_lawn",
    "description": "Mows.",
    "examples": ["Mow the lawn"],
    "cannot": ["cut trees"],
    "input_schema": {"type": "object", "properties": {"title": {"type": "string"}}},
    "output_schema": {"type": "object"},
    "side_effects": "reversible",
}


def card_of(**changes: Any) -> AgentCard:
    """The mower's card, changed as a test likes."""
    card = {"id": "mower", "type": "robot", "name": "Mower", "version": "2.1", "public_key": KEY, "actions": [ACTION]}
    return AgentCard.model_validate({**card, **changes})


MOWER = Agent(
    "mower",
    "robot",
    "http://mower:80",
    "2.1",
    KEY,
    None,
    (
        Capability(
            "mower",
            "robot",
            "mow_lawn",
            "Mows.",
            ("Mow the lawn",),
            ("cut trees",),
            {"type": "object", "properties": {"title": {"type": "string"}}},
            {"type": "object"},
            "reversible",
        ),
    ),
)
