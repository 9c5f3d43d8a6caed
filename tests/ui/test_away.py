"""Being away, as the API, the command line and the inbox offer it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.ui.test_ticket_commands import invoke

if TYPE_CHECKING:
    import httpx

    from tests.ui.conftest import Open, Site

pytestmark = pytest.mark.airflow


@pytest.fixture(autouse=True)
def office(site: Site) -> Iterator[None]:
    """A people file: the site manager is ann, Finance a group of hers and dora's; carl is in the office, no more."""
    path = Path(site.environment["AIRFLOW_HOME"]) / "people.json"
    roles = {"Site manager": {"users": ["ann"]}, "Finance": {"groups": ["board"]}}
    groups = {"board": ["ann", "dora"], "office": ["carl"]}
    path.write_text(json.dumps({"owner": {"users": ["boss"]}, "groups": groups, "roles": roles}))
    yield
    site.as_user("ann").delete("/me/absence")
    path.unlink()


def leave(site: Site, deputy: str = "carl", who: str = "ann", path: str = "/me/absence", **more: Any) -> httpx.Response:
    until = (datetime.now(UTC) + timedelta(days=7)).isoformat()
    return site.as_user(who).put(path, json={"until": until, "deputy": deputy, **more})


def listed(site: Site, who: str, **wanted: Any) -> dict[str, Any]:
    page: dict[str, Any] = site.as_user(who).get("/tickets", params={"limit": 100, **wanted}).json()
    return page


def ticket(site: Site, number: int, *more: str) -> str:
    return site.place("tickets", "crowd", "RUN", f"ask-{number:03}.human", *more)


def test_a_deputy_finds_and_answers_what_asks_who_is_away(site: Site) -> None:
    carl, done = site.as_user("carl"), {"option": "Done", "fields": {"comment": "For ann."}}
    assert listed(site, "carl", scope="mine", dag_id="crowd")["total"] == 0
    assert carl.post(ticket(site, 53, "answer"), json=done).status_code == 403
    assert leave(site).status_code == 204
    mine = listed(site, "carl", scope="mine", dag_id="crowd", q="question 53")
    assert [(row["task_id"], row["answers_for"]["user"]) for row in mine["tickets"]] == [("ask-053.human", "ann")]
    assert mine["counts"]["mine"] == mine["total"] == 1
    assert listed(site, "ann", scope="mine", q="question 53")["tickets"][0]["answers_for"] is None
    found = carl.get(ticket(site, 53)).json()
    assert (found["may_answer"], found["answers_for"]["user"], found["away"][0]["deputy"]) == (True, "ann", "carl")
    assert carl.post(ticket(site, 53, "answer"), json=done).status_code == 200
    assert carl.get("/me/absence").json()["answers_for"][0]["user"] == "ann"
    assert site.as_user("ann").delete("/me/absence").status_code == 204
    assert carl.post(ticket(site, 54, "answer"), json=done).status_code == 403
    assert listed(site, "carl", scope="mine", dag_id="crowd")["total"] == 0


def test_a_deputy_gets_what_groups_are_asked_and_only_the_kinds_that_were_named(site: Site) -> None:
    assert leave(site, "boss", kinds=["approval"]).status_code == 204
    groups = listed(site, "boss", scope="groups", dag_id="harbour")["tickets"]
    assert [(row["task_id"], row["answers_for"]["user"]) for row in groups] == [("dredge.gate", "ann")]
    assert listed(site, "boss", scope="groups", dag_id="vault")["total"] == 0, "the boss has started that run"
    assert listed(site, "boss", scope="mine", dag_id="crowd", q="question 54")["total"] == 0
    refused = site.as_user("boss").get(ticket(site, 54)).json()
    assert (refused["may_answer"], refused["answers_for"]) == (False, None)


def test_a_deputy_hands_nothing_on(site: Site) -> None:
    leave(site)
    refused = site.as_user("carl").post(ticket(site, 54, "reassign"), json={"to": {"user": "carl"}, "reason": "x"})
    assert (refused.status_code, refused.json()["detail"]) == (409, "Only ann, the owner or a senior may hand it on.")


