"""Who deals with a ticket: claims, comments, attachments, and handing on, as the API offers them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

    from tests.ui.conftest import Site

pytestmark = pytest.mark.airflow

EVENTS = """
import json
from datetime import UTC, datetime
from planexe_dag_factory.airflow.settings import run_folder
from planexe_dag_factory.record.events import read_events
run = run_folder("crowd", "manual__2026-03-02T09:00:00+00:00", datetime(2026, 3, 2, 9, tzinfo=UTC))
print(json.dumps(read_events(run, "ask-{number:03}")))
"""
FORGET = """
import json
from airflow.utils.session import create_session
from planexe_dag_factory.ui.desk.tables import TICKET
with create_session() as session:
    print(json.dumps(session.execute(TICKET.delete()).rowcount))
"""


def _task(number: int) -> dict[str, str]:
    return {"dag_id": "crowd", "run_id": "manual__2026-03-02T09:00:00+00:00", "task_id": f"ask-{number:03}.human"}


def _path(site: Site, number: int, *more: str) -> str:
    return site.place("tickets", "crowd", "RUN", f"ask-{number:03}.human", *more)


def _claim(client: httpx.Client, *numbers: int, action: str = "claim") -> list[tuple[bool, str | None]]:
    answer = client.post(f"/tickets/{action}", json={"tickets": [_task(number) for number in numbers]})
    assert answer.status_code == 200, answer.text
    return [(one["ok"], one["problem"]) for one in answer.json()["tickets"]]


def _row(client: httpx.Client, number: int) -> dict[str, Any]:
    rows = client.get("/tickets", params={"dag_id": "crowd", "q": f"question {number}", "limit": 100}).json()
    return next(row for row in rows["tickets"] if row["task_id"] == f"ask-{number:03}.human")


def test_a_claimed_ticket_is_answered_by_nobody_else(site: Site) -> None:
    ann, boss = site.as_user("ann"), site.as_user("boss")
    assert _claim(ann, 10) == [(True, None)]
    refusal = "ann has claimed this ticket: ask ann to release it, or reassign it to yourself."
    assert _claim(boss, 10) == [(False, refusal.replace("ann has", "Ann has"))]
    found = boss.get(_path(site, 10)).json()
    assert (found["claimed_by"], found["may_answer"]) == ("ann", False)
    answer = {"option": "Done", "fields": {"comment": "me first"}}
    assert boss.post(_path(site, 10, "answer"), json=answer).status_code == 403
    assert _row(boss, 10)["claimed_by"] == "ann"
    assert _claim(boss, 10, action="release") == [(False, "Ann has claimed it, and alone can release it.")]
    assert _claim(ann, 10, action="release") == [(True, None)]
    assert boss.post(_path(site, 10, "answer"), json=answer).status_code == 200
    assert _claim(ann, 10) == [(False, "It has been answered.")]


def test_many_are_claimed_at_once_and_each_fails_for_itself(site: Site) -> None:
    ann = site.as_user("ann")
    assert _claim(ann, 11) == [(True, None)]
    tickets = [_task(11), _task(12), {**_task(1), "dag_id": "secret", "task_id": "one.human"}]
    done = ann.post("/tickets/claim", json={"tickets": tickets}).json()["tickets"]
    assert [one["ok"] for one in done] == [False, True, False]
    assert done[0]["problem"] == "You have claimed it already."
    assert done[2]["problem"] == "You may answer no such ticket."
    mine = ann.get("/tickets", params={"scope": "mine", "claimed": "me"}).json()
    assert {row["task_id"] for row in mine["tickets"]} >= {"ask-011.human", "ask-012.human"}
    assert mine["counts"]["mine"] == mine["total"] == len(mine["tickets"])


def test_a_viewer_claims_and_says_nothing(site: Site) -> None:
    vera = site.as_user("vera")
    assert _claim(vera, 13) == [(False, "You may answer no such ticket.")]
    assert vera.post(_path(site, 13, "comments"), json={"text": "hello"}).status_code == 403


def test_what_people_do_is_signed_in_the_record_and_survives_the_tables(site: Site) -> None:
    ann = site.as_user("ann")
    assert _claim(ann, 14) == [(True, None)]
    text = "<b>Which</b> quay?"
    assert ann.post(_path(site, 14, "comments"), json={"text": text}).status_code == 204
    assert ann.post(_path(site, 14, "links"), json={"url": "https://example.org/a?b=c"}).status_code == 204
    assert ann.post(_path(site, 14, "links"), json={"url": "javascript:alert(1)"}).status_code == 422
    before = _row(ann, 14)
    assert (before["claimed_by"], before["comments"]) == ("ann", 1)
    events = site.run(EVENTS.replace("{number:03}", "014"))
    assert [event["action"] for event in events] == ["ticket-claimed", "ticket-commented", "ticket-attached"]
    who = {"kind": "person", "id": "ann", "name": "ann", "via": "planexe", "auth": "PerDagAuthManager"}
    assert events[1]["actor"] == who
    assert site.run(FORGET) > 0
    assert _row(ann, 14) == before
    found = ann.get(_path(site, 14)).json()
    assert [one["text"] for one in found["comments"]] == [text]
    assert [(one["n"], one["title"], one["url"]) for one in found["attachments"]] == [
        (1, "https://example.org/a?b=c", "https://example.org/a?b=c")
    ]
    assert [(one["who"], one["what"]) for one in found["history"]] == [
        ("ann", "claimed the ticket"),
        ("ann", "commented"),
        ("ann", "attached a link"),
    ]
    found_by_comment = ann.get("/tickets", params={"q": "WHICH quay"}).json()
    assert [row["task_id"] for row in found_by_comment["tickets"]] == ["ask-014.human"]


def test_a_file_is_kept_under_our_name_and_only_saved_by_browsers(site: Site) -> None:
    ann, name = site.as_user("ann"), '../../"\r\nSet-Cookie: x=<svg onload=alert(1)>.html'
    content = b"<script>alert(1)</script>"
    sent = ann.post(_path(site, 15, "attachments"), files={"file": (name, content, "text/html")})
    assert sent.status_code == 204, sent.text
    [attached] = ann.get(_path(site, 15)).json()["attachments"]
    assert (attached["n"], attached["size"], attached["url"]) == (1, len(content), None)
    back = site.as_user("vera").get(_path(site, 15, "attachments", "1"))
    assert back.content == content
    assert back.headers["content-type"] == "application/octet-stream"
    assert back.headers["x-content-type-options"] == "nosniff"
    assert back.headers["content-disposition"].startswith('attachment; filename="')
    assert "set-cookie" not in back.headers
    assert ann.get(_path(site, 15, "attachments", "2")).status_code == 404


def test_a_file_that_is_too_large_is_refused(site: Site) -> None:
    ann, path = site.as_user("ann"), _path(site, 16, "attachments")
    for size in (10 * 1024 * 1024 + 1, 11 * 1024 * 1024):
        assert ann.post(path, files={"file": ("a.bin", b"0" * size)}).status_code == 413
    assert ann.post(path, content=iter([b"0" * 100])).status_code == 411
    assert site.as_user("ann").get(_path(site, 16)).json()["attachments"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"to": {"user": "boss"}},
        {"to": {}, "reason": "x"},
        {"to": {"user": "boss", "group": "g"}, "reason": "x"},
        {"to": {"group": "nobody-knows"}, "reason": "x"},
    ],
)
def test_handing_on_needs_one_known_recipient_and_a_reason(site: Site, body: dict[str, Any]) -> None:
    assert site.as_user("ann").post(_path(site, 17, "reassign"), json=body).status_code == 422


def test_a_reassigned_ticket_asks_one_person_alone(site: Site) -> None:
    ann, boss = site.as_user("ann"), site.as_user("boss")
    assert _claim(ann, 18) == [(True, None)]
    body = {"to": {"user": "boss"}, "reason": "the boss knows"}
    assert ann.post(_path(site, 18, "reassign"), json=body).status_code == 204
    row = _row(ann, 18)
    assert (row["users"], row["claimed_by"]) == (["boss"], None)
    assert ann.get(_path(site, 18)).json()["why_not"] == "Boss is asked, and ann is not among them."
    assert boss.get("/tickets", params={"scope": "mine"}).json()["total"] == 1
    assert ann.post(_path(site, 18, "reassign"), json={"to": {"user": "ann"}, "reason": "again"}).status_code == 204
    assert ann.get(_path(site, 18)).json()["may_answer"] is True


def test_a_delegation_ends(site: Site) -> None:
    ann = site.as_user("ann")
    to = {"to": {"user": "ann"}, "reason": "holiday"}
    past, late = {"until": "2020-01-01T00:00:00Z"}, {"until": "2100-01-01T00:00:00Z"}
    assert ann.post(_path(site, 19, "delegate"), json=to | past).status_code == 422
    assert ann.post(_path(site, 19, "delegate"), json=to | late).status_code == 422


@pytest.mark.parametrize(
    ("wanted", "tasks"),
    [
        ({"due": "overdue"}, {"dredge.gate"}),
        ({"due": "none", "kind": "work"}, {"inspect.human"}),
        ({"q": "DREDGER order"}, {"dredge.gate"}),
        ({"q": "100%"}, set()),
        ({"phase": "p", "kind": "review"}, {"estimate.human"}),
        ({"min_age_h": 1_000_000}, set()),
        ({"state": "answered"}, set()),
        ({"claimed": "me"}, set()),
    ],
)
def test_the_inbox_is_filtered(site: Site, wanted: dict[str, Any], tasks: set[str]) -> None:
    found = site.as_user("ann").get("/tickets", params={"dag_id": "harbour", **wanted}).json()
    assert ({row["task_id"] for row in found["tickets"]}, found["total"]) == (tasks, len(tasks))


def test_the_inbox_is_sorted_and_counted(site: Site) -> None:
    ann = site.as_user("ann")
    by_due = ann.get("/tickets", params={"dag_id": "harbour", "sort": "due"}).json()
    assert by_due["tickets"][0]["task_id"] == "dredge.gate"
    assert by_due["counts"]["by_kind"] == {"approval": 1, "review": 1, "work": 1}
    assert by_due["counts"]["all"] == 3
    assert {"harbour", "crowd", "hostile"} <= {plan["dag_id"] for plan in by_due["plans"]}
    titles = [row["plan"] for row in ann.get("/tickets", params={"sort": "-plan", "limit": 100}).json()["tickets"]]
    assert titles == sorted(titles, reverse=True)


def test_an_answered_ticket_says_who_answered(site: Site) -> None:
    ann = site.as_user("ann")
    ann.get("/tickets")
    ann.post(_path(site, 20, "answer"), json={"option": "Done", "fields": {"comment": "ok"}})
    found = ann.get("/tickets", params={"state": "answered", "q": "question 20"}).json()["tickets"]
    assert [(row["answered_by"], row["answered_with"]) for row in found] == [("ann", "Done")]


def test_a_ticket_that_nobody_answered_is_closed_and_not_answered(site: Site) -> None:
    """Its task was marked by hand in Airflow."""
    ann = site.as_user("ann")
    ann.get("/tickets")
    task = f"{site.url}/api/v2/dags/bridge/dagRuns/{site.run_id}/taskInstances/done.human"
    site.as_user("boss").patch(task, json={"new_state": "failed"}).raise_for_status()
    found = ann.get(site.place("tickets", "bridge", "RUN", "done.human")).json()
    assert (found["state"], found["why_not"]) == ("closed", "It is closed: nobody answered it.")
    wanted = {"dag_id": "bridge", "q": "bridge: done"}
    listed = {
        state: [row["title"] for row in ann.get("/tickets", params={**wanted, "state": state}).json()["tickets"]]
        for state in ("open", "answered", "closed")
    }
    assert listed["closed"] == ["Bridge: done"]
    assert "Bridge: done" not in listed["open"] + listed["answered"]


def test_an_answer_to_a_closed_ticket_is_refused_and_reaches_nobody(site: Site) -> None:
    """Airflow would take it, and nobody would read it any more."""
    ann = site.as_user("ann")
    task = f"{site.url}/api/v2/dags/crowd/dagRuns/{site.run_id}/taskInstances/ask-032.human"
    site.as_user("boss").patch(task, json={"new_state": "failed"}).raise_for_status()
    refused = ann.post(_path(site, 32, "answer"), json={"option": "Done", "fields": {"comment": "measured"}})
    closed = "It is closed: its task ended in Airflow without an answer. Nothing was put on record."
    assert (refused.status_code, refused.json()["detail"]) == (409, closed)
    assert ann.get(f"{task}/-1/hitlDetails").json()["response_received"] is False


ANSWERED_MEANWHILE = """
import json
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from airflow.utils.timezone import utcnow
from fastapi import HTTPException
from sqlalchemy import select, update
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.routing.people import People
from planexe_dag_factory.ui.desk import actions
from planexe_dag_factory.ui.desk.index import Place, refresh_one

