"""Write `routing/registry.json`, the registry that the package ships, from the four agents' cards.

    python -m benchmarks.shipped_registry

The agents' keys are made where they run, so the shipped registry has none; nor has it addresses.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from planexe_agents.agents import cards
from planexe_agents.signing import SigningKey

from planexe_dag_factory.routing.model import Registry
from planexe_dag_factory.routing.registry_cards import agent_of
from planexe_dag_factory.routing.registry_format import dump_registry

TARGET = Path(__file__).parents[1] / "planexe_dag_factory/routing/registry.json"


def shipped_registry() -> Registry:
    """Return the four agents, wherever they run."""
    published = cards(SigningKey.from_seed(bytes(32)).public)
    return Registry(tuple(replace(agent_of("", card), public_key=None) for card in published))


def document() -> str:
    """Return the text of the file."""
    return json.dumps(dump_registry(shipped_registry()), indent=1) + "\n"


if __name__ == "__main__":
    TARGET.write_text(document())
