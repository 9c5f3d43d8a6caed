"""People on a real Airflow: several approvals, the wrong person on Airflow's own page, reminders and escalation."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from planexe_dag_factory.record.events import read_events
from planexe_dag_factory.stack.client import AirflowClient
from tests.airflow.following import Followed, drop, start, wait_for
from tests.conftest import RunningStack

pytestmark = pytest.mark.airflow

HOSTILE = "Advise {{ conn }} <b>now</b>"
PEOPLE = {
    "owner": {"users": ["admin"]},
    "groups": {"board": ["admin", "demo-reviewer", "operator"]},
    "roles": {"Lawyer": {"users": ["demo-reviewer"]}},
}
POLICY = {
    "rules": [
        {"step": "sign", "gate": "irreversible", "approvers": ["board"], "approvals_needed": 2},
        {"step": "advise", "assignee": "Lawyer"},
    ],
    "reminders": {"after_hours": [0.001], "escalate_after_hours": 0.006, "ladder": ["board"]},
}
PLAN: dict[str, Any] = {
    "id": "live-people",
    "title": "live-people",
    "steps": [
        {"id": "sign", "title": "Sign the lease", "package": "one", "human_required": True},
        {"id": "advise", "title": HOSTILE, "package": "two", "human_required": True},
    ],
}


@pytest.fixture
def told() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that keeps the JSON it is sent, and its address."""
    received: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    server.server_close()


@pytest.fixture
def run(stack: RunningStack, told: tuple[str, list[dict[str, Any]]]) -> Iterator[Followed]:
    """A run that the operator started, in an office where a board and a lawyer work."""
    place = urlsplit(told[0])
    connection = {"connection_id": "desk", "conn_type": "http", "host": place.hostname, "port": place.port}
    stack.client.post("/api/v2/connections", connection)
    notify = [{"notifier": "http", "on": ["opened", "reminder", "escalation"], "kwargs": {"http_conn_id": "desk"}}]
    files = {
        stack.home.root / "people.json": PEOPLE,
        stack.home.root / "notify.json": notify,
        stack.plans_dir / "live-people.policy.json": POLICY,
    }
    for path, content in files.items():
        path.write_text(json.dumps(content))
    plan = drop(stack.plans_dir, PLAN)
    try:
        yield start(stack.client, PLAN, stack.login("operator"))
    finally:
        for path in (*files, plan):
            path.unlink()


def answer(client: AirflowClient, run: Followed, task_id: str, option: str, comment: str = "") -> int:
    ticket = run.wait_for_ticket(task_id)
    time.sleep(3)
    body = {"option": option, "fields": {"comment": comment} if comment else {}, "n": ticket["n"]}
    return client.answer(run.dag_id, run.run_id, task_id, body).status_code


def reopened(run: Followed, task_id: str, number: int) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        ticket = run.wait_for_ticket(task_id)
        return ticket if ticket["n"] == number and ticket["state"] == "open" else None

    return wait_for(f"{task_id} to open again", look)


def test_a_board_approves_together_and_a_lawyer_who_is_silent_is_helped(
    stack: RunningStack, run: Followed, told: tuple[str, list[dict[str, Any]]]
) -> None:
    admin, reviewer, operator = stack.client, stack.login("demo-reviewer"), stack.login("operator")

    run.wait_for_ticket("advise.human")
    assert answer(admin, run, "advise.human", "Done", "not my job") == 403
    page = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/advise.human/-1/hitlDetails"
    said = {"chosen_options": ["Done"], "params_input": {"comment": "not my job"}}
    assert admin.request("PATCH", page, json=said).status_code == 200
    assert "demo-reviewer is asked, and admin is not among them" in reopened(run, "advise.human", 2)["previous"]

    assert answer(operator, run, "sign.gate", "Approve") == 403  # who started the run
    assert answer(admin, run, "sign.gate", "Approve") == 200
    second = reopened(run, "sign.gate", 2)
    assert second["previous"] == "1 of 2 have approved: admin."
    assert [vote["by"]["id"] for vote in second["votes"]["given"]] == ["admin"]
    assert answer(admin, run, "sign.gate", "Approve") == 403  # once each
    assert answer(reviewer, run, "sign.gate", "Approve") == 200
    run.wait_for_ticket("sign.human")
    approval = run.record.read_json("steps", "sign", "approval.json")
    assert [vote["by"]["id"] for vote in approval["votes"]] == ["admin", "demo-reviewer"]

    def escalated() -> bool:
        return "ticket-escalated" in {event["action"] for event in read_events(run.record, "advise")}

    wait_for("the escalation", escalated)
    assert run.wait_for_ticket("advise.human")["assigned"]["groups"] == ["board"]
    assert answer(admin, run, "advise.human", "Done", "the board knows") == 200
    assert answer(admin, run, "sign.human", "Done", "signed") == 200
    wait_for("the end", lambda: run.progress()["state"] == "success")

    happened = [event["action"] for event in read_events(run.record, "advise")]
    assert happened.count("ticket-reminded") == happened.count("ticket-escalated") == 1
    assert happened.index("ticket-reminded") < happened.index("ticket-escalated")
    of_advise = [notice for notice in told[1] if notice["task_id"] == "advise.human"]
    assert {notice["event"] for notice in of_advise} == {"opened", "reminder", "escalation"}
    assert of_advise[0]["subject"] == f"PlanExe asks: {HOSTILE}"
    assert "notice-failed" not in happened
