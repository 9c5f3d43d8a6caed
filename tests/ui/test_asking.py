"""Somebody is asked for information about a ticket, which stays open; both are told."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.ui.test_desk import EVENTS, FORGET
from tests.ui.test_ticket_commands import invoke

if TYPE_CHECKING:
    from tests.ui.conftest import Open, Site

pytestmark = pytest.mark.airflow
TEXT = "Does the <b>offer</b> include transport?"


@pytest.fixture(autouse=True)
def told(site: Site) -> Iterator[Path]:
    """A people file whose Finance is ann; and all notices, in a file."""
    home = Path(site.environment["AIRFLOW_HOME"])
    people, notify, heard = home / "people.json", home / "notify.json", home / "heard.jsonl"
    roles = {"Finance": {"users": ["ann"]}}
    emails = {"carl": "carl@example.org", "ann": "ann@example.org"}
    groups = {"office": ["carl", "dora"]}
    owner = {"users": ["boss"]}
    people.write_text(json.dumps({"owner": owner, "groups": groups, "roles": roles, "emails": emails}))
    kwargs = {"path": str(heard), **{name: f"${name}" for name in ("event", "asked", "emails", "text")}}
    channel = {"notifier": "tests.ui.site.recorder.Recorder", "on": ["asked", "commented"], "kwargs": kwargs}
    notify.write_text(json.dumps([channel]))
    yield heard
    for path in (people, notify, heard):
        path.unlink(missing_ok=True)


def ticket(site: Site, number: int, *more: str) -> str:
    return site.place("tickets", "vault", "RUN", f"buy-{number:02}.gate", *more)


def ask(site: Site, number: int, who: str = "ann", **to: str) -> tuple[int, Any]:
    body = {"to": to or {"user": "carl"}, "question": TEXT}
    answer = site.as_user(who).post(ticket(site, number, "questions"), json=body)
    return answer.status_code, answer.json()["detail"] if answer.content else ""


def heard(path: Path, count: int) -> list[dict[str, str]]:
    """What people were told; it comes after the request."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        lines = path.read_text().splitlines() if path.exists() else []
        if len(lines) >= count:
            return [json.loads(line) for line in lines]
        time.sleep(0.1)
    raise AssertionError(f"{count} notices were expected")


def rows(site: Site, who: str, number: int, **wanted: Any) -> list[dict[str, Any]]:
    found = site.as_user(who).get("/tickets", params={"q": f"buy {number}", "dag_id": "vault", **wanted})
    return list(found.json()["tickets"])


def test_a_question_keeps_the_ticket_open_until_the_one_who_is_asked_replies(site: Site, told: Path) -> None:
    assert ask(site, 4) == (204, "")
    [notice] = heard(told, 1)
    assert (notice["event"], notice["asked"], notice["emails"]) == ("asked", "carl", "carl@example.org")
    assert notice["text"].startswith(f"ann asks: {TEXT}")
    [mine] = rows(site, "carl", 4, scope="mine")
    assert (mine["state"], mine["information_from"], mine["answers_for"]) == ("open", ["carl"], None)
    assert site.run(FORGET) > 0
    assert rows(site, "ann", 4)[0]["information_from"] == ["carl"]
    found = site.as_user("carl").get(ticket(site, 4)).json()
    assert (found["state"], found["may_answer"]) == ("open", False)
    assert [(one["to"], one["text"], one["open"], one["to_you"]) for one in found["questions"]] == [
        ("carl", TEXT, True, True)
    ]
    assert site.as_user("boss").post(ticket(site, 4, "comments"), json={"text": "Good question."}).status_code == 204
    assert rows(site, "ann", 4)[0]["information_from"] == ["carl"]
    assert site.as_user("carl").post(ticket(site, 4, "comments"), json={"text": "It does."}).status_code == 204
    assert rows(site, "ann", 4)[0]["information_from"] == []
    assert rows(site, "carl", 4, scope="mine") == []
    notice = heard(told, 2)[1]
    assert (notice["event"], notice["asked"], notice["emails"]) == ("commented", "ann", "ann@example.org")
    assert notice["text"].startswith("carl replies: It does.")
    said = site.as_user("ann").get(ticket(site, 4)).json()
    assert [(one["who"], one["what"]) for one in said["comments"]] == [("boss", "commented"), ("carl", "replied")]
    history = [one["what"] for one in said["history"]]
    assert history[0] == "asked carl for information"
    assert {"told people by tests.ui.site.recorder.Recorder"} <= set(history)