def answered_meanwhile(session, place):
    refresh_one(session, place)
    task = select(TaskInstance.id).where(TaskInstance.dag_id == "crowd", TaskInstance.task_id == place.task_id)
    session.execute(update(HITLDetail).where(HITLDetail.ti_id.in_(task)).values(responded_at=utcnow()))
    session.commit()

actions.refresh_one = answered_meanwhile
with create_session() as session:
    hand = actions.Hand(session, Actor("person", "ann", "ann"), People())
    try:
        actions.claim(hand, Place("crowd", "manual__2026-03-02T09:00:00+00:00", "ask-034.human"))
        print(json.dumps("claimed"))
    except HTTPException as error:
        print(json.dumps(error.detail))
"""


def test_nobody_claims_a_ticket_that_is_answered_at_that_moment(site: Site) -> None:
    """The answer got its 200: it must count."""
    assert site.run(ANSWERED_MEANWHILE) == "It has just been answered."
    assert site.run(EVENTS.replace("{number:03}", "034")) == []


def test_a_ticket_that_was_answered_before_anybody_looked_is_listed_as_answered(site: Site) -> None:
    """All that the index knew is gone: it finds what is over again, as it finds what waits."""
    ann = site.as_user("ann")
    path = f"{site.url}/api/v2/dags/crowd/dagRuns/{site.run_id}/taskInstances/ask-024.human/-1/hitlDetails"
    ann.patch(path, json={"chosen_options": ["Done"], "params_input": {"comment": "x"}}).raise_for_status()
    task = f"{site.url}/api/v2/dags/crowd/dagRuns/{site.run_id}/taskInstances/ask-026.human"
    site.as_user("boss").patch(task, json={"new_state": "failed"}).raise_for_status()
    assert site.run(FORGET) > 0
    ann.get("/tickets")

    def listed(state: str, number: int) -> list[Any]:
        rows = ann.get("/tickets", params={"state": state, "q": f"question {number}"}).json()["tickets"]
        return [(row["state"], row["answered_by"], row["answered_with"], row["claimed_by"]) for row in rows]

    assert listed("answered", 24) == [("answered", "ann", "Done", None)]
    assert listed("closed", 26) == [("closed", None, None, None)]
    assert listed("open", 27) == [("open", None, None, None)]


FORGOTTEN = """
import json
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import delete, select
from fastapi import HTTPException
from planexe_dag_factory.ui.desk import history, lookup
from planexe_dag_factory.ui.desk.index import Place

