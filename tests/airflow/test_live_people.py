"""People in their browsers on a real Airflow: several approvals, both pages, a redo, reminders and escalation."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Page, expect

from planexe_dag_factory.record.events import read_events
from planexe_dag_factory.stack.client import AirflowClient
from tests.airflow.following import Followed, drop, start, wait_for
from tests.browsing import chromium
from tests.conftest import RunningStack

pytestmark = [pytest.mark.airflow, pytest.mark.browser]

A_TASK_MS = 120_000
"""How long a page may take to show what a task must start for."""
HOSTILE = "Advise {{ conn }} <b>now</b>"
PEOPLE = {
    "owner": {"users": ["admin"]},
    "groups": {"board": ["admin", "demo-reviewer", "operator"]},
    "roles": {"Lawyer": {"users": ["demo-reviewer"]}},
}
POLICY = {
    "rules": [
        {"step": "sign", "gate": "irreversible", "approvers": ["board"], "approvals_needed": 2},
        {"step": "advise", "assignee": "Lawyer", "due_days": 0.0001},
    ],
    "reminders": {"after_hours": [0.001], "escalate_after_hours": 0.006, "ladder": ["board"]},
}
PLAN: dict[str, Any] = {
    "id": "live-people",
    "title": "live-people",
    "documents": [{"name": "tides.md", "text": "The tide tables are published by the port authority every year."}],
    "steps": [
        {"id": "sign", "title": "Sign the lease", "package": "one", "human_required": True},
        {"id": "keep", "title": "Keep the lease", "package": "one", "human_required": True},
        {"id": "advise", "title": HOSTILE, "package": "two", "human_required": True},
        {"id": "find", "title": "Find the tables", "package": "three", "action": "find_evidence",
         "confidence_threshold": 1.0},
    ],
}  # fmt: skip


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


@dataclass
class Desk:
    """Where somebody sits: a browser that is logged in as them."""

    stack: RunningStack
    run: Followed
    page: Page

    def open(self, task_id: str) -> Page:
        """Open a ticket's page."""
        self.run.wait_for_ticket(task_id)
        place = "/".join(quote(part, safe="") for part in (self.run.dag_id, self.run.run_id, task_id))
        self.page.goto(f"{self.stack.url}/planexe/tickets/{place}")
        expect(self.page.get_by_role("heading", name="History")).to_be_visible()
        return self.page

    def answer(self, task_id: str, choice: str, words: str = "") -> Page:
        """Answer a ticket on its page."""
        page = self.open(task_id)
        page.get_by_label(choice, exact=True).check()
        if words:
            page.locator("#field-comment").fill(words)
        page.locator("#send-answer").click()
        expect(page.get_by_role("heading", name="Answered: ")).to_be_visible()
        return page

    def answer_on_airflows_page(self, task_id: str, option: str, words: str) -> None:
        self.run.wait_for_ticket(task_id)
        place = f"dags/{self.run.dag_id}/runs/{quote(self.run.run_id)}/tasks/{task_id}/required_actions"
        self.page.goto(f"{self.stack.url}/{place}")
        self.page.get_by_role("textbox").first.fill(words)
        time.sleep(3)  # Airflow loses an answer that comes before the task has parked
        self.page.get_by_role("button", name=option).click()


@pytest.fixture
def sit(stack: RunningStack, run: Followed) -> Iterator[Callable[[str], Desk]]:
    """Seat somebody at a desk of their own."""
    with chromium() as browser:

        def at(user: str) -> Desk:
            context = browser.new_context()
            context.add_cookies([{"name": "_token", "value": stack.token(user), "url": stack.url}])
            return Desk(stack, run, context.new_page())

        yield at


