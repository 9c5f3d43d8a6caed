"""The client against servers that answer well, badly, late, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planexe_agents.client import (
    LONGEST_WAIT_S,
    AgentClient,
    AgentDistrusted,
    AgentError,
    AgentOverdue,
    AgentProtocolError,
    AgentRefused,
    AgentUnavailable,
    Pending,
    retry_after,
)
from planexe_agents.protocol import Assignment, Outcome
from planexe_agents.signing import SigningKey, digest

from tests.agents.scripted import CUT, HANG, Scripted, http, scripted
from tests.agents.serving import QUICK, Served, assignment

KEY = SigningKey.from_seed(bytes(range(32)))
ASKED = assignment()
T = TypeVar("T")


def _outcome(asked: Assignment = ASKED, **changes: Any) -> bytes:
    outcome = Outcome(
        assignment=asked.id,
        assignment_digest=digest(asked.model_dump(mode="json")),
        agent=asked.agent,
        action=asked.action,
        status="completed",
        started_at="2026-01-01T00:00:00+00:00",
        ended_at="2026-01-01T00:00:01+00:00",
    )
    return outcome.model_copy(update=changes).signed(KEY).model_dump_json().encode()


def _working(location: str = "/runs/1", wait: str = "0") -> bytes:
    return http(202, b"{}", Location=location, Retry_After=wait)


def _with(answers: tuple[bytes, ...], ask: Callable[[AgentClient], Awaitable[T]], **options: Any) -> tuple[T, Scripted]:
    async def talk() -> tuple[T, Scripted]:
        async with (
            scripted(*answers) as script,
            AgentClient(script.url, **{"public_key": KEY.public, "limits": QUICK, **options}) as client,
        ):
            return await ask(client), script

    return asyncio.run(talk())


def _run(*answers: bytes, deadline_s: float = 5, **options: Any) -> tuple[Outcome, Scripted]:
    return _with(answers, lambda client: client.run(ASKED, deadline_s), **options)


def _fails(kind: type[AgentError], *answers: bytes, **options: Any) -> str:
    with pytest.raises(kind) as failure:
        _run(*answers, **options)
    assert type(failure.value) is kind
    return str(failure.value)


def test_work_is_followed_from_202_to_its_outcome() -> None:
    outcome, script = _run(_working(), http(202, b"{}"), http(200, _outcome()))
    assert outcome.status == "completed"
    assert script.lines == ["POST /run", "GET /runs/1", "GET /runs/1"]


def test_the_request_bears_the_key_the_token_and_the_assignment() -> None:
    _, script = _run(http(200, _outcome()), token="t0ken")
    head, body = script.asked[0].split(b"\r\n\r\n", 1)
    assert Assignment.model_validate_json(body) == ASKED
    assert {b"idempotency-key: a-1", b"authorization: bearer t0ken"} <= set(head.lower().splitlines())


@pytest.mark.parametrize("busy", [http(503, Retry_After="0"), http(429, Retry_After="0")])
def test_an_agent_that_says_when_to_come_back_is_asked_again_as_often_as_it_says(busy: bytes) -> None:
    outcome, script = _run(*[busy] * 8, http(200, _outcome()))
    assert (outcome.status, len(script.asked)) == ("completed", 9)


@pytest.mark.parametrize("gone", [CUT, http(500), http(502), http(503)])
def test_an_agent_out_of_reach_is_asked_again_a_few_times(gone: bytes) -> None:
    outcome, script = _run(gone, gone, http(200, _outcome()))
    assert (outcome.status, script.lines) == ("completed", ["POST /run"] * 3)
    assert "127.0.0.1" in _fails(AgentUnavailable, gone)


def test_an_agent_that_never_answers_is_given_up_after_its_time() -> None:
    limits = replace(QUICK, connect_s=0.05, answer_s=0.1, failures=2)
    assert _fails(AgentUnavailable, HANG, limits=limits).endswith("/run did not answer in time")


def test_an_answer_that_comes_byte_by_byte_has_to_be_whole_in_time() -> None:
    """Each byte is in time for itself; the whole is not."""

    async def talk() -> str:
        async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.05)

        limits = replace(QUICK, connect_s=0.2, answer_s=0.3, failures=1)
        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        async with AgentClient(f"http://{host}:{port}", public_key=KEY.public, limits=limits) as client:
            with pytest.raises(AgentUnavailable) as failure:
                await client.run(ASKED, 60)
        server.close()
        return str(failure.value)

    assert asyncio.run(talk()).endswith("/run did not answer in time")


def test_an_answer_without_an_end_is_cut_off() -> None:
    """As an answer of a gigabyte would be: nobody waits for the end of it, nor keeps what came."""

    async def talk() -> tuple[str, int]:
        sent = 0

        async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b" " * 65536)
                    await writer.drain()
                    sent += 65536

        server = await asyncio.start_server(pour, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        async with AgentClient(
            f"http://{host}:{port}", public_key=KEY.public, limits=replace(QUICK, answer_s=60)
        ) as client:
            with pytest.raises(AgentProtocolError) as failure:
                await client.run(ASKED, 60)
        server.close()
        return str(failure.value), sent

    message, sent = asyncio.run(talk())
    assert message.endswith(f"answered more than {QUICK.response_bytes} bytes")
    assert sent < 4 * QUICK.response_bytes


def test_an_agent_is_asked_as_rarely_as_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses = []

    async def instead(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("planexe_agents.client.sleep", instead)
    answers = (http(429, Retry_After="120"), _working(wait="90"), http(202, b"{}"), http(503, Retry_After="99999"))
    _run(*answers, http(200, _outcome()), limits=replace(QUICK, longest_pause_s=5))
    assert 120 <= pauses[0] <= 150
    assert 90 <= pauses[1] <= 112.5
    assert pauses[2] <= 5 * 1.25
    assert 3600 <= pauses[3] <= 4500  # an hour, if it asks for a day


def test_the_reset_of_a_rate_limit_counts_where_there_is_no_retry_after() -> None:
    async def ask(client: AgentClient) -> float | None:
        with pytest.raises(AgentUnavailable) as told:
            await client.submit(ASKED)
        return told.value.retry_after

    assert _with((http(429, RateLimit_Reset="17"),), ask)[0] == 17
    assert _with((http(503, RateLimit_Reset="17", Retry_After="3"),), ask)[0] == 3
    assert _with((http(500, RateLimit_Reset="17"),), ask)[0] is None


def test_nobody_listening_is_unavailable() -> None:
    async def talk() -> None:
        async with scripted() as script:
            url = script.url
        async with AgentClient(url, public_key=KEY.public, limits=QUICK) as client:
            await client.run(ASKED, 5)

    with pytest.raises(AgentUnavailable, match="cannot be reached"):
        asyncio.run(talk())


def test_after_the_deadline_the_agent_is_told_to_give_up() -> None:
    async def talk(client: AgentClient) -> str:
        with pytest.raises(AgentOverdue) as failure:
            await client.run(ASKED, 0.3)
        return str(failure.value)

    message, script = _with((_working(),), talk)
    assert message.endswith("had no outcome after 0.3 s")
    assert script.lines[0] == "POST /run"
    assert script.lines[-1] == "DELETE /runs/1"


def test_one_that_never_had_time_did_not_accept_the_work_and_another_may_get_it() -> None:
    async def talk(client: AgentClient) -> float | None:
        with pytest.raises(AgentUnavailable, match=r"had no time for 0\.3 s") as failure:
            await client.run(ASKED, 0.3)
        return failure.value.retry_after

    told, script = _with((http(429, Retry_After="0"),), talk)
    assert told == 0
    assert {line.split()[0] for line in script.lines} == {"POST"}


def test_a_caller_that_is_cancelled_leaves_the_work_alone() -> None:
    async def talk(client: AgentClient) -> None:
        running = asyncio.create_task(client.run(ASKED, 60))
        await asyncio.sleep(0.2)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    _, script = _with((_working(),), talk)
    assert {line.split()[0] for line in script.lines} == {"POST", "GET"}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (http(200, b"{"), "something that is no Outcome: document: Invalid JSON"),
        (http(200, b"[]"), "something that is no Outcome: document: Input should be an object"),
        (http(200, b'{"status": "completed"}'), "something that is no Outcome: assignment: Field required"),
        (http(200, _outcome(confidence=2)), "something that is no Outcome: confidence"),
        (http(201, _outcome()), "answered 201, which is not in the protocol"),
        (http(204), "answered 204, which is not in the protocol"),
        (http(302, Location="/elsewhere"), "answered 302; redirects are not followed"),
        (http(202), "answered 202 without a Location"),
        (http(202, Location="http://169.254.169.254/runs/1"), "named a Location on another origin"),
        (http(202, Location="//evil.example/runs/1"), "named a Location on another origin"),
        (http(202, Location="https://127.0.0.1/runs/1"), "named a Location on another origin"),
        (http(202, Location="http://a:b/"), "no URL"),
        (http(200, b"x" * 1001), "answered more than 1000 bytes"),
        (http(200, gzip.compress(b" " * 10_000_000)[:900], Content_Encoding="gzip"), "answered compressed"),
    ],
)
def test_an_answer_that_is_not_in_the_protocol_is_not_trusted(answer: bytes, message: str) -> None:
    assert message in _fails(AgentProtocolError, answer, limits=replace(QUICK, response_bytes=1000))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (http(200, _outcome(assignment="b-2")), "is for another assignment"),
        (http(200, _outcome(agent="other")), "is for another assignment"),
        (http(200, _outcome(action="other")), "is for another assignment"),
        (http(200, _outcome(assignment_digest="sha256:0")), "with other contents (digest)"),
        (http(200, _outcome().replace(b'"completed"', b'"rejected"')), "not signed with the agent's registered key"),
    ],
)
def test_an_outcome_that_is_not_this_agents_answer_to_this_assignment_is_told_apart(
    answer: bytes, message: str
) -> None:
    assert message in _fails(AgentDistrusted, answer)


@pytest.mark.parametrize("status", [400, 401, 404, 409, 413, 422])
def test_a_refused_request_says_why(status: int) -> None:
    body = b'{"error": "not an Assignment", "problems": ["$.id: missing"]}'
    with pytest.raises(AgentRefused) as failure:
        _run(http(status, body))
    assert (failure.value.status, failure.value.problems) == (status, ("$.id: missing",))
    assert str(failure.value).endswith(f"/run answered {status}: not an Assignment; $.id: missing")


def test_a_refusal_that_is_no_json_is_still_a_refusal() -> None:
    assert _fails(AgentRefused, http(400, b"<html>")).endswith("answered 400: no reason given")


def test_without_a_public_key_nothing_is_sent_unless_allowed() -> None:
    async def ask(client: AgentClient) -> str:
        with pytest.raises(AgentProtocolError) as failure:
            await client.submit(ASKED)
        return str(failure.value)

    message, script = _with((http(200, _outcome()),), ask, public_key=None)
    assert (script.asked, message.split(":")[0]) == ([], "no public key is known for the agent at http")
    outcome, _ = _run(http(200, _outcome()), public_key=None, allow_unsigned=True)
    assert outcome.status == "completed"


def test_submit_poll_and_cancel_ask_once_each() -> None:
    async def ask(client: AgentClient) -> tuple[float | None, object]:
        pending = await client.submit(ASKED)
        assert isinstance(pending, Pending)
        outcome = await client.poll(pending)
        await client.cancel(pending)
        return pending.retry_after, outcome

    (wait, outcome), script = _with((_working(wait="7"), http(200, _outcome()), http(204)), ask)
    assert wait == 7.0
    assert isinstance(outcome, Outcome)
    assert script.lines == ["POST /run", "GET /runs/1", "DELETE /runs/1"]


def test_a_card_is_read_and_anything_else_is_not(clerk: Served) -> None:
    async def ask(client: AgentClient) -> str:
        return (await client.card()).id

    async def real() -> str:
        async with clerk.client() as client:
            return await ask(client)

    assert asyncio.run(real()) == "clerk"
    with pytest.raises(AgentProtocolError, match="is not an AgentCard: protocol"):
        _with((http(200, b'{"protocol": 1}'),), ask)


def test_retry_after_may_be_a_date() -> None:
    soon = retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True))
    assert soon is not None
    assert 90 < soon <= 100
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


@settings(derandomize=True)
@given(st.text())
def test_any_retry_after_is_seconds_or_nothing(value: str) -> None:
    found = retry_after(value)
    assert found is None or 0 <= found <= LONGEST_WAIT_S


NUMBERS = r"[0-9]{1,500}|1e[0-9]{1,4}"
DAYS = r"((Mon|Fri|x), )?[0-9]{1,3}[ -](Jan|Dec|13)[ -][0-9]{1,25}"
DATES = DAYS + r" [0-9]{1,3}:[0-9]{2}(:[0-9]{1,20})?( ([+-][0-9]{1,20}|GMT))?"


@settings(derandomize=True, max_examples=500)
@given(st.from_regex(f"({NUMBERS}|{DATES})", fullmatch=True))
def test_no_number_and_no_date_in_a_header_breaks_the_step(value: str) -> None:
    found = retry_after(value)
    assert found is None or 0 <= found <= LONGEST_WAIT_S


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("9" * 400, LONGEST_WAIT_S),
        ("86400", LONGEST_WAIT_S),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT_S),
        ("Fri, 31 Dec 9999 23:59:59 -2300", LONGEST_WAIT_S),
        ("1 Jan 0001 00:00:00 +2300", 0),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999999", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
    ],
)
def test_a_wait_beyond_all_measure_is_an_hour_or_none(value: str, seconds: float | None) -> None:
    assert retry_after(value) == seconds
