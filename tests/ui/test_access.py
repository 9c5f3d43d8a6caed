"""Nobody sees or does anything that Airflow does not allow them: shown over HTTP, on a real API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest

if TYPE_CHECKING:
    from tests.ui.conftest import Site

pytestmark = pytest.mark.airflow

LIST_ROUTES = """
import json
from planexe_dag_factory.ui.app import create_app
print(json.dumps([[route.path, sorted(route.methods)] for route in create_app().routes]))
"""
RUN_ID = "manual__2026-03-02T09:00:00+00:00"
PLACES = {
    "dag_id": "harbour",
    "run_id": "RUN",
    "task_id": "dredge.gate",
    "milestone": "final",
    "picture": "finish",
    "name": "main.js",
    "number": "1",
}


@pytest.fixture(scope="module")
def routes(site: Site) -> list[tuple[str, str]]:
    """Every method and path that the application has, asked of the application itself."""
    return [(method, path) for path, methods in site.run(LIST_ROUTES) for method in methods]


def test_these_are_all_routes(routes: list[tuple[str, str]]) -> None:
    assert sorted(routes) == [
        ("DELETE", "/api/v1/me/absence"),
        ("DELETE", "/api/v1/me/filters/{name:path}"),
        ("DELETE", "/api/v1/people/{name}/absence"),
        ("DELETE", "/api/v1/tickets/{dag_id}/{run_id}/{task_id}/approvers/{number}"),
        ("DELETE", "/api/v1/tickets/{dag_id}/{run_id}/{task_id}/questions/{number}"),
        ("GET", "/"),
        ("GET", "/api/v1/absences"),
        ("GET", "/api/v1/health"),
        ("GET", "/api/v1/me/absence"),
        ("GET", "/api/v1/me/filters"),
        ("GET", "/api/v1/openapi.json"),
        ("GET", "/api/v1/people"),
        ("GET", "/api/v1/plans"),
        ("GET", "/api/v1/plans/{dag_id}/runs"),
        ("GET", "/api/v1/runs/{dag_id}/{run_id}"),
        ("GET", "/api/v1/runs/{dag_id}/{run_id}/events"),
        ("GET", "/api/v1/runs/{dag_id}/{run_id}/gantt.svg"),
        ("GET", "/api/v1/runs/{dag_id}/{run_id}/planexe/{milestone}"),
        ("GET", "/api/v1/runs/{dag_id}/{run_id}/record"),
        ("GET", "/api/v1/runs/{dag_id}/{run_id}/report/{milestone}"),
        ("GET", "/api/v1/runs/{dag_id}/{run_id}/risk/{milestone}/{picture}.svg"),
        ("GET", "/api/v1/runs/{dag_id}/{run_id}/snapshots"),
        ("GET", "/api/v1/runs/{dag_id}/{run_id}/timeline"),
        ("GET", "/api/v1/tickets"),
        ("GET", "/api/v1/tickets/{dag_id}/{run_id}/{task_id}"),
        ("GET", "/api/v1/tickets/{dag_id}/{run_id}/{task_id}/attachments/{number}"),
        ("GET", "/inbox"),
        ("GET", "/plans"),
        ("GET", "/plans/{dag_id}"),
        ("GET", "/runs/{dag_id}/{run_id}"),
        ("GET", "/runs/{dag_id}/{run_id}/planexe/{milestone}"),
        ("GET", "/runs/{dag_id}/{run_id}/report/{milestone}"),
        ("GET", "/static/{name:path}"),
        ("GET", "/tickets/{dag_id}/{run_id}/{task_id}"),
        ("POST", "/api/v1/tickets/claim"),
        ("POST", "/api/v1/tickets/reassign"),
        ("POST", "/api/v1/tickets/release"),
        *(
            ("POST", f"/api/v1/tickets/{{dag_id}}/{{run_id}}/{{task_id}}/{action}")
            for action in (
                "answer",
                "approvers",
                "attachments",
                "comments",
                "delegate",
                "links",
                "questions",
                "reassign",
                "remind",
            )
        ),
        ("PUT", "/api/v1/me/absence"),
        ("PUT", "/api/v1/me/filters/{name:path}"),
        ("PUT", "/api/v1/people/{name}/absence"),
        ("PUT", "/api/v1/tickets/{dag_id}/{run_id}/{task_id}/priority"),
        ("PUT", "/api/v1/tickets/{dag_id}/{run_id}/{task_id}/put-off"),
    ]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer forged"}, {"Cookie": "_token=forged"}])
def test_no_route_answers_without_a_login(site: Site, routes: list[tuple[str, str]], headers: dict[str, str]) -> None:
    for method, path in routes:
        url = f"{site.url}/planexe{path.replace(':path', '').format(**PLACES)}"
        answer = httpx.request(method, url, json={"option": "Approve"}, headers=headers)
        assert answer.status_code in {401, 403}, (method, path)
        assert set(answer.json()) == {"detail"}, (method, path)


def test_a_person_without_a_login_is_sent_to_airflows(site: Site) -> None:
    answer = httpx.get(f"{site.url}/planexe/inbox", headers={"Accept": "text/html"})
    assert answer.status_code == 307
    assert answer.headers["location"].startswith("/auth/login?next=")


def test_every_route_about_a_dag_asks_for_its_permissions(site: Site, routes: list[tuple[str, str]]) -> None:
    about_a_dag = [(method, path) for method, path in routes if path.startswith("/api/") and "{dag_id}" in path]
    assert len(about_a_dag) > 10
    for method, path in about_a_dag:
        place = {name: quote(RUN_ID if value == "RUN" else value, safe="") for name, value in PLACES.items()}
        secret = path.removeprefix("/api/v1").format(**{**place, "dag_id": "secret"})
        unknown = path.removeprefix("/api/v1").format(**{**place, "dag_id": "no-such-dag"})
        body = {"option": "Done", "text": "x", "reason": "x", "to": {"user": "ann"}, "url": "https://example.org"}
        assert site.as_user("ann").request(method, secret, json=body).status_code == 403, (method, path)
        assert site.as_user("ann").request(method, unknown, json=body).status_code in {404, 422}, (method, path)


def test_lists_hold_what_the_reader_may_see_and_nothing_else(site: Site) -> None:
    def seen(user: str) -> tuple[set[str], set[str]]:
        client = site.as_user(user)
        pages = [client.get("/tickets", params={"limit": 100, "offset": at}).json() for at in (0, 100)]
        tickets = [ticket for page in pages for ticket in page["tickets"]]
        return {plan["dag_id"] for plan in client.get("/plans").json()}, {ticket["dag_id"] for ticket in tickets}

    plans = {"bridge", "broken", "clinic", "crowd", "fresh", "harbour", "hostile", "starting", "vault"}
    asking = {"bridge", "broken", "crowd", "gone", "harbour", "hostile", "starting", "vault"}
    assert seen("ann") == (plans, asking)
    assert seen("boss") == (plans | {"secret"}, asking | {"secret"})


@pytest.mark.parametrize("path", ["/plans", "/tickets"])
def test_a_filter_does_not_reach_past_permissions(site: Site, path: str) -> None:
    assert site.as_user("ann").get(path, params={"dag_id": "secret"}).status_code == 403


@pytest.mark.parametrize("path", [("runs", "plain", "RUN"), ("tickets", "plain", "RUN", "one.human")])
def test_a_dag_that_is_no_plan_is_none_of_our_business(site: Site, path: tuple[str, ...]) -> None:
    assert site.as_user("boss").get(site.place(*path)).status_code == 404


def test_a_viewer_reads_a_ticket_and_cannot_answer_it(site: Site) -> None:
    vera, path = site.as_user("vera"), site.place("tickets", "harbour", "RUN", "dredge.gate")
    found = vera.get(path).json()
    assert (found["state"], found["may_answer"]) == ("open", False)
    assert vera.post(f"{path}/answer", json={"option": "Approve", "fields": {"amount": 250000}}).status_code == 403
    assert site.as_user("ann").get(path).json()["may_answer"] is True


ANSWER: dict[str, Any] = {"option": "Done", "fields": {"comment": "yes"}}


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://127.0.0.1:1"])
def test_a_cookie_does_not_answer_for_a_foreign_page(site: Site, origin: str | None) -> None:
    path = "/api/v1" + site.place("tickets", "crowd", "RUN", "ask-040.human")
    headers = {} if origin is None else {"Origin": origin}
    ann = site.in_browser("ann")
    assert ann.post(f"{path}/answer", json=ANSWER, headers=headers).status_code == 403
    assert ann.get(path).json()["state"] == "open"


def test_a_cookie_answers_for_our_own_pages(site: Site) -> None:
    path = "/api/v1" + site.place("tickets", "crowd", "RUN", "ask-041.human", "answer")
    assert site.in_browser("ann").post(path, json=ANSWER, headers={"Origin": site.url}).status_code == 200


def test_a_token_needs_no_origin_but_a_foreign_one_is_refused(site: Site) -> None:
    ann, path = site.as_user("ann"), site.place("tickets", "crowd", "RUN", "ask-042.human", "answer")
    assert ann.post(path, json=ANSWER, headers={"Origin": "http://evil.example"}).status_code == 403
    assert ann.post(path, json=ANSWER).status_code == 200


def test_pages_allow_no_inline_script_and_no_foreign_content(site: Site) -> None:
    answer = site.in_browser("ann").get("/plans")
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "frame-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/static/page.html", "/static/..%2fapp.py", "/static/%2fetc%2fpasswd", "/static/"])
def test_only_shipped_files_are_served(site: Site, path: str) -> None:
    assert site.in_browser("ann").get(path).status_code == 404