def test_people_answer_on_both_pages_together_and_one_who_is_silent_is_helped(
    stack: RunningStack, run: Followed, sit: Callable[[str], Desk], told: tuple[str, list[dict[str, Any]]]
) -> None:
    admin, reviewer = sit("admin"), sit("demo-reviewer")

    # Somebody else answers for the lawyer, on Airflow's own page: it does not count.
    waiting = reviewer.open("advise.human")
    expect(waiting.get_by_text("Late: was due")).to_be_visible()
    admin.answer_on_airflows_page("advise.human", "Done", "not my job")
    expect(waiting.get_by_text("This ticket has been opened again")).to_be_visible(timeout=A_TASK_MS)
    expect(waiting.locator(".notice.attention")).to_contain_text("demo-reviewer is asked, and admin is not among them")

    # The board approves, each for themselves: not whoever started the run, nobody twice.
    assert _status(stack.login("operator"), run, "sign.gate") == 403
    page = admin.open("sign.gate")
    asked = "May “Sign the lease” start? It cannot be undone. 2 different people must approve."
    expect(page.locator(".ask")).to_have_text(f"{asked} “Keep the lease” waits for it.")
    expect(page.locator(".facts")).to_contain_text("Who may approve2 different people of: board")
    admin.answer("sign.gate", "Approve")
    expect(page.get_by_role("region", name="Votes")).to_contain_text(
        "1 of 2 different people have approved", timeout=A_TASK_MS
    )
    expect(page.locator("#answer")).to_contain_text("You have approved already: 2 different people must.")
    assert _status(stack.client, run, "sign.gate") == 403
    theirs = reviewer.open("sign.gate")
    expect(theirs.get_by_role("region", name="Votes")).to_contain_text("admin")
    reviewer.answer("sign.gate", "Approve")
    reviewer.open("sign.human")
    approval = run.record.read_json("steps", "sign", "approval.json")
    assert [vote["by"]["id"] for vote in approval["votes"]] == ["admin", "demo-reviewer"]

    # The lawyer has been silent for too long: the board is asked as well, and the ticket says so.
    page = admin.open("advise.human")
    history = page.get_by_role("region", name="History")
    expect(history).to_contain_text("PlanExe sent a reminder", timeout=A_TASK_MS)
    expect(history).to_contain_text("PlanExe escalated the ticket to board", timeout=A_TASK_MS)
    expect(page.locator(".holding")).to_contain_text("board")
    admin.answer("advise.human", "It is done", "the board knows")

    # An agent does its work again, by a person's words; the same page shows what it brings then.
    page = admin.answer("find.human", "Do it again", "the port authority publishes them")
    expect(page.get_by_text("The agents have worked again")).to_be_visible(timeout=A_TASK_MS)
    outcome = run.record.read_json("steps", "find", "011", "outcome.json")
    assert run.record.read_json("steps", "find", "011", "assignment.json")["instructions"].startswith("the port")
    expect(page.get_by_text(f"its own confidence: {outcome['confidence'] * 100:.0f} %")).to_be_visible()
    admin.answer("find.human", "Accept as it is")

    admin.answer("sign.human", "It is done", "signed")
    admin.answer("keep.human", "It is done", "kept")
    wait_for("the end", lambda: run.progress()["state"] == "success")

    happened = [event["action"] for event in read_events(run.record, "advise")]
    assert happened.count("ticket-reminded") == happened.count("ticket-escalated") == 1
    assert happened.index("ticket-reminded") < happened.index("ticket-escalated")
    of_advise = [notice for notice in told[1] if notice["task_id"] == "advise.human"]
    assert {notice["event"] for notice in of_advise} == {"opened", "reminder", "escalation"}
    assert of_advise[0]["subject"] == f"PlanExe asks: {HOSTILE}"
    assert "notice-failed" not in happened


def _status(client: AirflowClient, run: Followed, task_id: str) -> int:
    """What an approval of somebody's comes to, over the API."""
    body = {"option": "Approve", "fields": {}, "n": run.wait_for_ticket(task_id)["n"]}
    return client.answer(run.dag_id, run.run_id, task_id, body).status_code
