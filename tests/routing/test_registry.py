from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.agents import cards
from planexe_agents.signing import SigningKey

from planexe_dag_factory.errors import RegistryError
from planexe_dag_factory.routing.model import Agent, Capability, Registry
from planexe_dag_factory.routing.registry import add_cards, dump_registry, load_registry

KEY, OTHER_KEY = (SigningKey.from_seed(bytes([one]) * 32).public for one in (1, 2))


def card_of(**changes: Any) -> dict[str, Any]:
    action = {
        "name": "mow_lawn",
        "description": "Mows.",
        "examples": ["Mow the lawn"],
        "cannot": ["cut trees"],
        "input_schema": {"type": "object"},
        "output_schema": {"type": "object"},
        "side_effects": "reversible",
    }
    card = {"id": "mower", "type": "robot", "name": "Mower", "version": "2.1", "public_key": KEY, "actions": [action]}
    return {**card, **changes}


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
            {"type": "object"},
            {"type": "object"},
            "reversible",
        ),
    ),
)


def problems_of(error: RegistryError) -> list[tuple[str, str]]:
    return [(problem.code, problem.message) for problem in error.problems]


def test_the_shipped_registry_is_what_the_four_agents_publish() -> None:
    shipped = load_registry(None)

    published = add_cards(
        Registry(), {f"http://127.0.0.1/{card.id}": card.model_dump(mode="json") for card in cards(KEY)}
    )

    remedy = "run python -m benchmarks.shipped_registry"
    assert [agent.capabilities for agent in shipped.agents] == [agent.capabilities for agent in published.agents], (
        remedy
    )
    assert [agent.id for agent in shipped.agents] == ["data_gathering", "analysis", "reporting", "risk_assessment"]
    assert {agent.public_key for agent in shipped.agents} == {None}


def test_a_card_becomes_an_agent_that_comes_last() -> None:
    known = Registry((Agent("first", "analysis", "http://first"),))

    assert add_cards(known, {"http://mower:80": card_of()}) == Registry((*known.agents, MOWER))


def test_an_agent_that_is_known_keeps_its_place_and_connection() -> None:
    before = Agent("mower", "robot", "http://old", "1", KEY, "mower_conn")
    last = Agent("last", "analysis", "http://last")

    after = add_cards(Registry((before, last)), {"http://mower:80": card_of()})

    assert [(agent.id, agent.url, agent.version, agent.conn_id) for agent in after.agents] == [
        ("mower", "http://mower:80", "2.1", "mower_conn"),
        ("last", "http://last", "0", None),
    ]


def test_a_changed_key_is_never_taken_silently() -> None:
    registry = Registry((MOWER,))

    with pytest.raises(RegistryError) as caught:
        add_cards(registry, {"http://mower:80": card_of(public_key=OTHER_KEY)})

    assert problems_of(caught.value) == [
        ("changed-key", "the agent 'mower' shows another key than the one registered"),
    ]


def test_a_registry_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    for registry in (load_registry(None), Registry((MOWER,)), Registry()):
        path.write_text(json.dumps(dump_registry(registry)))

        assert load_registry(path) == registry


def test_every_problem_of_the_cards_is_told_at_once() -> None:
    action = card_of()["actions"][0]
    bad = {
        "http://a": card_of(id="Mower!", surprise=1),
        "http://b": card_of(id="b", protocol="other/1"),
        "ftp://c": card_of(id="c"),
        "http://user:secret@d": card_of(id="d", public_key="short"),
        "http://e": card_of(id="e", actions=[action, {**action, "input_schema": {"type": "objekt"}}]),
        "http://f": card_of(id="human"),
        "http://g": "no card",
    }

    with pytest.raises(RegistryError) as caught:
        add_cards(Registry(), bad)

    assert sorted({code for code, _ in problems_of(caught.value)}) == [
        "bad-card",
        "bad-key",
        "bad-schema",
        "bad-url",
        "duplicate-action",
        "reserved-name",
        "unknown-protocol",
    ]
    assert [problem.where.file for problem in caught.value.problems if problem.code == "bad-card"] == [
        "http://a",
        "http://a",
        "http://g",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"agents": [{"id": "a", "type": "t"}]}', [("missing-field", "'url' is missing")]),
        (
            '{"agents": [{"id": "a", "type": "t", "url": "http://a", "vesion": "1"}]}',
            [("unknown-field", "'vesion' is not a field here")],
        ),
        ('{"version": 2}', [("wrong-value", "the number 2 is not 1")]),
        (
            '{"agents": [{"id": "a", "type": "t", "url": "http://a"}, {"id": "a", "type": "t", "url": "http://b"}]}',
            [("duplicate-agent", "the agent 'a' is registered twice")],
        ),
        ('{"agents": [], "agents": []}', [("duplicate-key", "the name 'agents' is given twice; keep one of them")]),
        ("", [("not-json", "the file is empty")]),
    ],
)
def test_a_registry_file_that_cannot_be_used_is_refused(
    tmp_path: Path, text: str, expected: list[tuple[str, str]]
) -> None:
    path = tmp_path / "registry.json"
    path.write_text(text)

    with pytest.raises(RegistryError) as caught:
        load_registry(path)

    assert problems_of(caught.value) == expected


def test_a_registry_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="the registry cannot be read: No such file or directory"):
        load_registry(tmp_path / "none.json")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8801", "https://agents.example/analysis"])
def test_a_plain_http_address_is_taken(url: str) -> None:
    assert [agent.url for agent in add_cards(Registry(), {url: card_of()}).agents] == [url]


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://",
        "http://user@host",
        "http://host:99999",
        "http://host/?q=1",
        "javascript:alert(1)",
    ],
)
def test_any_other_address_is_refused(url: str) -> None:
    with pytest.raises(RegistryError) as caught:
        add_cards(Registry(), {url: card_of()})

    assert problems_of(caught.value) == [("bad-url", f"the agent 'mower' has the address '{url}'")]
