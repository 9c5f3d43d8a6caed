"""The four agents that come with the package; each is a module named like its agent, which holds `agent`."""

from __future__ import annotations

import importlib

from planexe_agents.protocol import AgentCard
from planexe_agents.service import Agent

NAMES = ("data_gathering", "analysis", "reporting", "risk_assessment")


def load(name: str) -> Agent:
    """Return one of the four agents. Raises ValueError on another name."""
    if name not in NAMES:
        raise ValueError(f"no agent is called {name!r}; there are {', '.join(NAMES)}")
    agent: Agent = importlib.import_module(f"planexe_agents.agents.{name}").agent
    return agent


def cards(public_key: str = "") -> tuple[AgentCard, ...]:
    """Return what the four publish, without starting them; a running one has a key of its own."""
    return tuple(load(name).card(public_key) for name in NAMES)