RUN = "manual__2026-03-02T09:00:00+00:00"

def read(session, task_id):
    try:
        found = lookup.find_ticket(session, Place("crowd", RUN, task_id))
    except HTTPException as error:
        return error.status_code
    said = [one.what for one in history.history_of(found.step.execution.run, found.events())]
    return [found.request.state, found.ticket["title"], said]

with create_session() as session:
    tasks = select(TaskInstance.id).where(TaskInstance.dag_id == "crowd")
    session.execute(delete(HITLDetail).where(HITLDetail.ti_id.in_(tasks)))
    forgotten = [read(session, "ask-028.human"), read(session, "ask-029.human"), read(session, "no-such.human")]
    session.execute(delete(TaskInstance).where(TaskInstance.dag_id == "crowd"))
    session.execute(delete(DagRun).where(DagRun.dag_id == "crowd"))
    forgotten += [read(session, "ask-028.human"), read(session, "no-such.human")]
    session.rollback()  # the others still need them
print(json.dumps(forgotten))
"""


def test_what_airflow_has_forgotten_is_told_from_the_record(site: Site) -> None:
    """As after `airflow db clean`, without the run and with it."""
    ann = site.as_user("ann")
    assert ann.post(_path(site, 28, "comments"), json={"text": "by the quay"}).status_code == 204
    answer = {"option": "Done", "fields": {"comment": "measured"}}
    assert ann.post(_path(site, 28, "answer"), json=answer).status_code == 200
    ann.get("/tickets")
    answered = ["answered", "Question 28", ["commented"]]
    assert site.run(FORGOTTEN) == [answered, ["closed", "Question 29", []], 404, answered, 404]


@pytest.fixture
def hooked(site: Site) -> Iterator[list[dict[str, Any]]]:
    """A web hook that is told of reminders, by a connection in Airflow's database; and what it was told."""
    told: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    boss, path = site.as_user("boss"), Path(site.environment["AIRFLOW_HOME"]) / "notify.json"
    connection = {"connection_id": "desk", "conn_type": "http", "host": "127.0.0.1", "port": server.server_port}
    boss.post(f"{site.url}/api/v2/connections", json=connection).raise_for_status()
    path.write_text(json.dumps([{"notifier": "http", "on": ["reminder"], "kwargs": {"http_conn_id": "desk"}}]))
    yield told
    path.unlink()
    boss.delete(f"{site.url}/api/v2/connections/desk").raise_for_status()
    server.shutdown()
    server.server_close()


