"""How the orchestrator talks to an agent: asynchronously, bounded in time and size, trusting nothing.

AgentError
├── AgentUnavailable     it cannot be reached, or has no time; trying again later may help
├── AgentOverdue         it accepted the work, and brought no outcome in its time
├── AgentForbidden       it is at no address where agents may be, and was not asked
├── AgentProtocolError   what it answered is not what the protocol says
│   └── AgentDistrusted  its outcome is not signed with its key, or is for another assignment
└── AgentRefused         it refused the request itself (4xx); trying again will not help

async with AgentClient("http://127.0.0.1:8101", public_key=key) as agent:
    outcome = await agent.run(assignment, deadline_s=3600)
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import ssl
from asyncio import sleep
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import httpx
from pydantic import ValidationError

from planexe_agents.networks import Networks
from planexe_agents.protocol import AgentCard, Assignment, Outcome, Refusal
from planexe_agents.signing import digest
from planexe_agents.tracing import outgoing
from planexe_agents.transport import AddressRefusedError, GuardedTransport

HTTP_OK = 200
HTTP_ACCEPTED = 202
HTTP_NO_CONTENT = 204
HTTP_NOT_FOUND = 404
WAIT_STATUSES = frozenset({429, 503})
LONGEST_WAIT_S = 3600.0
"""For how long an agent is left alone at most, whatever it asks for."""

MESSAGE_CHARACTERS = 1500


class AgentError(Exception):
    """Base of what can go wrong between the orchestrator and an agent.

    A message may hold words of the agent's: what is invisible in them is shown as an escape.
    """

    def __init__(self, message: str) -> None:
        shown = message if message.isprintable() else "".join(map(_visible, message))
        super().__init__(shown[:MESSAGE_CHARACTERS])


class AgentUnavailable(AgentError):  # noqa: N818 - reads as what happened
    """The agent cannot be reached or has no time. `retry_after` is what it asked for, in seconds."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class AgentOverdue(AgentError):  # noqa: N818 - reads as what happened
    """The agent accepted the work and has had all its time. It was told to give up."""


class AgentProtocolError(AgentError):
    """The agent's answer cannot be trusted: not an outcome, too large."""


class AgentDistrusted(AgentProtocolError):  # noqa: N818 - reads as what happened
    """The outcome cannot be taken as this agent's answer to this assignment."""


class AgentForbidden(AgentError):  # noqa: N818 - reads as what happened
    """Its name stands for no address where agents may be. It was not asked."""


class AgentRefused(AgentError):  # noqa: N818 - reads as what happened
    """The agent refused the request itself; `problems` say why, by JSON path."""

    def __init__(self, message: str, status: int, problems: tuple[str, ...] = ()) -> None:
        super().__init__("; ".join((message, *problems)))
        self.status = status
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Pending:
    """Accepted work: where to ask for its outcome, and in how many seconds (None: the agent did not say)."""

    assignment: Assignment
    location: str
    retry_after: float | None


@dataclass(frozen=True, slots=True)
class Limits:
    """What an agent is given.

    Seconds to connect and to answer, the pauses between two questions in seconds (`longest_wait_s`
    where it asked for one itself), how often in a row it may be out of reach, and the bytes of an answer.
    """

    connect_s: float = 5.0
    answer_s: float = 30.0
    first_pause_s: float = 0.5
    longest_pause_s: float = 30.0
    longest_wait_s: float = LONGEST_WAIT_S
    failures: int = 6
    response_bytes: int = 8 * 1024 * 1024


