from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from planexe_agents.agents import cards
from planexe_agents.signing import digest

from planexe_dag_factory.errors import RegistryError
from planexe_dag_factory.routing.model import Registry
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.routing.registry_cards import agent_of
from planexe_dag_factory.routing.registry_format import dump_registry
from tests.routing.agents import KEY, MOWER


def problems_of(error: RegistryError) -> list[tuple[str, str]]:
    return [(problem.code, problem.message) for problem in error.problems]


def test_the_shipped_registry_is_what_the_four_agents_publish() -> None:
    shipped = load_registry(None)
    published = [agent_of("", card) for card in cards(KEY)]
    remedy = "run python -m benchmarks.shipped_registry"
    assert [agent.capabilities for agent in shipped.agents] == [agent.capabilities for agent in published], remedy
    assert [agent.id for agent in shipped.agents] == ["data_gathering", "analysis", "reporting", "risk_assessment"]
    assert {(agent.public_key, agent.url) for agent in shipped.agents} == {(None, "")}


def test_what_plans_are_compiled_against_is_read_back_and_knows_no_address(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    addressed, moved = Registry((MOWER,)), Registry((replace(MOWER, url="http://moved:1", conn_id="vault"),))
    assert digest(dump_registry(addressed)) == digest(dump_registry(moved))
    for registry in (load_registry(None), Registry((replace(MOWER, url=""),)), Registry()):
        path.write_text(json.dumps(dump_registry(registry)))
        assert load_registry(path) == registry


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"agents": [{"id": "a"}]}', [("missing-field", "'type' is missing")]),
        (
            '{"agents": [{"id": "a", "type": "t", "vesion": "1"}]}',
            [("unknown-field", "'vesion' is not a field here")],
        ),
        ('{"version": 3}', [("wrong-value", "the number 3 is not 1")]),
        ('{"version": 2, "agents": []}', [("missing-field", "'history' is missing")]),
        (
            '{"agents": [{"id": "a", "type": "t"}, {"id": "a", "type": "t"}]}',
            [("duplicate-agent", "the agent 'a' is registered twice")],
        ),
        ('{"agents": [], "agents": []}', [("duplicate-key", "the name 'agents' is given twice; keep one of them")]),
        ("", [("not-json", "the file is empty")]),
    ],
)
@pytest.mark.parametrize("thorough", [True, False])
def test_a_registry_file_that_cannot_be_used_is_refused(
    tmp_path: Path, text: str, expected: list[tuple[str, str]], *, thorough: bool
) -> None:
    path = tmp_path / "registry.json"
    path.write_text(text)
    with pytest.raises(RegistryError) as caught:
        load_registry(path, thorough=thorough)
    assert problems_of(caught.value) == expected


def test_a_registry_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="the registry cannot be read: No such file or directory"):
        load_registry(tmp_path / "none.json")