def _hand_to_boss(site: Site, number: int) -> None:
    body = {"to": {"user": "boss"}, "reason": "the boss knows"}
    assert site.as_user("ann").post(_path(site, number, "reassign"), json=body).status_code == 204


def test_whoever_waits_for_others_reminds_them_and_not_too_often(site: Site, hooked: list[dict[str, Any]]) -> None:
    ann, boss = site.as_user("ann"), site.as_user("boss")
    _hand_to_boss(site, 37)
    assert [one.get(_path(site, 37)).json()["may_remind"] for one in (ann, boss, site.as_user("vera"))] == [
        True,
        False,
        False,
    ]
    reminded = ann.post(_path(site, 37, "remind"))
    assert (reminded.status_code, reminded.json()["told"]) == (200, "boss")
    end = time.monotonic() + 20
    while time.monotonic() < end and site.run(EVENTS.replace("{number:03}", "037"))[-1]["action"] != "notice-sent":
        time.sleep(0.3)
    assert [(one["event"], one["asked"], one["task_id"]) for one in hooked] == [("reminder", "boss", "ask-037.human")]
    events = site.run(EVENTS.replace("{number:03}", "037"))
    assert [(event["action"], event["actor"].get("name")) for event in events[1:]] == [
        ("ticket-reminded", "ann"),
        ("notice-sent", None),
    ]
    again = ann.post(_path(site, 37, "remind"))
    assert again.status_code == 429
    assert 14_000 < int(again.headers["retry-after"]) <= 14_400
    assert "the next one can be sent from" in again.json()["detail"]
    assert site.as_user("vera").post(_path(site, 37, "remind")).status_code == 403