class AgentClient:
    """A client of one agent at `url`.

    Outcomes are checked against `public_key`. Without one nothing is sent, unless `allow_unsigned`.
    Redirects are refused, proxies of the environment are not used: the registry alone says where agents are,
    and `networks` at which addresses they may be.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        public_key: str | None = None,
        allow_unsigned: bool = False,
        limits: Limits | None = None,
        networks: Networks | None = None,
    ) -> None:
        self._base = httpx.URL(url.rstrip("/") + "/")
        self._public_key = public_key
        self._allow_unsigned = allow_unsigned
        self._limits = limits or Limits()
        self._http = httpx.AsyncClient(
            headers={"Accept-Encoding": "identity", **({"Authorization": f"Bearer {token}"} if token else {})},
            timeout=httpx.Timeout(self._limits.answer_s, connect=self._limits.connect_s),
            follow_redirects=False,
            trust_env=False,
            transport=GuardedTransport(networks or Networks(), _tls() if self._base.scheme == "https" else None),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def card(self) -> AgentCard:
        """Ask the agent who it is. Raises AgentError."""
        answer = await self._send("GET", self._base.join("schema.json"))
        if answer.status != HTTP_OK:
            raise AgentProtocolError(f"{self._base}schema.json answered {answer.status}")
        try:
            return AgentCard.model_validate_json(answer.body)
        except ValidationError as error:
            raise AgentProtocolError(f"{self._base}schema.json is not an AgentCard: {_first(error)}") from error

    async def submit(self, assignment: Assignment) -> Outcome | Pending:
        """Hand the assignment over, once: a repeat with the same id gets the same outcome. Raises AgentError."""
        if self._public_key is None and not self._allow_unsigned:
            raise AgentProtocolError(f"no public key is known for the agent at {self._base}: register it first")
        headers = {"Idempotency-Key": assignment.id, "Content-Type": "application/json", **outgoing()}
        content = assignment.model_dump_json().encode()
        answer = await self._send("POST", self._base.join("run"), headers=headers, content=content)
        if answer.status == HTTP_ACCEPTED:
            return Pending(assignment, self._location(answer), answer.retry_after)
        return self._outcome(answer, assignment)

    async def poll(self, pending: Pending) -> Outcome | Pending:
        """Ask once how accepted work is going. Raises AgentError."""
        answer = await self._send("GET", self._same_origin(pending.location))
        if answer.status == HTTP_ACCEPTED:
            return Pending(pending.assignment, pending.location, answer.retry_after)
        return self._outcome(answer, pending.assignment)

    async def cancel(self, pending: Pending) -> None:
        """Tell the agent to give accepted work up. Raises AgentError."""
        answer = await self._send("DELETE", self._same_origin(pending.location))
        if answer.status not in {HTTP_OK, HTTP_NO_CONTENT, HTTP_NOT_FOUND}:
            raise AgentProtocolError(f"{pending.location} answered a DELETE with {answer.status}")

    async def run(self, assignment: Assignment, deadline_s: float) -> Outcome:
        """Hand the assignment over and follow it to its outcome.

        Asks again as the agent says (Retry-After), and after a jittered pause where it is out of
        reach. After the deadline raises AgentOverdue, having told the agent to give up, or
        AgentUnavailable where it had not accepted the work; a cancelled caller tells it nothing,
        so that the same assignment can be followed again.
        """
        state: Pending | None = None
        patience = _Patience(self._limits)
        try:
            async with asyncio.timeout(deadline_s):
                while not isinstance(told := await self._ask(assignment, state, patience), Outcome):
                    state = told
                    await patience.pause()
                return told
        except TimeoutError:
            if state is None:
                raise AgentUnavailable(f"{self._base} had no time for {deadline_s:g} s", patience.asked_for) from None
            await self._abandon(state)
            raise AgentOverdue(f"{self._base} had no outcome after {deadline_s:g} s") from None

    async def _ask(
        self, assignment: Assignment, state: Pending | None, patience: _Patience
    ) -> Outcome | Pending | None:
        try:
            told = await (self.submit(assignment) if state is None else self.poll(state))
        except AgentUnavailable as error:
            patience.missed(error)
            return state
        patience.heard(told.retry_after if isinstance(told, Pending) else None)
        return told

    async def _abandon(self, state: Pending) -> None:
        with contextlib.suppress(AgentError):
            await self.cancel(state)

    async def _send(
        self, method: str, url: httpx.URL, *, headers: dict[str, str] | None = None, content: bytes | None = None
    ) -> _Answer:
        try:
            async with asyncio.timeout(self._limits.connect_s + self._limits.answer_s):
                async with self._http.stream(method, url, headers=headers, content=content) as response:
                    answer = _Answer(response.status_code, response.headers, await self._read(response))
        except AddressRefusedError as error:
            raise AgentForbidden(f"{url} is not asked: {error}") from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise AgentUnavailable(f"{url} did not answer in time") from error
        except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
            raise AgentUnavailable(f"{url} cannot be reached: {error}") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise AgentProtocolError(f"{url}: {error}") from error
        return _checked(answer, url)

    async def _read(self, response: httpx.Response) -> bytes:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise AgentProtocolError(f"{response.url} answered compressed, which was not asked for")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self._limits.response_bytes:
                raise AgentProtocolError(f"{response.url} answered more than {self._limits.response_bytes} bytes")
        return bytes(body)

    def _location(self, answer: _Answer) -> str:
        location = answer.headers.get("location")
        if not location:
            raise AgentProtocolError(f"{self._base}run answered 202 without a Location")
        return str(self._same_origin(location))

    def _same_origin(self, location: str) -> httpx.URL:
        try:
            url = self._base.join(location)
        except httpx.InvalidURL as error:
            raise AgentProtocolError(f"{self._base} named a Location that is no URL: {error}") from error
        if (url.scheme, url.host, url.port, url.userinfo) != (
            self._base.scheme,
            self._base.host,
            self._base.port,
            self._base.userinfo,
        ):
            raise AgentProtocolError(f"{self._base} named a Location on another origin: {url}")
        return url

    def _outcome(self, answer: _Answer, assignment: Assignment) -> Outcome:
        if answer.status != HTTP_OK:
            raise AgentProtocolError(f"{self._base} answered {answer.status}, which is not in the protocol")
        try:
            outcome = Outcome.model_validate_json(answer.body, strict=True)
        except ValidationError as error:
            raise AgentProtocolError(
                f"{self._base} answered with something that is no Outcome: {_first(error)}"
            ) from error
        problem = _distrust(outcome, assignment, self._public_key)
        if problem:
            raise AgentDistrusted(f"{self._base} answered with an outcome that {problem}")
        return outcome


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def retry_after(self) -> float | None:
        """Return for how many seconds the agent wants to be left alone: many say so by their rate limit's reset."""
        asked = self.headers.get("retry-after")
        if asked is None and self.status in WAIT_STATUSES:
            asked = self.headers.get("ratelimit-reset")
        return retry_after(asked)


