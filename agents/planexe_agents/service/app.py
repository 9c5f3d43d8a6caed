"""The REST interface of one agent."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import time
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from planexe_agents.protocol import AgentCard, Assignment, Outcome, Refusal
from planexe_agents.service.action import validation_problems
from planexe_agents.service.agent import Agent
from planexe_agents.service.runs import BusyError, ForgottenError, KeyReusedError, NotStoredError, Runs, Work
from planexe_agents.signing import SigningKey, digest
from planexe_agents.tracing import read_traceparent, span

REQUEST_LIMIT = 16 * 1024 * 1024
RETRY_AFTER_S = 1
LONGEST_RETRY_AFTER_S = 30
DISK_S = 30
"""When to come back to an agent that cannot store what it accepts: a full disk takes somebody a while."""
KEY = re.compile(r"[!-~]{1,255}")


class RefusedError(Exception):
    """A request that gets a 4xx or 503 answer with a Refusal."""

    def __init__(self, status: int, error: str, problems: tuple[str, ...] = (), **headers: str) -> None:
        self.status = status
        self.refusal = Refusal(error=error, problems=problems)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def create_app(agent: Agent, key: SigningKey, runs: Runs, *, token: str | None = None, wait_s: float = 5.0) -> FastAPI:
    """Describe the agent as an ASGI application.

    `wait_s` is how long `POST /run` waits for the outcome before it answers 202. Where there is a
    `token`, runs are for its bearers alone; health, schema and documentation stay open.
    """
    app = FastAPI(title=agent.name, version=agent.version, description=_page(agent), redoc_url=None)
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(ForgottenError, _forgotten)
    card = agent.card(key.public)
    bearer = [Depends(_bearer_of(token))]
    refusals: dict[int | str, dict[str, Any]] = {code: {"model": Refusal} for code in (401, 409, 410, 413, 422, 503)}
    working: dict[int | str, dict[str, Any]] = {202: {"description": "Under way: follow Location after Retry-After"}}

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Say that the agent is alive."""
        return {"status": "ok"}

    @app.get("/schema.json")
    async def schema() -> AgentCard:
        """Say who the agent is and what it can do."""
        return card

    @app.post(
        "/run", response_model=Outcome, responses=refusals | working, openapi_extra=_body_of_run(), dependencies=bearer
    )
    async def run(
        request: Request,
        idempotency_key: Annotated[str | None, Header()] = None,
        traceparent: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Carry an assignment out. The same Idempotency-Key gets the same outcome and never works twice."""
        if idempotency_key is None or not KEY.fullmatch(idempotency_key):
            raise RefusedError(422, "the header Idempotency-Key must hold 1 to 255 visible ASCII characters")
        body = await _read_body(request)
        began, trace = time.time_ns(), read_traceparent(traceparent)
        document, assignment = read_assignment(body)
        with span("agent.verify", trace, assignment, began):
            objections = agent.objections(assignment)
            if objections:
                raise RefusedError(422, "the assignment is not for this agent", objections)
            work = await asyncio.to_thread(_accept, runs, idempotency_key, assignment, document, body, trace=trace)
        return await _answer(work, min(wait_s, assignment.deadline_s or wait_s))

    @app.get("/runs/{run_id}", response_model=Outcome, responses=refusals | working, dependencies=bearer)
    async def outcome(run_id: str) -> Response:
        """Return the outcome, or 202 while the agent works on it."""
        work = await asyncio.to_thread(runs.find, run_id)
        if work is None:
            raise RefusedError(404, "no such run")
        return await _answer(work, 0)

    @app.delete("/runs/{run_id}", status_code=204, responses=refusals, dependencies=bearer)
    async def cancel(run_id: str) -> None:
        """Give the run up. Its outcome is then `failed`, unless it had ended before."""
        if not await asyncio.to_thread(runs.cancel, run_id):
            raise RefusedError(404, "no such run")

    return app


def read_assignment(body: bytes) -> tuple[Any, Assignment]:
    """Return the document, whose digest the outcome will hold, and the assignment in it. Raises RefusedError.

    Duplicate keys, NaN and numbers that JSON cannot hold everywhere are refused: two readers must
    never see two different assignments in the same bytes.
    """
    try:
        document = json.loads(body, object_pairs_hook=_unique, parse_constant=_no_constant)
        return document, Assignment.model_validate(document, strict=True)
    except ValidationError as error:
        raise RefusedError(422, "not an Assignment", validation_problems(error, "$")) from error
    except (ValueError, RecursionError) as error:
        raise RefusedError(422, "not JSON", (f"$: {str(error)[:300]}",)) from error


def _accept(runs: Runs, key: str, assignment: Assignment, document: Any, body: bytes, *, trace: str | None) -> Work:
    try:
        return runs.accept(key, assignment, digest(document), body, trace)
    except KeyReusedError as error:
        raise RefusedError(409, "this Idempotency-Key was used before, with another assignment") from error
    except BusyError as error:
        raise RefusedError(503, "too much work is open", Retry_After=str(RETRY_AFTER_S)) from error
    except NotStoredError as error:
        refusal = f"the assignment cannot be stored now, and so is not accepted: {error}"
        raise RefusedError(503, refusal, Retry_After=str(DISK_S)) from error
    except ValueError as error:  # a number beyond what RFC 8785 can write
        raise RefusedError(422, "not canonical JSON", (f"$: {error}",)) from error


async def _answer(work: Work, wait_s: float) -> Response:
    if not work.outcome.done():
        await asyncio.wait([asyncio.wrap_future(work.outcome)], timeout=wait_s)
    if work.outcome.done():
        return Response(work.outcome.result(), media_type="application/json")
    headers = {"Location": f"/runs/{work.run_id}", "Retry-After": str(seconds_until_next(work.age_s))}
    return JSONResponse({"status": "working"}, status_code=202, headers=headers)


def seconds_until_next(age_s: float) -> int:
    """Say when to ask again: after a tenth of the time that the work has taken so far, between 1 and 30 seconds.

    An outcome is then told late by a tenth at most, and work of an hour is asked for 150 times, not 3,600.
    """
    return round(min(max(age_s / 10, RETRY_AFTER_S), LONGEST_RETRY_AFTER_S))


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > REQUEST_LIMIT:
            raise RefusedError(413, f"an assignment may have {REQUEST_LIMIT} bytes at most")
    return bytes(body)


def _bearer_of(token: str | None) -> Any:
    async def check(authorization: Annotated[str, Header()] = "") -> None:
        expected = f"Bearer {token}".encode()
        if token is not None and not hmac.compare_digest(authorization.encode(), expected):
            raise RefusedError(401, "a bearer token is needed", WWW_Authenticate="Bearer")

    return check


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, RefusedError):
        raise error
    return JSONResponse(error.refusal.model_dump(mode="json"), status_code=error.status, headers=error.headers)


async def _forgotten(request: Request, _: Exception) -> Response:
    return await _refused(request, RefusedError(410, "it was carried out, and its outcome is not kept any more"))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("an object names a key twice")
    return document


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _body_of_run() -> dict[str, Any]:
    schema = Assignment.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _page(agent: Agent) -> str:
    lines = [f"- `{action.card.name}`: {action.card.description}" for action in agent.actions.values()]
    return "\n".join(["Actions (their schemas are in `/schema.json`):", "", *lines])
