"""Writes with a model behind an OpenAI-compatible endpoint, by pydantic-ai. Imported only where one is configured."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2
from pydantic_ai import Agent, NativeOutput, PromptedOutput
from pydantic_ai.exceptions import (
    ContentFilterError,
    ModelAPIError,
    ModelConnectionError,
    ModelHTTPError,
    ModelRequestTimeout,
    ModelTimeoutError,
    OutputTokenLimitExceeded,
    UnexpectedModelBehavior,
    UsageLimitExceeded,
)
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RunUsage, UsageLimits

from planexe_agents.model.prompt import Prompt
from planexe_agents.model.settings import Settings
from planexe_agents.model.writer import AnswerT, Limits, NotWrittenError
from planexe_agents.protocol import Usage

log = logging.getLogger(__name__)

ANSWER_TOKENS = 4000
CHARS_PER_TOKEN = 4
RETRIES = 2
GLANCE_S = 0.2
BAD_REQUESTS = frozenset({400, 404, 422})
"""How endpoints answer that do not know `response_format`."""
SPENT = "the run's budget for language models is spent"
_prompted: set[tuple[str, str]] = set()
"""Address and model of those that have answered only where the shape stood in the prompt: known to this process."""
SHAPE = "Answer with one JSON object that fits this schema, and nothing else:\n{schema}"


@dataclass
class _Meter:
    """What the requests of one writing took; endpoints differ in what they say of it."""

    prompt: Prompt
    usage: RunUsage = field(default_factory=RunUsage)
    costs: list[float] = field(default_factory=list)
    requests: int = 0
    answered: int = 0

    async def sent(self, _: httpx2.Request) -> None:
        self.requests += 1

    async def received(self, response: httpx2.Response) -> None:
        """Read what an answer says it cost, as OpenRouter does."""
        body = await response.aread()
        self.answered += len(body) if response.is_success else 0
        try:
            cost = json.loads(body)["usage"]["cost"]
            if math.isfinite(cost) and cost >= 0:
                self.costs.append(float(cost))
        except (ValueError, KeyError, TypeError, RecursionError):
            pass

    def read(self, model: str) -> Usage | None:
        """Add up; None where nothing was sent. Tokens that nobody counted are guessed from the characters."""
        if not self.requests:
            return None
        told = max(0, self.usage.input_tokens), max(0, self.usage.output_tokens)
        guess = self.requests * self.prompt.characters // CHARS_PER_TOKEN, self.answered // CHARS_PER_TOKEN
        measured = sum(told) > 0
        spent_in, spent_out = told if measured else guess
        return Usage(
            model=model,
            requests=self.requests,
            input_tokens=spent_in,
            output_tokens=spent_out,
            cost=math.fsum(self.costs) if self.costs else None,
            measured=measured,
        )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A writer behind HTTP. It has no tools, keeps no conversation, and follows no redirect."""

    settings: Settings

    @property
    def name(self) -> str:
        return self.settings.model

    @property
    def _is_openai(self) -> bool:
        """Say which name the limit of an answer has: OpenAI has renamed it, and most others know the old one alone."""
        return urlsplit(self.settings.url).hostname == "api.openai.com"

    def write(self, prompt: Prompt, output: type[AnswerT], limits: Limits) -> tuple[AnswerT, Usage]:
        """Ask, and ask again with the errors where the answer does not fit; at most three times."""
        least = prompt.characters // CHARS_PER_TOKEN + ANSWER_TOKENS
        if limits.tokens is not None and limits.tokens < least:
            raise NotWrittenError(SPENT)
        meter = _Meter(prompt)
        try:
            answer = asyncio.run(self._until_stopped(prompt, output, limits, meter))
        except (Exception, asyncio.CancelledError) as error:
            log.warning("the model %s wrote nothing: %s", self.name, type(error).__name__)
            raise NotWrittenError(_reason(error, self.settings.timeout_s), meter.read(self.name)) from error
        usage = meter.read(self.name)
        assert usage is not None  # noqa: S101 - an answer came over HTTP
        return answer, usage

    async def _until_stopped(self, prompt: Prompt, output: type[AnswerT], limits: Limits, meter: _Meter) -> AnswerT:
        asking = asyncio.ensure_future(self._ask(prompt, output, limits, meter))
        while not asking.done():
            await asyncio.wait([asking], timeout=GLANCE_S)
            if limits.stop.is_set():
                asking.cancel()
        return await asking

    async def _ask(self, prompt: Prompt, output: type[AnswerT], limits: Limits, meter: _Meter) -> AnswerT:
        """Ask for the shape by `response_format`; where an endpoint does not know that, by the prompt alone."""
        asked = self.settings.url, self.settings.model
        if asked not in _prompted:
            try:
                return await self._ask_as(NativeOutput(output, template=SHAPE), prompt, limits, meter)
            except ModelHTTPError as error:
                if error.status_code not in BAD_REQUESTS:
                    raise
        answer = await self._ask_as(PromptedOutput(output, template=SHAPE), prompt, limits, meter)
        _prompted.add(asked)
        return answer

    async def _ask_as(
        self, output: NativeOutput[AnswerT] | PromptedOutput[AnswerT], prompt: Prompt, limits: Limits, meter: _Meter
    ) -> AnswerT:
        hooks: Mapping[str, list[Any]] = {"request": [meter.sent], "response": [meter.received]}
        async with httpx2.AsyncClient(
            event_hooks=hooks, follow_redirects=False, timeout=self.settings.timeout_s
        ) as client:
            provider = OpenAICompatibleProvider(
                "configured",
                base_url=self.settings.url,
                api_key=self.settings.key,
                http_client=client,
                profile=OpenAIModelProfile(
                    openai_chat_supports_max_completion_tokens=self._is_openai,
                    supports_json_object_output=False,
                ),
            )
            agent = Agent(
                OpenAIChatModel(self.settings.model, provider=provider),
                output_type=output,
                instructions=prompt.system,
                retries=RETRIES,
            )
            settings = ModelSettings(
                max_tokens=ANSWER_TOKENS, temperature=0.2, max_retries=1, request_timeout=self.settings.timeout_s
            )
            allowed = UsageLimits(request_limit=meter.usage.requests + RETRIES + 1, total_tokens_limit=limits.tokens)
            run = await agent.run(prompt.user, model_settings=settings, usage_limits=allowed, usage=meter.usage)
            return run.output


REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (asyncio.CancelledError, "the work was given up"),
    (ModelRequestTimeout, "it did not answer within {timeout_s:g} seconds"),
    (ModelTimeoutError, "it did not answer within {timeout_s:g} seconds"),
    (ModelHTTPError, "its endpoint answered HTTP {error.status_code}"),
    (UsageLimitExceeded, SPENT),
    (ModelConnectionError, "its endpoint could not be reached, or broke off"),
    (ModelAPIError, "what its endpoint answered cannot be read"),
    (OutputTokenLimitExceeded, f"its answer was cut off after {ANSWER_TOKENS} tokens"),
    (ContentFilterError, "it refused to answer"),
    (UnexpectedModelBehavior, f"none of its answers, {RETRIES + 1} at most, fitted what was asked for"),
    (BaseException, "its endpoint could not be used ({kind})"),
)
"""What went wrong, the first that fits, in our own words: what an endpoint says of its errors is not recorded."""


def _reason(error: BaseException, timeout_s: float) -> str:
    words = next(words for kind, words in REASONS if isinstance(error, kind))
    return words.format(error=error, timeout_s=timeout_s, kind=type(error).__name__)
