from __future__ import annotations

import math
from typing import Any

import pytest

from planexe_dag_factory.errors import RegistryError
from planexe_dag_factory.routing.registry_cards import read_cards
from tests.routing.agents import ACTION, MOWER, card_of


def refusals(**cards: Any) -> list[tuple[str, str]]:
    with pytest.raises(RegistryError) as caught:
        read_cards({f"http://{name}": card for name, card in cards.items()})
    return [(problem.code, problem.message) for problem in caught.value.problems]


def test_a_card_becomes_an_agent() -> None:
    assert read_cards({"http://mower:80": card_of()}) == (MOWER,)


def test_every_problem_of_every_card_is_told_at_once() -> None:
    bad = {
        "b": card_of(id="b", protocol="other/1"),
        "d": card_of(id="d", public_key="short"),
        "e": card_of(id="e", actions=[ACTION, {**ACTION, "input_schema": {"type": "objekt"}}]),
        "f": card_of(id="human"),
    }
    assert {code for code, _ in refusals(**bad)} == {
        "bad-key",
        "bad-schema",
        "duplicate-action",
        "reserved-name",
        "unknown-protocol",
    }


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"type": "string", "pattern": "("}, "bad-schema"),
        ({"properties": {"a": {"$ref": "http://169.254.169.254/latest"}}}, "foreign-reference"),
        ({"allOf": [{"$dynamicRef": "file:///etc/passwd"}]}, "foreign-reference"),
        ({"maximum": math.inf}, "bad-card"),
        ({"maximum": 2**60}, "bad-card"),
    ],
)
def test_a_schema_that_would_trouble_whoever_uses_it_is_refused(schema: dict[str, Any], problem: str) -> None:
    found = refusals(mower=card_of(actions=[{**ACTION, "output_schema": schema}]))
    assert [code for code, _ in found] == [problem]


def test_a_schema_may_refer_to_itself() -> None:
    schema = {"$defs": {"a": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/a"}}}
    assert read_cards({"http://mower": card_of(actions=[{**ACTION, "output_schema": schema}])})


@pytest.mark.parametrize("url", ["http://127.0.0.1:8801", "https://agents.example/analysis"])
def test_a_plain_http_address_is_taken(url: str) -> None:
    assert [agent.url for agent in read_cards({url: card_of()})] == [url]


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "http://", "http://user@host", "http://host:99999", "http://host/?q=1", "javascript:x"],
)
def test_any_other_address_is_refused(url: str) -> None:
    with pytest.raises(RegistryError, match="has the address"):
        read_cards({url: card_of()})