def test_a_reminder_that_nobody_would_hear_is_refused(site: Site) -> None:
    ann = site.as_user("ann")
    refused = ann.post(_path(site, 38, "remind"))
    said = "Nobody can be told: the notify file names no channel for reminders."
    assert (refused.status_code, refused.json()["detail"]) == (409, said)
    path = Path(site.environment["AIRFLOW_HOME"]) / "notify.json"
    path.write_text("{")
    try:
        assert ann.post(_path(site, 38, "remind")).json()["detail"].endswith("the notify file cannot be used.")
    finally:
        path.unlink()
    assert site.run(EVENTS.replace("{number:03}", "038")) == []


TOO_FEW = """
import json
from airflow.utils.session import create_session
from fastapi import HTTPException
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.routing.people import People
from planexe_dag_factory.ui.desk import actions
from planexe_dag_factory.ui.desk.index import Place
from planexe_dag_factory.ui.wire import Reassignment

actions.too_few_left = lambda step, ticket, asked: f"{step.id}, {ticket['n']}, {asked}"
with create_session() as session:
    hand = actions.Hand(session, Actor("person", "ann", "ann"), People())
    try:
        body = Reassignment(to={"user": "boss"}, reason="x")
        actions.reassign(hand, Place("crowd", "manual__2026-03-02T09:00:00+00:00", "ask-036.human"), body)
        print(json.dumps("handed over"))
    except HTTPException as error:
        print(json.dumps(error.detail))
"""


def test_a_ticket_is_not_handed_to_too_few(site: Site) -> None:
    assert site.run(TOO_FEW) == "Ask-036, 1, boss."
    assert site.run(EVENTS.replace("{number:03}", "036")) == []


RETRYING = """
import json
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import update
with create_session() as session:
    which = (TaskInstance.dag_id == "crowd") & (TaskInstance.task_id == "ask-035.human")
    print(json.dumps(session.execute(update(TaskInstance).where(which).values(state="up_for_retry")).rowcount))
"""


def test_a_ticket_whose_worker_died_waits_on_and_takes_an_answer(site: Site) -> None:
    ann = site.as_user("ann")
    assert site.run(RETRYING) == 1
    assert _row(ann, 35)["state"] == ann.get(_path(site, 35)).json()["state"] == "open"
    answer = {"option": "Done", "fields": {"comment": "measured"}}
    assert ann.post(_path(site, 35, "answer"), json=answer).status_code == 200


