"""Nothing that we wait for may take for ever: every call that can wait for somebody else says for how long."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for folder in ("planexe_dag_factory", "agents", "plugins") for path in (ROOT / folder).rglob("*.py")
)
CALLS = {
    *(f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output")),
    *(f"{module}.{name}" for module in ("httpx", "httpx2") for name in ("Client", "AsyncClient")),
    *(
        f"{module}.{name}"
        for module in ("httpx", "httpx2", "requests")
        for name in ("get", "post", "put", "patch", "delete", "head", "request", "stream")
    ),
    "urlopen", "urllib.request.urlopen", "socket.create_connection", "smtplib.SMTP", "psycopg2.connect",
}  # fmt: skip
METHODS = {"communicate", "wait"}
"""Of a process, a thread's event: without an argument they wait for ever. One that is awaited can be cancelled."""
BOUNDED = {
    "planexe_dag_factory/stack/supervisor.py: process.wait": "it was killed just before",
    "planexe_dag_factory/pipeline/supervise.py: process.wait": "the same",
    "agents/planexe_agents/service/serve.py: server.ready.wait": "an event of asyncio, which is awaited",
}


def waits(source: str, name: str) -> Iterator[str]:
    """Name the calls of a file that say no time."""
    tree = ast.parse(source)
    awaited = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Await)}
    for node in ast.walk(tree):
        if (
            not isinstance(node, ast.Call)
            or id(node) in awaited
            or any(word.arg == "timeout" for word in node.keywords)
        ):
            continue
        called = ast.unparse(node.func)
        endless = isinstance(node.func, ast.Attribute) and node.func.attr in METHODS and not node.args
        if called in CALLS or endless:
            yield f"{name}: {called}"


def test_every_call_that_waits_for_somebody_says_for_how_long() -> None:
    found = {
        one for path in SOURCES for one in waits(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())
    }
    assert len(SOURCES) > 100
    assert found == set(BOUNDED)


@pytest.mark.parametrize(
    "called", ["subprocess.run", "httpx.get", "httpx.AsyncClient", "process.communicate", "done.wait"]
)
def test_one_that_does_not_is_found(called: str) -> None:
    assert list(waits(f"{called}()", "it")) == [f"it: {called}"]
    assert list(waits(f"{called}(timeout=3)", "it")) == []