def test_only_the_person_and_an_operator_say_who_is_away(site: Site) -> None:
    path = site.place("people", "ann", "absence")
    refused = leave(site, who="carl", path=path)
    assert (refused.status_code, "Only an operator" in refused.json()["detail"]) == (403, True)
    assert leave(site, who="boss", path=path).status_code == 204
    assert site.as_user("ann").get("/me/absence").json()["absence"]["deputy"] == "carl"
    assert [one["user"] for one in site.as_user("vera").get("/absences").json()] == ["ann"]
    assert site.as_user("carl").delete(path).status_code == 403
    assert site.as_user("boss").delete(path).status_code == 204
    assert site.as_user("ann").get("/me/absence").json() == {"user": "ann", "absence": None, "answers_for": []}
    assert leave(site, who="boss", path=site.place("people", "mallory", "absence")).status_code == 403


def test_who_may_answer_nothing_names_no_deputy(site: Site) -> None:
    assert (
        leave(site, who="vera").json()["detail"] == "Airflow lets you answer no ticket, so nobody can answer for you."
    )


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"deputy": "mallory"}, "deputy: the people file knows no 'mallory'; choose one of ann, boss, carl, dora"),
        ({"deputy": "ann"}, "deputy: name somebody else than who is away"),
        ({"until": "2020-01-01T00:00:00Z"}, "until: choose a time after the beginning, within the next 366 days"),
        ({"until": "2100-01-01T00:00:00Z"}, "until: choose a time after the beginning, within the next 366 days"),
        ({"since": "2099-01-01T00:00:00Z"}, "until: choose a time after the beginning, within the next 366 days"),
    ],
)
def test_an_absence_has_an_end_and_a_known_deputy(site: Site, said: dict[str, Any], problem: str) -> None:
    until = (datetime.now(UTC) + timedelta(days=7)).isoformat()
    refused = site.as_user("ann").put("/me/absence", json={"until": until, "deputy": "carl", **said})
    assert (refused.status_code, refused.json()["detail"]) == (422, [problem])


def test_in_a_terminal(site: Site) -> None:
    assert "You are not away." in invoke(site, "away").stdout
    away = invoke(site, "away", "--until", f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d}", "--deputy", "carl")
    assert (away.exit_code, "carl answers for you until" in away.stderr) == (0, True)
    assert "carl answers." in invoke(site, "away").stdout
    assert "You answer for ann until" in invoke(site, "away", user="carl").stdout
    assert "you for ann" in " ".join(
        invoke(site, "list", "--scope", "mine", "--dag", "crowd", user="carl").stdout.split()
    )
    assert invoke(site, "away", "--until", "2020-01-01", "--deputy", "carl").exit_code == 1
    assert invoke(site, "away", "--deputy", "carl").exit_code == 2
    assert invoke(site, "back").exit_code == 0
    assert "You are not away." in invoke(site, "away").stdout


@pytest.mark.browser
def test_on_the_page_one_says_that_one_is_away_and_is_back(site: Site, visit: Open) -> None:
    page = visit("inbox")
    page.get_by_role("button", name="Away…").click()
    dialog = page.get_by_role("dialog", name="Away")
    dialog.get_by_role("button", name="I am away").click()
    expect(dialog.get_by_role("alert")).to_have_text("Say who answers for you.")
    dialog.get_by_label("Who answers for you").select_option("carl")
    dialog.get_by_role("button", name="I am away").click()
    expect(page.locator("#you-are-away")).to_contain_text("carl answers for you")
    other = visit("tickets", "crowd", "RUN", "ask-056.human", user="carl")
    expect(other.locator("#answers-for")).to_contain_text("You answer for ann, away until")
    other.goto(f"{site.url}/planexe/inbox?scope=mine&q=question 56")
    expect(other.get_by_role("listitem").filter(has_text="Question 56")).to_contain_text("for ann, away until")
    expect(other.locator(".away")).to_contain_text("You answer for ann")
    page.get_by_role("button", name="Away…").click()
    page.get_by_role("button", name="I am back").click()
    expect(page.locator("#you-are-away")).to_have_count(0)
