"""The examples of docs/agents.md, as they stand there."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from pathlib import Path
from typing import Any

import httpx
from planexe_agents.agents import cards
from planexe_agents.client import AgentClient
from planexe_agents.protocol import ActionCard, AgentCard, Assignment, Outcome
from planexe_agents.signing import SigningKey, canonical, digest, verify

from tests.agents.serving import Served

GUIDE = (Path(__file__).parents[2] / "docs/agents.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def _serve(tmp_path: Path) -> Served:
    program = tmp_path / "word_counter.py"
    program.write_text(_blocks("python")[0], encoding="utf-8")
    return Served(tmp_path, command=(str(program),))


def test_the_agent_of_the_guide_is_about_20_lines() -> None:
    lines = [line for line in _blocks("python")[0].splitlines() if line.strip()]
    assert len(lines) <= 20


def test_the_agent_of_the_guide_works_for_the_orchestrators_client(tmp_path: Path) -> None:
    asked = Assignment(
        id="1",
        run="r",
        plan="p",
        step="s",
        attempt=1,
        agent="word_counter",
        action="count_words",
        inputs={"title": "Count", "description": "one two three"},
    )
    empty = asked.model_copy(update={"id": "2", "inputs": {"title": "Count"}})

    async def talk(served: Served) -> tuple[AgentCard, Outcome, Outcome]:
        async with served.client() as client:
            card = await client.card()
        async with AgentClient(served.url, public_key=card.public_key) as client:
            return card, await client.run(asked, 30), await client.run(empty, 30)

    with _serve(tmp_path) as served:
        card, counted, refused = asyncio.run(talk(served))
    assert [action.name for action in card.actions] == ["count_words"]
    assert (counted.result, counted.confidence) == ({"words": 3}, 1.0)
    assert (refused.status, refused.reason) == ("rejected", "missing data: there is no text to count")


def _as_curl_would(words: list[str]) -> httpx.Response:
    assert words[:2] == ["curl", "-s"]
    options = list(zip(words[3::2], words[4::2], strict=True))
    headers = dict(value.split(": ", 1) for name, value in options if name == "-H")
    return httpx.post(words[2], headers=headers, content=dict(options)["-d"])


def test_the_curl_example_gets_the_answer_that_the_guide_shows(tmp_path: Path) -> None:
    with _serve(tmp_path) as served:
        answer = _as_curl_would(shlex.split(_blocks("sh")[0].replace("http://127.0.0.1:8110", served.url)))
    shown, got = json.loads(_blocks("json")[1]), answer.json()
    changing = {"assignment_digest", "started_at", "ended_at", "signature"}
    assert list(shown) == list(got)
    assert {k: v for k, v in shown.items() if k not in changing} == {k: v for k, v in got.items() if k not in changing}


def test_the_guide_shows_a_card_and_names_every_member_of_every_message() -> None:
    card = AgentCard.model_validate_json(_blocks("json")[0])
    assert set(json.loads(_blocks("json")[0])) == set(AgentCard.model_fields)
    assert set(json.loads(_blocks("json")[0])["actions"][0]) == set(ActionCard.model_fields)
    assert card.actions[0].name == "tune_foghorn"
    protocol = GUIDE.split("## In any language")[1]
    for message in (Assignment, Outcome):
        assert [name for name in message.model_fields if f"`{name}`" not in protocol] == []


def test_the_test_vector_of_the_guide_is_right() -> None:
    vector: dict[str, Any] = json.loads(_blocks("json")[2])
    key = SigningKey.from_seed(bytes.fromhex(vector["seed"]))
    assert vector == {
        "seed": vector["seed"],
        "public_key": key.public,
        "document": vector["document"],
        "canonical": canonical(vector["document"]).decode(),
        "digest": digest(vector["document"]),
        "signature": key.sign(vector["document"]),
    }
    assert verify(vector["public_key"], vector["document"], vector["signature"])


def test_the_guide_names_every_action_of_the_four_agents() -> None:
    table = GUIDE.split("| agent | actions |")[1].split("\n\n")[0]
    rows = {
        row[0]: re.findall(r"`(\w+)`", row[1]) for row in re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE)
    }
    assert rows == {card.id: [action.name for action in card.actions] for card in cards()}
