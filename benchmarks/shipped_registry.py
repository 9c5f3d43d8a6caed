"""Write `routing/registry.json`, the registry that the package ships, from the four agents' cards.

    python -m benchmarks.shipped_registry

The agents' keys are made where they run, so the shipped registry has none.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from planexe_agents.agents import cards
from planexe_agents.signing import SigningKey

from planexe_dag_factory.routing.model import Registry
from planexe_dag_factory.routing.registry import add_cards, dump_registry

TARGET = Path(__file__).parents[1] / "planexe_dag_factory/routing/registry.json"
FIRST_PORT = 8801


def shipped_registry() -> Registry:
    """Return the four agents at their usual addresses on this machine."""
    published = cards(SigningKey.from_seed(bytes(32)).public)
    addresses = {f"http://127.0.0.1:{FIRST_PORT + at}": card for at, card in enumerate(published)}
    known = add_cards(Registry(), {url: card.model_dump(mode="json") for url, card in addresses.items()})
    return Registry(tuple(replace(agent, public_key=None) for agent in known.agents))


def document() -> str:
    """Return the text of the file."""
    return json.dumps(dump_registry(shipped_registry()), indent=1) + "\n"


if __name__ == "__main__":
    TARGET.write_text(document())
