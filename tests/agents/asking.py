"""Asks one of the four agents in this process, with a small plan around the question."""

from __future__ import annotations

import threading
from typing import Any

from planexe_agents.agents import load
from planexe_agents.protocol import Assignment, Outcome
from planexe_agents.signing import SigningKey, digest

KEY = SigningKey.from_seed(bytes(32))
DOCUMENTS = [
    {
        "name": "assumptions.md",
        "text": "# Assumptions\n\n"
        "- Sensors on the quay must comply with IEC 60529 and need a permit from the port authority.\n"
        "- A salt-proof sensor costs 400 EUR; mounting costs €1,000 to €1,500.",
    },
    {
        "name": "survey.md",
        "text": "The port authority grants a permit for quay sensors within 30 days.\n\nThe quay floods twice a month.",
    },
]
ESTIMATES = [
    {"id": "buy", "title": "Buy", "days_min": 2, "days_likely": 5, "days_max": 14},
    {"id": "mount", "title": "Mount", "days_min": 1, "days_likely": 2, "days_max": 3, "depends_on": ["buy"]},
    {"id": "train", "title": "Train", "days_min": 1, "days_likely": 1, "days_max": 1, "depends_on": ["buy"]},
]
RISKS = [
    {
        "area": "Supply",
        "description": "Quay sensors arrive late",
        "impact": "delay",
        "likelihood": "medium",
        "severity": "high",
        "action": "order early",
    },
    {"area": "Legal", "description": "The permit is refused", "likelihood": "low", "severity": "high", "action": ""},
]
RESULTS = [
    {"step": "ask-port", "title": "Ask the port", "by": "data_gathering", "result": {"answer": "Quay power is 24 V."}},
]
CONTEXT = {
    "plan": {"title": "Harbour air watch", "summary": ""},
    "phase": "build",
    "package": "Mount",
    "documents": DOCUMENTS,
    "estimates": ESTIMATES,
    "risks": RISKS,
    "results": RESULTS,
}


def ask(agent: str, action: str, inputs: dict[str, Any], context: dict[str, Any] | None = None, **more: Any) -> Outcome:
    asked = Assignment(
        id="a",
        run="r",
        plan="p",
        step="s",
        attempt=1,
        agent=agent,
        action=action,
        inputs=inputs,
        context=CONTEXT if context is None else context,
        **more,
    )
    document = asked.model_dump(mode="json")
    outcome = load(agent).perform(asked, digest(document), KEY, threading.Event())
    assert outcome.signed_by(KEY.public)
    return outcome
