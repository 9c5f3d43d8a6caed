"""Somebody's approval is made necessary beside those that the policy asks for: by the API, a terminal, and the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.ui.test_asking import heard
from tests.ui.test_ticket_commands import invoke

if TYPE_CHECKING:
    from tests.ui.conftest import Open, Site

pytestmark = pytest.mark.airflow
WHY = "It touches <b>her</b> budget."
ADD = "Add an approver…"


@pytest.fixture(autouse=True)
def told(site: Site) -> Iterator[Path]:
    """A people file whose Finance are ann and dora; and all notices, in a file."""
    home = Path(site.environment["AIRFLOW_HOME"])
    people, notify, heard = home / "people.json", home / "notify.json", home / "heard.jsonl"
    roles, owner = {"Finance": {"users": ["ann", "dora"]}}, {"users": ["boss"]}
    known = {"owner": owner, "groups": {"office": ["carl"]}, "roles": roles, "emails": {"carl": "carl@example.org"}}
    people.write_text(json.dumps(known))
    kwargs = {"path": str(heard), **{name: f"${name}" for name in ("event", "asked", "emails", "text")}}
    notify.write_text(json.dumps([{"notifier": "tests.ui.site.recorder.Recorder", "on": ["opened"], "kwargs": kwargs}]))
    yield heard
    for path in (people, notify, heard):
        path.unlink(missing_ok=True)


def ticket(site: Site, letter: str, *more: str) -> str:
    return site.place("tickets", "vault", "RUN", f"lend-{letter}.gate", *more)


def add(site: Site, letter: str, who: str = "ann", **to: str) -> tuple[int, Any]:
    body = {"to": to or {"user": "carl"}, "reason": WHY}
    answer = site.as_user(who).post(ticket(site, letter, "approvers"), json=body)
    return answer.status_code, answer.json()["detail"] if answer.content else ""


def test_who_is_added_is_told_and_asked_and_nobody_claims_it(site: Site, told: Path) -> None:
    assert add(site, "a") == (204, "")
    [notice] = heard(told, 1)
    assert (notice["asked"], notice["text"].startswith(f"ann asks for your approval as well: {WHY}")) == ("carl", True)
    found = site.as_user("carl").get(ticket(site, "a")).json()
    assert (found["may_answer"], found["may_add"], found["votes"]["needed"]) == (True, False, 2)
    assert [(one["to"], one["who"], one["reason"], one["met"], one["yours"]) for one in found["added"]] == [
        ("carl", "ann", WHY, False, False)
    ]
    [mine] = site.as_user("carl").get("/tickets", params={"q": "Lend a", "scope": "mine"}).json()["tickets"]
    assert mine["approvals"] == {"needed": 2, "given": 0}
    place = {"dag_id": "vault", "run_id": site.run_id, "task_id": "lend-a.gate"}
    [claimed] = site.as_user("dora").post("/tickets/claim", json={"tickets": [place]}).json()["tickets"]
    assert claimed["problem"] == "2 different people must approve this, so nobody can claim it."
    said = site.as_user("ann").post(
        ticket(site, "a", "answer"), json={"option": "Approve", "fields": {"amount": 250_000}}
    )
    assert said.json()["next"].startswith("Your approval is signed and put on record. One more approval is needed")


def test_who_deals_with_it_adds_and_takes_back_and_nobody_else(site: Site) -> None:
    assert add(site, "b", "carl", user="boss") == (403, "Only ann or dora, the owner or a senior may add an approver.")
    assert add(site, "b", "ann", user="ann") == (409, "You cannot add yourself: approve it, or add somebody else.")
    assert add(site, "b", "ann", user="mallory")[0] == 422
    assert add(site, "b", "vera")[0] == 403
    starter = "Whoever started the run cannot approve its steps: somebody else must."
    assert add(site, "b", "boss", group="office") == (403, starter)
    assert add(site, "b", "dora", user="boss")[0] == 409
    assert add(site, "b", "dora", group="office") == (204, "")
    assert add(site, "b", "ann", group="office") == (409, "The group office has been added already.")
    gone = site.as_user("ann").delete(ticket(site, "b", "approvers", "1"))
    assert (gone.status_code, gone.json()["detail"]) == (
        403,
        "Dora has added the group office, and alone can take that back.",
    )
    assert site.as_user("dora").delete(ticket(site, "b", "approvers", "1")).status_code == 204
    assert site.as_user("dora").delete(ticket(site, "b", "approvers", "1")).status_code == 409
    found = site.as_user("ann").get(ticket(site, "b")).json()
    assert (found["added"], found["votes"]["needed"]) == ([], 1)
    told = [one["what"] for one in found["history"] if one["who"] == "dora"]
    assert told == [
        "asked for the approval of the group office as well",
        "took back that the group office must approve too",
    ]


def test_in_a_terminal(site: Site) -> None:
    done = invoke(site, "add-approver", "vault/lend-c.gate", WHY, "--who", "carl")
    assert (done.exit_code, "2 different people must approve now" in done.stderr + done.stdout) == (0, True)
    assert invoke(site, "add-approver", "vault/lend-c.gate", WHY).exit_code == 2
    shown = invoke(site, "show", "vault/lend-c.gate", user="carl").stdout
    assert "ann added carl, who has still to approve" in shown
    assert f"| {WHY}" in shown


@pytest.mark.browser
def test_on_the_page(site: Site, visit: Open) -> None:
    page = visit("tickets", "vault", "RUN", "lend-d.gate")
    page.get_by_role("button", name=ADD).click()
    dialog = page.get_by_role("dialog", name="Add an approver")
    dialog.get_by_label("Whom").select_option("carl")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.get_by_role("alert")).to_have_text("Say why.")
    dialog.get_by_label("Why").fill(WHY)
    dialog.get_by_role("button", name="Add").click()
    votes = page.get_by_role("region", name="Votes")
    expect(votes).to_contain_text("0 of 2 different people have approved.")
    expect(votes).to_contain_text("carl")
    expect(votes).to_contain_text(WHY)
    expect(votes).to_contain_text("Has still to approve")
    other = visit("tickets", "vault", "RUN", "lend-d.gate", user="carl")
    expect(other.get_by_role("radio", name="Approve")).to_be_visible()
    expect(other.get_by_role("button", name=ADD)).to_have_count(0)
    votes.get_by_role("button", name="Take back").click()
    expect(votes).to_have_count(0)
