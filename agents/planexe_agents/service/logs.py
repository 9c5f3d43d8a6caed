"""The service's log: one line of JSON for each entry, which says what the work is about and in which trace.

Nothing that a plan, a caller or an exception says can forge a line: JSON escapes what would end it.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from planexe_agents.protocol import Assignment
from planexe_agents.tracing import named, trace_id

_about: ContextVar[dict[str, Any] | None] = ContextVar("planexe_about", default=None)


@contextmanager
def working_on(assignment: Assignment, traceparent: str | None) -> Iterator[None]:
    """Let every entry from here name the assignment's plan, run, step, agent, attempt and trace."""
    traced = trace_id(traceparent)
    token = _about.set({**named(assignment), **({"trace_id": traced} if traced else {})})
    try:
        yield
    finally:
        _about.reset(token)


class JsonLines(logging.Formatter):
    """An entry as one line of ASCII JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **(_about.get() or {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure() -> None:
    """Write the log of this process to standard error, from the level `info` for what is ours."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("planexe_agents").setLevel(logging.INFO)
