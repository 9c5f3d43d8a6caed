"""Mutated answers of agents: each is the outcome that was signed, or an error that says what is wrong with it.

Bodies of good answers, and answers as a whole: status, headers, lengths, encodings.

`PLANEXE_MUTATIONS=5000` asks for more than the few hundred of every test run.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter

import pytest
from planexe_agents.client import LONGEST_WAIT_S, AgentClient, AgentError, AgentProtocolError, Limits, Pending
from planexe_agents.protocol import Assignment, Evidence, Outcome
from planexe_agents.signing import SigningKey, digest

from tests.agents.scripted import http, scripted
from tests.agents.serving import QUICK, assignment
from tests.fuzz.mutations import as_bytes, mutate, mutate_bytes
from tests.fuzz.replies import reply

COUNT = int(os.environ.get("PLANEXE_MUTATIONS", "300"))
SEED = int(os.environ.get("PLANEXE_MUTATIONS_SEED", "2026")) + 10
KEY = SigningKey.from_seed(bytes(range(32)))
ASKED = assignment()
IMPATIENT = Limits(connect_s=2, answer_s=2, failures=1)
pytestmark = pytest.mark.timeout(60 + COUNT)


def signed(asked: Assignment) -> Outcome:
    return Outcome(
        assignment=asked.id,
        assignment_digest=digest(asked.model_dump(mode="json")),
        agent=asked.agent,
        action=asked.action,
        status="completed",
        result={"answer": 42, "lines": ["one", "two"], "nested": {"deep": [1, 2.5, None]}},
        confidence=0.8,
        confidence_why="two sources agree",
        evidence=(Evidence(source="harbour.md", quote="Berth 7 is closed"),),
        started_at="2026-01-01T00:00:00+00:00",
        ended_at="2026-01-01T00:00:01+00:00",
    ).signed(KEY)


def test_mutated_answers_of_agents() -> None:
    rng = random.Random(SEED)
    good = signed(ASKED)
    document = good.model_dump(mode="json")
    bodies = [_mutated(document, rng) for _ in range(COUNT)]
    outcomes = asyncio.run(_ask([http(200, body) for body in bodies], good))
    assert outcomes["refused"] > COUNT / 2, outcomes
    assert outcomes["the outcome that was signed"], outcomes


def test_mutated_replies_of_agents() -> None:
    rng = random.Random(SEED + 1)
    good = signed(ASKED)
    body = good.model_dump_json().encode()
    seen = asyncio.run(_follow([reply(body, rng) for _ in range(COUNT)], good))
    assert {"the outcome that was signed", "Pending", "AgentUnavailable", "AgentProtocolError"} <= set(seen), seen
    assert max(seen.values()) < COUNT * 2 / 3, seen


def _mutated(document: object, rng: random.Random) -> bytes:
    if rng.random() < 0.2:
        return mutate_bytes(json.dumps(document).encode(), rng)
    return as_bytes(mutate(document, rng, rng.choice((1, 1, 2, 5))), rng)


async def _ask(answers: list[bytes], good: Outcome) -> Counter[str]:
    seen: Counter[str] = Counter()
    async with (
        scripted(*answers) as script,
        AgentClient(script.url, public_key=KEY.public, limits=QUICK) as client,
    ):
        for _ in answers:
            try:
                told = await client.submit(ASKED)
            except AgentProtocolError as error:
                seen["refused"] += _is_readable(str(error))
            else:
                assert told == good
                seen["the outcome that was signed"] += 1
    return seen


async def _follow(answers: list[bytes], good: Outcome) -> Counter[str]:
    """Hand the same assignment over again and again: each answer is one of those that the client knows."""
    seen: Counter[str] = Counter()
    async with scripted(*answers) as script, AgentClient(script.url, public_key=KEY.public, limits=IMPATIENT) as client:
        for number, answer in enumerate(answers):
            said = f"seed {SEED + 1}, answer {number}: {answer[:300]!r}"
            try:
                told = await client.submit(ASKED)
            except AgentError as error:
                _is_readable(str(error))
                seen[type(error).__name__] += 1
            else:
                seen[_taken(told, good, script.url, said)] += 1
            assert len(script.asked) == number + 1, f"{said}: nobody else is asked, and nobody twice"
    return seen


def _taken(told: Outcome | Pending, good: Outcome, script_url: str, said: str) -> str:
    if isinstance(told, Outcome):
        assert told == good, said
        return "the outcome that was signed"
    assert told.location.startswith(f"{script_url}/"), said
    assert told.retry_after is None or 0 <= told.retry_after <= LONGEST_WAIT_S, said
    return "Pending"


def _is_readable(message: str) -> bool:
    assert message.isprintable(), repr(message)
    assert len(message) < 2000, message[:200]
    return True
