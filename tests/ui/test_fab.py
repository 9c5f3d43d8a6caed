"""Airflow's FAB auth manager: its roles say who sees and who answers, per DAG; its login names are on record."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, expect

if TYPE_CHECKING:
    from tests.ui.conftest import Site

pytestmark = pytest.mark.airflow

APPROVAL = ("tickets", "harbour", "RUN", "dredge.gate")
WORK = ("tickets", "harbour", "RUN", "inspect.human")
ELSEWHERE = ("tickets", "crowd", "RUN", "ask-001.human")
EVENTS = """
import json
from pathlib import Path
from planexe_dag_factory.airflow.settings import public_keys, run_folder
from planexe_dag_factory.record.events import read_events
from planexe_agents.signing import is_signed_by
from tests.ui.site.seed import BEGINNING, RUN_ID
events = list(read_events(run_folder("harbour", RUN_ID, BEGINNING), "inspect"))
assert all(is_signed_by(event, public_keys()) for event in events)
print(json.dumps([[event["action"], event["actor"]] for event in events]))
"""


def _sees(site: Site, user: str) -> set[str]:
    client = site.as_user(user)
    pages = [client.get("/tickets", params={"limit": 100, "offset": at}).json() for at in (0, 100)]
    return {ticket["dag_id"] for page in pages for ticket in page["tickets"]}


def test_each_role_sees_and_answers_what_fab_allows_it(fab_site: Site) -> None:
    everything = {"bridge", "broken", "crowd", "gone", "harbour", "hostile", "secret", "starting", "vault"}
    assert {user: _sees(fab_site, user) for user in ("root", "opal", "ursa", "vera", "harry")} == {
        "root": everything,
        "opal": everything,
        "ursa": everything,
        "vera": everything,
        "harry": {"harbour"},
    }
    assert fab_site.as_user("percy").get("/tickets").status_code == 403

    def why_not(user: str, *place: str) -> str | None:
        answer = fab_site.as_user(user).get(fab_site.place(*place))
        why: str | None = answer.json()["why_not"] if answer.is_success else f"{answer.status_code}"
        return why

    asked = "Harry is asked, and {} is not among them."
    assert why_not("vera", *WORK) == "Airflow does not let you answer requests of this plan."
    assert {user: why_not(user, *APPROVAL) for user in ("harry", "ursa", "opal", "percy")} == {
        "harry": None,
        "ursa": asked.format("ursa"),
        "opal": asked.format("opal"),
        "percy": "403",
    }
    assert (why_not("harry", *WORK), why_not("harry", *ELSEWHERE)) == (None, "403")


def test_whom_fab_does_not_let_edit_cannot_do_anything_about_a_ticket(fab_site: Site) -> None:
    """Asked as one of the group, a viewer still only reads; and so does a role of another plan."""
    deeds: dict[str, dict[str, Any]] = {
        "answer": {"json": {"option": "Done", "fields": {"comment": "done"}}},
        "comments": {"json": {"text": "hello"}},
        "links": {"json": {"url": "https://example.org"}},
        "reassign": {"json": {"to": {"user": "vera"}, "reason": "mine"}},
        "attachments": {"files": {"file": ("a.txt", b"a")}},
    }
    for user, place in (("vera", WORK), ("harry", ELSEWHERE), ("percy", WORK)):
        client = fab_site.as_user(user)
        for name, body in deeds.items():
            assert client.post(fab_site.place(*place, name), **body).status_code == 403, (user, name)
        _, dag_id, _, task_id = place
        ticket = {"dag_id": dag_id, "run_id": fab_site.run_id, "task_id": task_id}
        (claimed,) = client.post("/tickets/claim", json={"tickets": [ticket]}).json()["tickets"]
        assert claimed["problem"] == "You may answer no such ticket."
        page = f"{fab_site.url}/api/v2/dags/{dag_id}/dagRuns/{fab_site.run_id}/taskInstances/{task_id}/-1/hitlDetails"
        on_airflows = client.patch(page, json={"chosen_options": ["Done"], "params_input": {}})
        assert on_airflows.status_code == 403, user


@pytest.mark.browser
def test_a_person_logs_in_with_fab_and_the_login_name_is_in_the_signed_record(fab_site: Site, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{fab_site.url}/planexe{fab_site.place(*WORK)}")
    page.get_by_label("Username").fill("harry")
    page.get_by_label("Password").fill("harry")
    page.get_by_role("button", name="Sign In").click()
    expect(page.get_by_role("heading", name="Inspect the quay")).to_be_visible()
    page.get_by_role("button", name="Claim").click()
    expect(page.locator(".holding")).to_contain_text("Yours")
    page.get_by_text("Attach a file or a link").click()
    page.get_by_label("File (10 MB").set_input_files({"name": "quay.txt", "mimeType": "text/plain", "buffer": b"dry"})
    page.get_by_role("button", name="Attach file").click()
    expect(page.get_by_role("region", name="Comments and attachments")).to_contain_text("quay.txt")
    page.get_by_label("It is done").check()
    page.get_by_label("Reason").fill("looked at it")
    page.locator("#send-answer").click()
    expect(page.get_by_text("Recorded for harry.")).to_be_visible()
    context.close()

    told = dict(fab_site.run(EVENTS))
    harry = {"kind": "person", "name": "harry", "via": "planexe", "auth": "FabAuthManager"}
    assert {name: told["ticket-claimed"][name] for name in harry} == harry
    assert told["ticket-attached"] == told["ticket-claimed"]
    file = fab_site.place(*WORK, "attachments", "1")
    assert fab_site.as_user("vera").get(file).content == b"dry"
    assert fab_site.as_user("percy").get(file).status_code == 403
    airflow = f"{fab_site.url}/api/v2/dags/harbour/dagRuns/{fab_site.run_id}/taskInstances/inspect.human/-1/hitlDetails"
    assert json.loads(fab_site.as_user("harry").get(airflow).text)["responded_by_user"]["name"] == "harry"


def test_an_op_says_who_is_away_and_a_user_only_of_themselves(fab_site: Site) -> None:
    leave = {"until": (datetime.now(UTC) + timedelta(days=1)).isoformat(), "deputy": "vera"}
    assert fab_site.as_user("ursa").put("/people/harry/absence", json=leave).status_code == 403
    assert fab_site.as_user("opal").put("/people/harry/absence", json=leave).status_code == 204
    assert fab_site.as_user("harry").get("/me/absence").json()["absence"]["deputy"] == "vera"
    assert fab_site.as_user("harry").put("/me/absence", json={**leave, "deputy": "ursa"}).status_code == 204
    assert fab_site.as_user("harry").delete("/me/absence").status_code == 204
    assert fab_site.as_user("percy").get("/absences").status_code == 403