class _Patience:
    """How long to pause before the next question, and when to stop asking an agent that is out of reach."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.asked_for: float | None = None
        self._quiet = 0
        self._failures = 0

    def heard(self, asked_for: float | None) -> None:
        self.asked_for = asked_for
        self._failures = 0

    def missed(self, error: AgentUnavailable) -> None:
        """Count a failure, unless the agent itself said when to come back. Raises the last straw."""
        self.asked_for = error.retry_after
        if error.retry_after is None:
            self._failures += 1
        if self._failures >= self._limits.failures:
            raise error

    async def pause(self) -> None:
        """Wait as asked; else twice as long as last time. Up to a quarter more, so that callers spread."""
        if self.asked_for is None:
            seconds = self._limits.first_pause_s * 2**self._quiet
            seconds = min(seconds, self._limits.longest_pause_s)
            self._quiet = min(self._quiet + 1, 16)
        else:
            seconds = min(max(self.asked_for, self._limits.first_pause_s / 10), self._limits.longest_wait_s)
        spread = 1 + random.random() / 4  # noqa: S311 - jitter guards nothing
        await sleep(seconds * spread)


def _visible(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def retry_after(value: str | None) -> float | None:
    """Read a Retry-After header (RFC 9110, 10.2.3): seconds, LONGEST_WAIT_S at most, or None where it says nothing.

    It is seconds, or an HTTP date. An agent can write anything there: dates of no year and no zone too.
    """
    if value is None:
        return None
    try:
        seconds = float(value) if value.isascii() and value.isdigit() else _seconds_until(parsedate_to_datetime(value))
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return min(max(0.0, seconds), LONGEST_WAIT_S)


def _seconds_until(moment: datetime) -> float:
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()


def _checked(answer: _Answer, url: httpx.URL) -> _Answer:
    """Return a 2xx answer; raise what any other means."""
    if 200 <= answer.status < 300:  # noqa: PLR2004 - the classes of RFC 9110
        return answer
    if answer.status in WAIT_STATUSES:
        raise AgentUnavailable(f"{url} answered {answer.status}: it has no time now", answer.retry_after)
    if answer.status >= 500:  # noqa: PLR2004 - the same
        raise AgentUnavailable(f"{url} answered {answer.status}")
    if answer.status >= 400:  # noqa: PLR2004 - the same
        refusal = _refusal(answer)
        raise AgentRefused(f"{url} answered {answer.status}: {refusal.error}", answer.status, refusal.problems)
    raise AgentProtocolError(f"{url} answered {answer.status}; redirects are not followed")


def _refusal(answer: _Answer) -> Refusal:
    try:
        refusal = Refusal.model_validate_json(answer.body)
    except ValidationError:
        return Refusal(error="no reason given")
    return Refusal(error=refusal.error[:300], problems=tuple(problem[:300] for problem in refusal.problems[:20]))


def _distrust(outcome: Outcome, assignment: Assignment, public_key: str | None) -> str | None:
    """Say why the outcome cannot be taken as this agent's answer to this assignment."""
    asked = (assignment.id, assignment.agent, assignment.action)
    if (outcome.assignment, outcome.agent, outcome.action) != asked:
        return "is for another assignment"
    if outcome.assignment_digest != digest(assignment.model_dump(mode="json")):
        return "is for this assignment with other contents (digest)"
    if public_key is not None and not outcome.signed_by(public_key):
        return "is not signed with the agent's registered key"
    return None


def _first(error: ValidationError) -> str:
    entry = error.errors(include_input=False)[0]
    return f"{'.'.join(map(str, entry['loc'])) or 'document'}: {entry['msg']}"


@functools.cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # 20 ms and more: once, not for every client in an event loop
