"""People keep their inbox in order: they put tickets off, rank them, hand several over, and keep filters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.ui.test_added import ticket
from tests.ui.test_desk import FORGET

if TYPE_CHECKING:
    from tests.ui.conftest import Open, Site

pytestmark = pytest.mark.airflow
TOMORROW = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


@pytest.fixture(autouse=True)
def people(site: Site) -> Iterator[None]:
    """A people file whose Finance are ann and dora, and boss, who started the run."""
    file = Path(site.environment["AIRFLOW_HOME"]) / "people.json"
    finance, groups = {"users": ["ann", "dora", "boss"]}, {"office": ["carl"]}
    file.write_text(json.dumps({"owner": {"users": ["boss"]}, "groups": groups, "roles": {"Finance": finance}}))
    yield
    file.unlink()


def listed(site: Site, who: str, **wanted: Any) -> list[str]:
    found = site.as_user(who).get("/tickets", params={"dag_id": "vault", "q": "lend", "limit": 100, **wanted}).json()
    return [row["title"] for row in found["tickets"]]


def put(site: Site, letter: str, what: str, who: str = "ann", **body: Any) -> tuple[int, Any]:
    answer = site.as_user(who).put(ticket(site, letter, what), json=body)
    return answer.status_code, answer.json()["detail"] if answer.content else ""


def put_off(site: Site, letter: str, until: datetime | None, who: str = "ann") -> tuple[int, Any]:
    return put(site, letter, "put-off", who, until=until.isoformat() if until else None)


def test_what_is_put_off_comes_back_to_who_put_it_off_and_stays_with_others(site: Site) -> None:
    assert put_off(site, "e", TOMORROW) == (204, "")
    assert "Lend e" not in listed(site, "ann", scope="me")
    assert "Lend e" in listed(site, "ann", scope="all")
    assert "Lend e" in listed(site, "dora", scope="me")
    rows = site.as_user("ann").get("/tickets", params={"q": "lend", "limit": 100}).json()["tickets"]
    found = next(row for row in rows if row["title"] == "Lend e")
    assert datetime.fromisoformat(found["put_off_until"]) == TOMORROW
    assert site.run(FORGET) > 0  # the tables fill again from the record
    assert "Lend e" not in listed(site, "ann", scope="me")
    shown = site.as_user("ann").get(ticket(site, "e")).json()
    assert datetime.fromisoformat(shown["put_off_until"]) == TOMORROW
    assert site.as_user("dora").get(ticket(site, "e")).json()["put_off_until"] is None
    assert put_off(site, "e", None) == (204, "")
    assert "Lend e" in listed(site, "ann", scope="me")
    told = [one["what"] for one in site.as_user("ann").get(ticket(site, "e")).json()["history"]]
    assert told[-2].startswith("put the ticket off until ")
    assert told[-1] == "took the ticket up again"


def test_nobody_puts_off_for_ever_or_for_others(site: Site) -> None:
    assert put_off(site, "f", TOMORROW - timedelta(days=2))[0] == 422
    assert put_off(site, "f", TOMORROW + timedelta(days=100))[0] == 422
    assert put_off(site, "f", TOMORROW, "carl") == (403, "Only who is asked can put it off, for themselves.")
    assert put_off(site, "f", TOMORROW, "vera")[0] == 403


def test_a_priority_is_set_found_sorted_and_told(site: Site) -> None:
    assert put(site, "g", "priority", priority="urgent", reason="The offer ends.") == (204, "")
    assert put(site, "h", "priority", "dora", priority="low") == (204, "")
    assert put(site, "g", "priority", priority="urgent") == (409, "Its priority is urgent already.")
    assert put(site, "g", "priority", "carl", priority="low")[0] == 403
    assert put(site, "g", "priority", priority="extreme")[0] == 422
    assert site.run(FORGET) > 0
    ranked = listed(site, "ann", sort="-priority")
    assert (ranked[0], ranked[-1]) == ("Lend g", "Lend h")
    assert listed(site, "ann", priority="urgent") == ["Lend g"]
    said = site.as_user("ann").get(ticket(site, "g")).json()
    assert said["priority"] == "urgent"
    assert ("set the priority to urgent", "The offer ends.") in [(one["what"], one["text"]) for one in said["history"]]


def test_many_are_handed_over_at_once_and_each_for_itself(site: Site) -> None:
    places = [{"dag_id": "vault", "run_id": site.run_id, "task_id": f"lend-{one}.gate"} for one in ("i", "j", "zz")]
    body = {"tickets": places, "to": {"user": "dora"}, "reason": "She knows the lenders."}
    done = site.as_user("ann").post("/tickets/reassign", json=body).json()["tickets"]
    assert [one["ok"] for one in done] == [True, True, False]
    assert "Lend i" not in listed(site, "ann", scope="me")
    assert "Lend i" in listed(site, "dora", scope="mine")
    refused = site.as_user("carl").post("/tickets/reassign", json={**body, "to": {"user": "ann"}}).json()["tickets"]
    assert [one["ok"] for one in refused] == [False, False, False]
    assert site.as_user("vera").post("/tickets/reassign", json=body).json()["tickets"][0]["ok"] is False


def test_a_step_waits_for_whoever_has_its_ticket_now(site: Site) -> None:
    def waits_on() -> Any:
        phases = site.as_user("ann").get(site.place("runs", "vault", "RUN")).json()["phases"]
        return next(one["waits_on"] for phase in phases for one in phase["steps"] if one["id"] == "lend-f")

    assert listed(site, "ann")  # the index has read them
    assert waits_on() == "Finance"
    place = {"dag_id": "vault", "run_id": site.run_id, "task_id": "lend-f.gate"}
    site.as_user("ann").post("/tickets/claim", json={"tickets": [place]})
    assert waits_on() == "ann"
    (card,) = site.as_user("ann").get("/plans", params={"dag_id": "vault"}).json()
    assert {"who": "ann", "steps": 1} in card["last_run"]["waiting"]
    handed = {"to": {"user": "dora"}, "reason": "She knows the lender."}
    assert site.as_user("ann").post(ticket(site, "f", "reassign"), json=handed).status_code == 204
    assert waits_on() == "dora"
    added = {"to": {"group": "office"}, "reason": "It is the office's money."}
    assert site.as_user("dora").post(ticket(site, "f", "approvers"), json=added).status_code == 204
    assert waits_on() == "dora or the group office"


def test_a_filter_is_kept_by_name_for_its_owner_alone(site: Site) -> None:
    carl, name = site.as_user("carl"), "/me/filters/Late%20in%20the%20vault"
    assert carl.put(name, json={"query": "scope=all&dag_id=vault&due=overdue&offset=50&x=1"}).status_code == 204
    kept = [{"name": "Late in the vault", "query": "scope=all&dag_id=vault&due=overdue"}]
    assert carl.get("/me/filters").json() == kept
    assert site.as_user("dora").get("/me/filters").json() == []
    assert site.as_user("dora").delete(name).status_code == 204
    assert carl.put(name, json={"query": "due=overdue"}).status_code == 204
    assert [one["query"] for one in carl.get("/me/filters").json()] == ["due=overdue"]
    refused = carl.put(name, json={"query": "due=never"})
    assert (refused.status_code, refused.json()["detail"][0][:11]) == (422, "query: due:")
    assert carl.put("/me/filters/%E2%80%AE", json={"query": ""}).status_code == 422
    assert carl.delete(name).status_code == 204
    assert carl.get("/me/filters").json() == []


@pytest.mark.browser
def test_on_the_ticket_it_is_put_off_and_ranked(site: Site, visit: Open) -> None:
    page = visit("tickets", "vault", "RUN", "lend-k.gate")
    page.get_by_label("Priority").select_option("urgent")
    expect(page.get_by_text("Urgent priority")).to_be_visible()
    page.get_by_role("button", name="Put off…").click()
    dialog = page.get_by_role("dialog", name="Put off")
    dialog.get_by_role("button", name="Put off").click()
    expect(page.locator("#put-off-until")).to_contain_text("You have put it off until")
    page.get_by_role("button", name="Take it up again").click()
    expect(page.get_by_role("button", name="Put off…")).to_be_visible()


@pytest.mark.browser
def test_in_the_inbox_filters_are_kept_and_tickets_handed_over_together(site: Site, visit: Open) -> None:
    page = visit("inbox")
    page.goto(f"{site.url}/planexe/inbox?scope=all&q=lend+l")
    page.get_by_role("button", name="Keep this filter…").click()
    page.get_by_label("Name of the filter").fill("Loans <b>l</b>")
    page.get_by_role("button", name="Keep", exact=True).click()
    kept = page.get_by_role("link", name="Loans <b>l</b>")
    expect(kept).to_be_visible()
    page.goto(f"{site.url}/planexe/inbox?scope=all")
    kept.click()
    expect(page.locator("#filter-q")).to_have_value("lend l")
    page.get_by_label("Choose Lend l", exact=True).check()
    page.get_by_role("button", name="Hand over…").click()
    dialog = page.get_by_role("dialog", name="Hand over 1 ticket")
    dialog.get_by_label("To whom").select_option("user:dora")
    dialog.get_by_label("Why").fill("She knows them.")
    dialog.get_by_role("button", name="Hand over").click()
    expect(page.get_by_text("1 ticket handed over.")).to_be_visible()
    page.get_by_role("button", name="Keep Loans <b>l</b> no longer").click()
    expect(kept).to_have_count(0)
