"""`planexe-dag check` asks the agents that a plan's steps go to, unless it is told not to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from planexe_dag_factory.cli import app
from tests.agents.cards import shown_card
from tests.routing.agents import OTHER_KEY, card_of

PLAN = {
    "title": "Lawn",
    "owner": "Dana",
    "steps": [{"id": "mow", "title": "Mow", "description": "All of it.", "action": "mow_lawn"}],
}


def call(*words: str | Path) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words], prog_name="planexe-dag")


def found(plan: Path, registry: Path, *words: str) -> tuple[float, list[str]]:
    """The capacity of a plan, and the codes of what was found about agents."""
    document = json.loads(call("check", plan, "--registry", registry, "--json", *words).stdout)
    capacity = next(part["score"] for part in document["parts"] if part["name"] == "capacity")
    codes = [problem["code"] for problem in document["problems"] if problem["code"].startswith("agent-")]
    return capacity, codes


def test_an_agent_that_is_gone_or_is_another_costs_capacity(tmp_path: Path) -> None:
    plan, registry = tmp_path / "lawn.json", tmp_path / "registry.json"
    plan.write_text(json.dumps(PLAN))
    with shown_card(card_of()) as shown:
        assert call("agents", "add", shown.url, "--registry", registry, "--yes").exit_code == 0
        well = found(plan, registry)
        shown.card = card_of(public_key=OTHER_KEY)
        other = found(plan, registry)
        shown.card = None
        gone, unasked = found(plan, registry), found(plan, registry, "--offline")

    assert (well, other, gone, unasked) == (
        (1.0, []),
        (0.0, ["agent-changed"]),
        (0.0, ["agent-unreachable"]),
        (1.0, []),
    )