def test_anybody_of_a_group_replies_and_the_asker_withdraws(site: Site) -> None:
    assert ask(site, 5, group="office") == (204, "")
    assert rows(site, "dora", 5, scope="groups")[0]["information_from"] == ["the group office"]
    assert site.as_user("dora").post(ticket(site, 5, "comments"), json={"text": "Yes."}).status_code == 204
    assert rows(site, "ann", 5)[0]["information_from"] == []
    assert ask(site, 5) == (204, "")
    refused = site.as_user("carl").delete(ticket(site, 5, "questions", "2"))
    assert (refused.status_code, refused.json()["detail"]) == (403, "Ann has asked, and alone can withdraw it.")
    assert site.as_user("ann").delete(ticket(site, 5, "questions", "2")).status_code == 204
    assert rows(site, "ann", 5)[0]["information_from"] == []
    assert site.as_user("ann").delete(ticket(site, 5, "questions", "2")).status_code == 409
    events = [one["action"] for one in site.run(EVENTS.replace("crowd", "vault").replace("ask-{number:03}", "buy-05"))]
    assert [one for one in events if one.startswith("ticket-")] == [
        "ticket-asked",
        "ticket-commented",
        "ticket-asked",
        "ticket-question-withdrawn",
    ]


def test_only_who_deals_with_a_ticket_asks_and_only_known_people(site: Site) -> None:
    refusal = "Only who is asked, the owner or a senior may ask for information."
    assert ask(site, 6, "carl", user="dora") == (403, refusal)
    assert ask(site, 6, "boss") == (204, "")
    assert ask(site, 6, user="mallory")[0] == 422
    assert ask(site, 6, "vera")[0] == 403
    done = {"option": "Approve", "fields": {"amount": 250_000}}
    assert site.as_user("ann").post(ticket(site, 6, "answer"), json=done).status_code == 200
    assert ask(site, 6) == (409, "It has been answered.")


def test_a_channel_that_fails_fails_no_question(site: Site, told: Path) -> None:
    (told.parent / "notify.json").write_text("{")
    assert ask(site, 7) == (204, "")
    assert rows(site, "ann", 7)[0]["information_from"] == ["carl"]


def test_in_a_terminal(site: Site) -> None:
    assert invoke(site, "ask", "vault/buy-08.gate", "Which berth?", "--of", "carl").exit_code == 0
    assert invoke(site, "ask", "vault/buy-08.gate", "Which berth?").exit_code == 2
    shown = invoke(site, "show", "vault/buy-08.gate", user="carl").stdout
    assert "ann asks carl" in shown
    assert "| Which berth?" in shown


@pytest.mark.browser
def test_on_the_page_it_is_asked_and_replied_to(site: Site, visit: Open) -> None:
    page = visit("tickets", "vault", "RUN", "buy-09.gate")
    page.get_by_role("button", name="Ask…").click()
    dialog = page.get_by_role("dialog", name="Ask for information")
    dialog.get_by_role("button", name="Ask").click()
    expect(dialog.get_by_role("alert")).to_have_text("Say whom.")
    dialog.get_by_label("Whom").select_option("carl")
    dialog.get_by_label("What").fill(TEXT)
    dialog.get_by_role("button", name="Ask").click()
    asked = page.get_by_role("list", name="Information asked for")
    expect(asked).to_contain_text("Information asked of carl")
    expect(asked).to_contain_text(TEXT)
    other = visit("inbox", user="carl")
    other.goto(f"{site.url}/planexe/inbox?scope=mine&q=buy 9")
    expect(other.get_by_role("listitem").filter(has_text="Buy 9")).to_contain_text("Information asked of carl")
    other.get_by_role("link", name="Buy 9").click()
    other.get_by_role("button", name="Reply with a comment").click()
    other.keyboard.type("It does.")
    other.get_by_role("button", name="Comment", exact=True).click()
    expect(other.get_by_role("list", name="Information asked for")).to_have_count(0)
    expect(page.get_by_text("It does.").first).to_be_visible(timeout=20_000)
    expect(asked).to_have_count(0)
