"""The REST interface of an agent, asked over loopback as it is served."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from planexe_agents.protocol import AgentCard, Outcome
from planexe_agents.service import Agent, Completed, Task
from planexe_agents.service.runs import run_id_of
from planexe_agents.signing import digest, fingerprint
from pydantic import BaseModel

from tests.agents.serving import CLERK, Served, assignment


def _follow(url: str) -> httpx.Response:
    for _ in range(500):
        answer = httpx.get(url)
        if answer.status_code != 202:
            return answer
        time.sleep(0.02)
    pytest.fail(f"{url} is still at work")


def test_a_quick_action_is_answered_at_once_with_a_signed_outcome(clerk: Served) -> None:
    asked = assignment("quick")
    answer = clerk.post(asked)
    outcome = Outcome.model_validate_json(answer.content)
    assert answer.status_code == 200
    assert outcome.signed_by(clerk.public_key)
    assert outcome.model_dump(exclude={"started_at", "ended_at", "signature"}) == {
        "assignment": "quick",
        "assignment_digest": digest(asked.model_dump(mode="json")),
        "agent": "clerk",
        "action": "copy",
        "status": "completed",
        "result": {"text": "hello", "number": 0.0},
        "confidence": 0.9,
        "confidence_why": "it was copied",
        "evidence": (),
        "reason": None,
    }


def test_a_changed_outcome_is_not_signed_any_more(clerk: Served) -> None:
    outcome = Outcome.model_validate_json(clerk.post(assignment("changed")).content)
    assert not outcome.model_copy(update={"confidence": 0.91}).signed_by(clerk.public_key)


def test_slow_work_is_answered_202_and_followed_by_its_location(hurried: Served) -> None:
    answer = hurried.post(assignment("slow", seconds=0.8))
    assert (answer.status_code, answer.json()) == (202, {"status": "working"})
    assert answer.headers["location"] == f"/runs/{run_id_of('slow')}"
    assert answer.headers["retry-after"] == "1"
    assert _follow(hurried.url + answer.headers["location"]).json()["status"] == "completed"


def test_the_same_key_gets_the_same_bytes_and_works_once(clerk: Served, tmp_path: Path) -> None:
    asked = assignment("same", diary=str(tmp_path / "diary"))
    assert clerk.post(asked).content == clerk.post(asked).content
    assert len((tmp_path / "diary").read_text().splitlines()) == 1


def test_twenty_at_once_with_one_key_get_one_outcome(clerk: Served, tmp_path: Path) -> None:
    asked = assignment("crowd", diary=str(tmp_path / "diary"), seconds=0.1)
    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(lambda _: clerk.post(asked).content, range(20)))
    assert len(answers) == 1
    assert len((tmp_path / "diary").read_text().splitlines()) == 1


def test_a_key_cannot_be_used_for_another_assignment(clerk: Served) -> None:
    clerk.post(assignment("taken"))
    answer = clerk.post(assignment("taken", text="other"))
    assert answer.status_code == 409
    assert answer.json() == {
        "error": "this Idempotency-Key was used before, with another assignment",
        "problems": [],
    }


def test_a_cancelled_run_ends_failed_and_its_late_result_is_dropped(hurried: Served) -> None:
    url = hurried.url + hurried.post(assignment("cancelled", seconds=60)).headers["location"]
    assert httpx.delete(url).status_code == 204
    first = httpx.get(url)
    assert (first.json()["status"], first.json()["reason"]) == ("failed", "cancelled by the orchestrator")
    time.sleep(0.1)
    assert httpx.delete(url).status_code == 204
    assert httpx.get(url).content == first.content == hurried.post(assignment("cancelled", seconds=60)).content


def test_cancelling_what_has_ended_changes_nothing(clerk: Served) -> None:
    done = clerk.post(assignment("done"))
    assert httpx.delete(f"{clerk.url}/runs/{run_id_of('done')}").status_code == 204
    assert clerk.post(assignment("done")).content == done.content


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_run_is_not_found(clerk: Served, method: str) -> None:
    answer = httpx.request(method, f"{clerk.url}/runs/nothing")
    assert (answer.status_code, answer.json()) == (404, {"error": "no such run", "problems": []})


@pytest.mark.parametrize(
    ("action", "inputs", "status", "reason"),
    [
        ("refuse", {}, "rejected", "missing data: no stamp for 'hello' in 'Harbour'"),
        ("copy", {"text": 3}, "rejected", "$.inputs.text: 3 is not of type 'string'"),
        ("copy", {"text": " "}, "rejected", "$.inputs.text: Value error, must not be blank"),
        ("stumble", {}, "failed", "stumble ended with RuntimeError; see the agent's log"),
        ("stumble", {"text": "exit"}, "failed", "stumble ended with SystemExit; see the agent's log"),
        ("stumble", {"text": "nan"}, "failed", "stumble ended with FloatDomainError; see the agent's log"),
        ("stumble", {"text": "wrong"}, "failed", "stumble ended with ValueError; see the agent's log"),
        ("stumble", {"text": "sure"}, "failed", "stumble ended with ValueError; see the agent's log"),
    ],
)
def test_what_goes_wrong_is_a_signed_outcome(
    clerk: Served, action: str, inputs: dict[str, Any], status: str, reason: str
) -> None:
    outcome = Outcome.model_validate_json(clerk.post(assignment(digest([action, inputs]), action, **inputs)).content)
    assert (outcome.status, outcome.reason, outcome.result) == (status, reason, {})
    assert outcome.signed_by(clerk.public_key)


def test_a_context_that_cannot_be_read_is_rejected_with_its_path(clerk: Served) -> None:
    asked = assignment("context").model_copy(update={"context": {"documents": [{"text": "no name"}]}})
    assert clerk.post(asked).json()["reason"] == "$.context.documents[0].name: Field required"


def _broken_bodies() -> list[tuple[bytes, str, tuple[str, ...]]]:
    good = assignment().model_dump_json().encode()
    return [
        (b"{", "not JSON", ("$: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",)),
        (b"\xff", "not JSON", ("$: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",)),
        (b'{"id": 1, "id": 2}', "not JSON", ("$: an object names a key twice",)),
        (good.replace(b'"hello"', b"NaN"), "not JSON", ("$: NaN is not a JSON number",)),
        (b"[]", "not an Assignment", ("$: Input should be a valid dictionary or instance of Assignment",)),
        (
            good.replace(b'"attempt":1', b'"attempt":0,"extra":1'),
            "not an Assignment",
            (
                "$.attempt: Input should be greater than or equal to 1",
                "$.extra: Extra inputs are not permitted",
            ),
        ),
        (
            assignment(action="dance", agent="dancer").model_dump_json().encode(),
            "the assignment is not for this agent",
            (
                "$.agent: this is 'clerk', not 'dancer'",
                "$.action: 'dance' is not an action of 'clerk', which has copy, post, refuse, stumble",
            ),
        ),
        (good.replace(b'"hello"', b"9007199254740993"), "not canonical JSON", ()),
        (b"[" * 100_000, "not JSON", ()),
    ]


@pytest.mark.parametrize(("body", "error", "problems"), _broken_bodies())
def test_a_malformed_assignment_is_refused_with_every_path(
    clerk: Served, body: bytes, error: str, problems: tuple[str, ...]
) -> None:
    answer = httpx.post(f"{clerk.url}/run", content=body, headers={"Idempotency-Key": "broken"})
    assert (answer.status_code, answer.json()["error"]) == (422, error)
    assert not problems or tuple(answer.json()["problems"]) == problems


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": ""}, {"Idempotency-Key": "x" * 256}])
def test_a_run_needs_a_key(clerk: Served, headers: dict[str, str]) -> None:
    answer = httpx.post(f"{clerk.url}/run", content=assignment().model_dump_json(), headers=headers)
    assert answer.status_code == 422
    assert answer.json()["error"] == "the header Idempotency-Key must hold 1 to 255 visible ASCII characters"


def test_an_oversized_assignment_is_refused(clerk: Served) -> None:
    answer = httpx.post(f"{clerk.url}/run", content=b" " * (16 * 1024 * 1024 + 1), headers={"Idempotency-Key": "big"})
    assert answer.status_code == 413


def test_the_card_the_health_and_the_documentation_are_published(clerk: Served) -> None:
    card = AgentCard.model_validate_json(httpx.get(f"{clerk.url}/schema.json").content)
    assert (card.id, card.type, card.name, card.version) == ("clerk", "clerical", "Clerk", "2.1")
    assert card.actions[0].model_dump(exclude={"input_schema", "output_schema"}) == {
        "name": "copy",
        "description": "Copy a text, as slowly as asked.",
        "examples": ("Copy a text",),
        "cannot": ("invent a text",),
        "side_effects": "none",
    }
    assert httpx.get(f"{clerk.url}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{clerk.url}/docs").status_code == 200
    paths = httpx.get(f"{clerk.url}/openapi.json").json()["paths"]
    assert {path: set(methods) for path, methods in paths.items()} == {
        "/healthz": {"get"},
        "/schema.json": {"get"},
        "/run": {"post"},
        "/runs/{run_id}": {"get", "delete"},
    }


def test_runs_are_for_bearers_of_the_token_alone(tmp_path: Path) -> None:
    with Served(tmp_path, PLANEXE_AGENT_TOKEN="s3cret") as served:
        assert served.post(assignment()).status_code == 401
        assert served.post(assignment(), Authorization="Bearer wrong").status_code == 401
        assert httpx.get(f"{served.url}/runs/x").status_code == 401
        assert httpx.delete(f"{served.url}/runs/x").status_code == 401
        assert served.post(assignment(), Authorization="Bearer s3cret").status_code == 200
        assert httpx.get(f"{served.url}/healthz").status_code == 200
        assert httpx.get(f"{served.url}/schema.json").status_code == 200


def test_a_port_in_use_and_a_folder_in_use_are_told_in_a_line(clerk: Served, tmp_path: Path) -> None:
    port = str(httpx.URL(clerk.url).port)
    command = [sys.executable, str(CLERK), "--state", str(tmp_path), "--port", port]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "Address already in use" in ended.stderr
    with Served(tmp_path):
        ended = subprocess.run(command[:4], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == f"{tmp_path}/clerk is in use by another process; give each agent a folder of its own\n"


def test_the_four_agents_serve_from_one_process_and_say_where(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    with Served(tmp_path, "--ready-file", str(ready), command=("-m", "planexe_agents", "all")) as served:
        line = json.loads(ready.read_text())
        assert (line["agents"], line["pid"]) == (served.urls, served.process.pid)
        assert line["keys"][next(iter(served.urls))] == fingerprint(served.public_key)
        names = {name: httpx.get(f"{url}/schema.json").json()["id"] for name, url in served.urls.items()}
        assert served.stop() == 0
    expected = ("data_gathering", "analysis", "reporting", "risk_assessment")
    assert names == {name: name for name in expected}


class Note(BaseModel):
    text: str


def test_a_function_that_is_not_annotated_or_described_is_no_action() -> None:
    agent = Agent(id="x", type="x", name="x", version="1")

    def silent(inputs: Note, task: Task) -> Completed[Note]:
        raise NotImplementedError

    def untyped(inputs, task):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - the fault on trial
        """Do it."""

    with pytest.raises(TypeError, match="silent needs a docstring"):
        agent.action()(silent)
    with pytest.raises(TypeError, match=r"untyped must read `\(inputs: Model, task: Task\) -> Completed\[Model\]`"):
        agent.action()(untyped)
