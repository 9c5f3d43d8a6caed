"""The seam between agents and whatever writes for them."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeVar

from pydantic import BaseModel

from planexe_agents.model.prompt import Prompt
from planexe_agents.model.settings import Settings, read_settings
from planexe_agents.protocol import Usage

AnswerT = TypeVar("AnswerT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one writing may take: tokens over all its requests (None: no limit), and until when it is wanted."""

    tokens: int | None
    stop: threading.Event


class NotWrittenError(Exception):
    """Nothing came of it; the text says why, in our words alone. `usage` is what it took all the same."""

    def __init__(self, reason: str, usage: Usage | None = None) -> None:
        super().__init__(reason)
        self.usage = usage


class Writer(Protocol):
    """Something that answers a prompt in the shape of a model. `name` is what the operator calls it."""

    @property
    def name(self) -> str: ...

    def write(self, prompt: Prompt, output: type[AnswerT], limits: Limits) -> tuple[AnswerT, Usage]:
        """Return the answer and what it took. Raises NotWrittenError."""
        ...


def configured_writer() -> Writer | None:
    """Return the writer of this process's environment; None, at no cost, where no model is configured."""
    settings = read_settings(os.environ)
    return _writer(settings) if settings else None


@lru_cache(maxsize=1)
def _writer(settings: Settings) -> Writer:
    from planexe_agents.model.endpoint import Endpoint  # noqa: PLC0415 - seconds, for those who have a model

    return Endpoint(settings)