@pytest.mark.parametrize(
    ("option", "approvals", "said"),
    [
        ("Approve", None, "Your approval is signed and put on record, and the step starts."),
        ("Approve", {"needed": 2, "given": [1]}, "Your approval is signed and put on record, and the step starts."),
        ("Approve", {"needed": 2, "given": []}, "One more approval is needed; then the step starts."),
        ("Approve", {"needed": 4, "given": [1]}, "2 more approvals are needed; then the step starts."),
        ("Reject", {"needed": 2, "given": []}, "The step does not start."),
        ("Redo", None, "you are asked again about what it brings."),
    ],
)
def test_an_answer_says_what_it_leads_to(option: str, approvals: dict[str, Any] | None, said: str) -> None:
    from planexe_dag_factory.ui.answers import what_follows  # noqa: PLC0415 - imports Airflow's server

    assert said in what_follows({"approvals": approvals}, option)


@pytest.fixture
def office(site: Site) -> Iterator[None]:
    """A people file: Finance is ann, a site manager is anybody of the office, the boss answers for the rest."""
    path = Path(site.environment["AIRFLOW_HOME"]) / "people.json"
    roles = {"Finance": {"users": ["ann"]}, "Site manager": {"groups": ["office"]}}
    owner = {"users": ["boss"]}
    path.write_text(json.dumps({"owner": owner, "groups": {"office": ["ann", "carl"]}, "roles": roles}))
    yield
    path.unlink()


@pytest.mark.usefixtures("office")
def test_the_people_file_says_who_is_asked(site: Site) -> None:
    ann, boss = site.as_user("ann"), site.as_user("boss")

    def listed(client: httpx.Client, scope: str) -> set[str]:
        page = client.get("/tickets", params={"dag_id": "harbour", "scope": scope}).json()
        assert page["counts"][scope] == page["total"]
        return {row["task_id"] for row in page["tickets"]}

    assert listed(ann, "mine") == {"dredge.gate"}
    assert listed(ann, "groups") == {"estimate.human", "inspect.human"}
    assert listed(ann, "me") == listed(ann, "mine") | listed(ann, "groups")
    assert listed(boss, "me") == listed(boss, "mine") == listed(boss, "groups") == set()
    inspect = site.place("tickets", "harbour", "RUN", "inspect.human")
    found = boss.get(inspect).json()
    assert found["assigned"] == {"role": "Site manager", "users": [], "groups": ["office"], "mapped": True}
    assert (found["may_answer"], found["why_not"]) == (False, "The group office is asked, and boss is not among them.")
    answer = {"option": "Done", "fields": {"comment": "looked"}}
    assert boss.post(f"{inspect}/answer", json=answer).status_code == 403
    assert boss.get(inspect).json()["state"] == "open"
    assert ann.get("/people").json() == {
        "you": ["ann"],
        "users": ["ann", "boss", "carl"],
        "groups": {"office": ["ann", "carl"]},
    }


@pytest.mark.usefixtures("office")
def test_only_those_who_are_asked_and_the_owner_hand_a_ticket_on(site: Site) -> None:
    ann, boss = site.as_user("ann"), site.as_user("boss")
    path = _path(site, 23, "reassign")
    unknown = ann.post(path, json={"to": {"user": "mallory"}, "reason": "x"})
    assert unknown.json()["detail"] == ["to.user: the people file knows no 'mallory'; choose one of ann, boss, carl"]
    assert boss.post(path, json={"to": {"user": "boss"}, "reason": "The office is closed."}).status_code == 204
    refused = ann.post(path, json={"to": {"user": "ann"}, "reason": "Mine!"})
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        "Only boss, the owner or a senior may hand it on.",
    )
    assert boss.post(path, json={"to": {"group": "office"}, "reason": "It is open again."}).status_code == 204
    assert ann.get(_path(site, 23)).json()["assigned"]["groups"] == ["office"]


@pytest.mark.usefixtures("office")
def test_a_delegate_is_asked_as_well(site: Site) -> None:
    ann = site.as_user("ann")
    until = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    body = {"to": {"user": "boss"}, "reason": "I am away.", "until": until}
    assert site.as_user("boss").post(_path(site, 21, "delegate"), json=body).status_code == 204  # the owner may
    assert _row(ann, 21)["users"] == ["boss"]
    assert _row(ann, 21)["groups"] == ["office"]
    assert site.as_user("boss").get(_path(site, 21)).json()["may_answer"] is True


def test_a_people_file_that_cannot_be_used_lets_nobody_answer_and_says_so(site: Site) -> None:
    path = Path(site.environment["AIRFLOW_HOME"]) / "people.json"
    path.write_text("{")
    try:
        answer = site.as_user("ann").get(_path(site, 22))
    finally:
        path.unlink()
    assert answer.status_code == 503
    assert "people.json" in answer.json()["detail"]
