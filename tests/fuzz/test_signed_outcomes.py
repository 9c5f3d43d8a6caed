"""Hostile outcomes that their agent has signed: from the wire to the decision, the ticket and the report.

The signature holds, so nothing is refused for that: what is in it must be refused, or be carried as data.
`PLANEXE_MUTATIONS=5000` asks for more than the few of every test run.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.client import AgentClient
from planexe_agents.protocol import Assignment, Outcome
from planexe_agents.signing import SigningKey
from pydantic import ValidationError

from planexe_dag_factory.airflow.sensors import _body, _params
from planexe_dag_factory.delegation.answers import Answer, open_ticket, take_answer
from planexe_dag_factory.delegation.decision import decide
from planexe_dag_factory.delegation.delegate import delegate
from planexe_dag_factory.delegation.tickets import Place, build_ticket
from planexe_dag_factory.record.verify import verify_run
from planexe_dag_factory.report.pdf import render_pdf
from planexe_dag_factory.report.render import render_report
from planexe_dag_factory.routing.model import Agent
from tests.agents.scripted import http, scripted
from tests.agents.serving import QUICK
from tests.delegation.scenes import Scene, outcome
from tests.fuzz.mutations import HOSTILE, mutate
from tests.record.runs import ANNA, begun_run

COUNT = int(os.environ.get("PLANEXE_MUTATIONS", "300")) // 4
SEED = int(os.environ.get("PLANEXE_MUTATIONS_SEED", "2026")) + 20
FREE = ("result", "evidence", "confidence_why", "reason", "started_at", "ended_at", "confidence", "status", "usage")
"""What an agent may say as it likes."""
pytestmark = pytest.mark.timeout(120 + COUNT)


def hostile(assignment: Assignment, key: SigningKey, rng: random.Random) -> bytes:
    """Return the answer of an agent that signs whatever it makes up; unsigned where it is no outcome at all."""
    rest = {"confidence": rng.choice((0.9, 0.2)), "confidence_why": "so it seems", "reason": "none"}
    document = outcome(assignment, key, **rest).model_dump(mode="json")
    said = mutate({name: document[name] for name in FREE if name in document}, rng, rng.choice((1, 1, 2, 4)))
    changed = {**document, **(said if isinstance(said, dict) else {}), "signature": None}
    if rng.random() < 0.3:
        changed["result"] = {"answer": 1, rng.choice(HOSTILE): rng.choice(HOSTILE), "text": rng.choice(HOSTILE)}
    try:
        return Outcome.model_validate(changed).signed(key).model_dump_json().encode()
    except (ValidationError, ValueError):
        return json.dumps({**changed, "signature": "x"}).encode()


async def carry_out(scene: Scene, rng: random.Random) -> str:
    """Ask the agents, judge what they say, and ask a person where that is needed; return what was decided."""

    async def ask(agent: Agent, assignment: Assignment) -> Any:
        key = scene.agents.keys[agent.id]
        async with (
            scripted(http(200, hostile(assignment, key, rng))) as script,
            AgentClient(script.url, public_key=key.public, limits=QUICK) as client,
        ):
            return await client.submit(assignment)

    async def wait(_: float) -> None:
        return None

    await delegate(scene.step, ask, wait, last_try=True)
    decision = decide(scene.again())
    if decision.decision == "accept":
        return "accept"
    review = decision.decision == "review"
    ticket = build_ticket(scene.again(), "review" if review else "work", Place("d", "r", "t"), decision.why)
    open_ticket(scene.again(), ticket)
    json.dumps([ticket, _body(ticket), _params(ticket["form"])], allow_nan=False)
    if review:
        take_answer(scene.again(), ticket, Answer("Accept", {"comment": "so be it"}, ANNA))
    return decision.decision


def test_hostile_outcomes_with_a_good_signature(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    seen: Counter[str] = Counter()
    for number in range(COUNT):
        said = f"seed {SEED}, outcome {number}"
        scene = begun_run(tmp_path / str(number), ())
        try:
            seen[asyncio.run(carry_out(scene, rng))] += 1
            check_record(scene, said, as_pdf=number % 20 == 0)
        except Exception as error:
            error.add_note(said)
            raise
    assert {"accept", "review", "ticket"} <= set(seen), seen


def check_record(scene: Scene, said: str, *, as_pdf: bool) -> None:
    """Whatever was in the outcome, the record verifies, and the report is a page without its markup."""
    execution = scene.step.execution
    found = verify_run(execution.run, {execution.key.public})
    assert [problem.message for problem in found.problems if problem.severity == "error"] == [], said
    report = render_report(execution.run, None)
    json.dumps(report.json, allow_nan=False)
    assert "<script>alert" not in report.html, said
    assert 'href="javascript:' not in report.html, said
    if as_pdf:
        assert render_pdf(report.status).startswith(b"%PDF"), said
