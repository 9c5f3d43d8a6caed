"""What an agent does with the trace that an assignment comes with, and what it writes into its log."""

from __future__ import annotations

import json
import logging
import sqlite3
import sys
from pathlib import Path

import pytest
from opentelemetry import trace
from planexe_agents.service.logs import JsonLines, working_on
from planexe_agents.service.store import RunStore
from planexe_agents.tracing import is_wanted, outgoing, read_traceparent, span

from tests.agents.serving import assignment

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "x" * 10_000,
        TRACE + "\n",
        TRACE.upper(),
        TRACE.replace("00-", "ff-", 1),
        "00-" + "0" * 32 + "-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01",
    ],
)
def test_what_is_no_traceparent_starts_nothing(header: str | None) -> None:
    assert read_traceparent(header) is None
    with span("agent.act", read_traceparent(header), assignment()) as begun:
        assert begun is trace.INVALID_SPAN


def test_a_traceparent_is_taken_as_it_is() -> None:
    assert read_traceparent(TRACE) == TRACE


def test_outside_a_trace_nothing_is_sent_along() -> None:
    assert outgoing() == {}


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
    ],
)
def test_spans_go_only_where_the_environment_says(environ: dict[str, str], wanted: bool) -> None:
    assert is_wanted(environ) is wanted


def test_runs_of_an_earlier_version_are_still_read_and_new_ones_keep_their_trace(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    with sqlite3.connect(path) as db:
        db.execute(
            "CREATE TABLE runs (id TEXT PRIMARY KEY, digest TEXT NOT NULL, assignment BLOB NOT NULL, "
            "begun INTEGER NOT NULL DEFAULT 0, outcome BLOB, accepted_at REAL NOT NULL) WITHOUT ROWID"
        )
        db.execute("INSERT INTO runs (id, digest, assignment, accepted_at) VALUES ('old', 'd', '{}', 1.0)")
    store = RunStore(path)
    store.add("new", "d", b"{}", TRACE)
    assert [(one.id, one.trace) for one in store.unfinished()] == [("old", None), ("new", TRACE)]
    store.close()
    store = RunStore(path)  # a second start changes nothing
    assert [one.trace for one in store.unfinished()] == [None, TRACE]
    store.close()


def test_no_text_can_forge_a_line_of_the_log() -> None:
    try:
        int('x"}\n{"level": "info"}\u2028')
    except ValueError:
        record = logging.LogRecord("l", logging.ERROR, "p", 1, "plan says %s", ('a"}\n{"forged": 1}',), sys.exc_info())
    with working_on(assignment().model_copy(update={"step": "s\n1"}), TRACE):
        line = JsonLines().format(record)
    assert (len(line.splitlines()), line.isascii()) == (1, True)
    told = json.loads(line)
    assert {name: told[name] for name in ("plan", "run", "step", "agent", "attempt", "trace_id")} == {
        "plan": "plan-1",
        "run": "run-1",
        "step": "s\n1",
        "agent": "clerk",
        "attempt": 1,
        "trace_id": TRACE.split("-")[1],
    }
    assert "step" not in json.loads(JsonLines().format(record))
