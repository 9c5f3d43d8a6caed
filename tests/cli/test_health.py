"""`planexe-dag status --url`: what another Airflow says of itself, with what to do."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from planexe_dag_factory.cli import app, health
from planexe_dag_factory.stack.client import AirflowClient

PROBLEM = {
    "severity": "error",
    "code": "scheduler-down",
    "what": "The scheduler does not run.",
    "remedy": "Start it: `airflow scheduler`.",
}
FOUND = {"agents": [{"state": "ok"}, {"state": "unreachable"}], "tickets": [{"open": 2}, {"open": 1}]}


def status(monkeypatch: pytest.MonkeyPatch, found: dict[str, Any], *words: str) -> tuple[int, str]:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"access_token": "t"} if request.url.path == "/auth/token" else found)

    client = AirflowClient("http://airflow.test", "ann", "secret", transport=httpx.MockTransport(answer))
    monkeypatch.setattr(health, "log_in", lambda url, user: client)
    result = CliRunner().invoke(app, ["status", "--url", "http://airflow.test", *words])
    return result.exit_code, result.stdout


def test_each_problem_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"ok": False, "problems": [PROBLEM], **FOUND}
    assert status(monkeypatch, found) == (
        3,
        (
            "error: The scheduler does not run.\n    Start it: `airflow scheduler`.\n"
            "That is all: 1 of 2 agents are well, 3 tickets wait for people.\n"
        ),
    )
    code, told = status(monkeypatch, found, "--json")
    assert (code, json.loads(told)) == (3, found)


def test_where_all_is_well_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    code, told = status(monkeypatch, {"ok": True, "problems": [], **FOUND})
    assert (code, told.splitlines()) == (0, ["All is well: 1 of 2 agents are well, 3 tickets wait for people."])
