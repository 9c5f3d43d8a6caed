"""A ticket in a real browser: each kind and each answer, what it shows, and what is never lost."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, Route, expect

from tests.ui.site.plans import RUN_ID

if TYPE_CHECKING:
    from tests.ui.conftest import Open, Site

pytestmark = [pytest.mark.airflow, pytest.mark.browser]

REVIEW = ("tickets", "harbour", "RUN", "estimate.human")
APPROVAL = ("tickets", "harbour", "RUN", "dredge.gate")


def _bridge(name: str, task: str = "human") -> tuple[str, ...]:
    return ("tickets", "bridge", "RUN", f"{name}.{task}")


def test_a_ticket_is_answered_with_the_keyboard_alone(visit: Open) -> None:
    page = visit("tickets", "crowd", "RUN", "ask-031.human")
    expect(page.get_by_role("heading", name="Your answer")).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_label("It is done")).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.type("measured twice")
    _tab_to(page, "It is done")
    page.keyboard.press("Enter")
    answered = page.get_by_role("heading", name="Answered: Done")
    expect(answered).to_be_visible()
    expect(page.get_by_text("Recorded for ann.")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("Next ticket"))).to_be_visible()
    expect(page.locator("#announcer")).to_contain_text("Answered: Done")


def _tab_to(page: Page, wanted: str) -> None:
    """Press Tab until the focus is on the control of that value or text."""
    for _ in range(30):
        page.keyboard.press("Tab")
        focused = page.evaluate("[document.activeElement.value, document.activeElement.textContent]")
        if wanted in focused:
            return
    pytest.fail(f"{wanted!r} cannot be reached by Tab")


@pytest.mark.parametrize(
    ("name", "task", "label", "fields", "told"),
    [
        ("accept", "human", "Accept as it is", {}, "The agent's result stands"),
        ("redo", "human", "Do it again", {"Reason": "by road too"}, "The agent works again"),
        ("refuse", "human", "Refuse it", {"Reason": "no barge"}, "The step ends refused"),
        ("approve", "gate", "Approve", {"Type the amount": "250,000"}, "Your approval is signed"),
        ("reject", "gate", "Reject", {"Reason": "too dear"}, "The step does not start"),
        ("proceed", "human", "Go on", {}, "The plan goes on"),
        ("stop", "human", "Stop here", {"Reason": "too risky"}, "The plan stops here"),
        ("undone", "human", "It cannot be done", {"Reason": "no access"}, "The step ends refused"),
    ],
)
def test_each_answer_is_taken_and_says_what_it_does(
    visit: Open, name: str, task: str, label: str, fields: dict[str, str], told: str
) -> None:
    page = visit(*_bridge(name, task))
    page.get_by_label(label, exact=True).check()
    for field, value in fields.items():
        page.get_by_label(field).fill(value)
    page.locator("#send-answer").click()
    expect(page.locator("#answer")).to_contain_text(told)


def test_a_correction_is_edited_field_by_field_and_its_difference_shown(site: Site, visit: Open) -> None:
    page = visit(*_bridge("correct"))
    page.get_by_label("Correct it", exact=True).check()
    days = page.get_by_label("days")
    expect(days).to_have_value("12")
    changes = page.get_by_role("group", name="What you change")
    expect(changes).to_contain_text("You have changed nothing yet.")
    days.fill("0")
    page.locator("#send-answer").click()
    expect(page.get_by_text("0 is less than 1.")).to_be_visible()
    expect(days).to_be_focused()
    days.fill("14")
    expect(changes).to_contain_text(re.compile("You change 1 place.*days.*12.*14", re.DOTALL))
    page.get_by_label("Edit as JSON").check()
    raw = page.get_by_label("Result as JSON")
    expect(raw).to_have_value(re.compile(r'"days": 14'))
    raw.fill("{")
    page.locator("#send-answer").click()
    expect(page.locator("#field-result-error")).to_contain_text("this is not JSON")
    raw.fill('{"summary": "By road.", "days": 14, "options": ["road"]}')
    expect(changes).to_contain_text("You change 5 places")
    page.locator("#send-answer").click()
    expect(page.locator("#answer")).to_contain_text("Answered: Correct")
    airflow = f"{site.url}/api/v2/dags/bridge/dagRuns/{site.run_id}/taskInstances/correct.human/-1/hitlDetails"
    assert '"days": 14' in site.as_user("ann").get(airflow).json()["params_input"]["result"]


def test_a_link_may_choose_an_answer_and_never_sends_or_fills_it(visit: Open) -> None:
    page = visit(*_bridge("amount", "gate"))
    page.goto(f"{page.url}?answer=Approve&amount=250000")
    expect(page.get_by_label("Approve", exact=True)).to_be_checked()
    expect(page.get_by_label("Type the amount")).to_have_value("")
    expect(page.locator("#send-answer")).to_have_text("Approve")


def test_problems_of_an_answer_stand_at_their_fields_before_it_is_sent(visit: Open) -> None:
    page = visit(*APPROVAL)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    expect(page.get_by_label("Type the amount")).to_be_hidden()
    page.get_by_label("Approve").check()
    page.get_by_label("Type the amount").fill("250")
    page.get_by_role("button", name="Approve", exact=True).click()
    amount = page.get_by_label("Type the amount")
    expect(amount).to_have_attribute("aria-invalid", "true")
    expect(amount).to_be_focused()
    expect(page.locator("#field-amount-error")).to_contain_text("250000")
    amount.fill("a lot")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.locator("#field-amount-error")).to_contain_text("a number is needed")
    for ambiguous in ("250000,00", "250.000,00", "2,50000", "25,00,00", "0x3D090"):
        amount.fill(ambiguous)
        page.get_by_role("button", name="Approve", exact=True).click()
        expect(page.locator("#field-amount-error")).to_contain_text("type 250000.00 or 250,000.00")
    page.get_by_label("Reject").check()
    page.get_by_role("button", name="Reject").click()
    expect(page.locator("#field-comment-error")).to_contain_text("needed")
    assert "POST" not in asked


def test_problems_that_the_server_finds_stand_at_their_fields_too(visit: Open) -> None:
    page = visit(*_bridge("amount", "gate"), may_log_errors=True)  # the browser tells of every 422
    page.route("**/answer", lambda route: route.fulfill(status=422, json={"detail": ["amount: ask again", "other"]}))
    page.get_by_label("Approve").check()
    page.get_by_label("Type the amount").fill("250000")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.locator("#field-amount-error")).to_have_text("ask again")
    expect(page.locator("#answer").get_by_role("alert")).to_contain_text("other")


def test_data_that_a_person_need_not_give_is_folded_away_until_it_is_wrong(visit: Open) -> None:
    page = visit("tickets", "harbour", "RUN", "inspect.human")
    data = page.get_by_label("Result (a JSON object)")
    expect(data).to_be_hidden()
    page.get_by_text("Add data for later steps").click()
    data.fill("[]")
    page.get_by_text("Add data for later steps").click()
    page.get_by_label("It is done").check()
    page.get_by_role("button", name="It is done").click()
    expect(data).to_be_visible()
    expect(page.locator("#field-result-error")).to_contain_text("a JSON object is needed")


def test_what_is_typed_outlives_a_reload_a_refresh_and_another_login(site: Site, visit: Open) -> None:
    page = visit(*_bridge("draft"), may_log_errors=True)  # the browser tells of the answers without a login
    page.get_by_label("Do it again", exact=True).check()
    page.get_by_label("Reason").fill("look at the tides")
    page.reload()
    expect(page.get_by_label("Reason")).to_have_value("look at the tides")
    expect(page.get_by_label("Do it again", exact=True)).to_be_checked()
    said = site.as_user("boss").post(site.place(*_bridge("draft"), "comments"), json={"text": "And the wind?"})
    said.raise_for_status()
    expect(page.get_by_role("region", name="Comments and attachments")).to_contain_text("And the wind?")
    expect(page.get_by_label("Reason")).to_have_value("look at the tides")
    page.context.clear_cookies()
    page.locator("#send-answer").click()
    expect(page.locator("#answer").get_by_role("alert")).to_contain_text("You are not logged in")
    page.context.add_cookies([{"name": "_token", "value": site.token("ann"), "url": site.url}])
    page.locator("#send-answer").click()
    expect(page.locator("#answer")).to_contain_text("The agent works again")


def test_who_is_answering_learns_that_somebody_was_faster(site: Site, visit: Open) -> None:
    page = visit(*_bridge("changed"))
    page.get_by_label("Refuse it", exact=True).check()
    page.get_by_label("Reason").fill("my own words")
    body = {"option": "Accept", "fields": {}}
    site.as_user("boss").post(site.place(*_bridge("changed"), "answer"), json=body).raise_for_status()
    expect(page.locator("#answer")).to_contain_text("This has changed while you were writing")
    expect(page.get_by_label("Reason")).to_have_value("my own words")
    expect(page.locator("#send-answer")).to_be_hidden()
    page.get_by_role("button", name="Put it away").click()
    expect(page.locator("#answer")).to_contain_text("This ticket has been answered.")


def test_an_answer_on_airflows_own_page_counts_here(site: Site, visit: Open) -> None:
    ours = visit(*_bridge("elsewhere"))
    expect(ours.get_by_role("heading", name="Your answer")).to_be_visible()
    page = ours.context.new_page()
    page.goto(f"{site.url}/dags/bridge/runs/{site.run_id}/tasks/elsewhere.human/required_actions")
    page.get_by_role("textbox").first.fill("done over there")
    page.get_by_role("button", name="Done").click()
    expect(ours.locator("#answer")).to_contain_text("This ticket has been answered.")
    page.close()


def test_a_ticket_is_claimed_handed_over_and_talked_about(visit: Open) -> None:
    page = visit(*_bridge("talked"))
    expect(page.get_by_role("button", name="Claim")).to_be_visible()
    page.keyboard.press("c")
    expect(page.locator(".holding")).to_contain_text("Yours")
    page.get_by_label("Add a comment").fill("Which pier?\nThe old one?")
    page.get_by_role("button", name="Comment").click()
    talk = page.get_by_role("region", name="Comments and attachments")
    expect(talk).to_contain_text("Which pier?")
    expect(page.get_by_label("Add a comment")).to_have_value("")
    page.get_by_text("Attach a file or a link").click()
    page.get_by_label("File (10 MB").set_input_files({"name": "pier.txt", "mimeType": "text/plain", "buffer": b"old"})
    page.get_by_role("button", name="Attach file").click()
    expect(talk).to_contain_text("pier.txt (3 bytes)")
    page.get_by_label("Address").fill("https://example.org/pier")
    page.get_by_role("button", name="Attach link").click()
    expect(talk.locator(".address, li").filter(has_text="https://example.org/pier").first).to_be_visible()
    assert talk.locator("a[href*='example.org']").count() == 0
    with page.expect_download() as saved:
        talk.get_by_role("link", name="Download file 1").click()
    assert saved.value.suggested_filename == "pier.txt"
    history = page.get_by_role("region", name="History")
    expect(history).to_contain_text("ann claimed the ticket")
    page.keyboard.press("h")
    dialog = page.get_by_role("dialog", name="Hand over")
    dialog.get_by_role("button", name="Hand over").click()
    expect(dialog).to_contain_text("Say to whom.")
    dialog.get_by_label("To whom").fill("boss")
    dialog.get_by_label("Why").fill("she knows the pier")
    dialog.get_by_role("button", name="Hand over").click()
    expect(dialog).to_be_hidden()
    expect(page.locator(".holding")).to_contain_text("boss")
    expect(page.locator("#answer")).to_contain_text("Boss is asked, and ann is not among them.")
    expect(history).to_contain_text("reassigned the ticket to boss")


def test_who_is_not_asked_reminds_those_who_are(visit: Open, site: Site) -> None:
    body = {"to": {"user": "boss"}, "reason": "the boss knows"}
    path = site.place("tickets", "crowd", "RUN", "ask-049.human", "reassign")
    assert site.as_user("ann").post(path, json=body).status_code == 204
    page = visit("tickets", "crowd", "RUN", "ask-049.human", may_log_errors=True)  # the browser tells of a 409
    button = page.get_by_role("button", name="Remind")
    expect(button).to_be_visible()
    _tab_to(page, "Remind")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nobody can be told")).to_be_visible()
    told = {"told": "boss", "again_at": "2026-03-02T14:00:00Z"}
    page.route("**/remind", lambda route: route.fulfill(json=told))
    button.click()
    expect(page.get_by_text("Reminded: boss")).to_be_visible()
    asked = visit("tickets", "crowd", "RUN", "ask-049.human", user="boss")
    expect(asked.get_by_role("heading", name="Your answer")).to_be_visible()
    expect(asked.get_by_role("button", name="Remind")).to_be_hidden()


def test_a_quorum_shows_who_has_approved_and_cannot_be_claimed(visit: Open) -> None:
    page = visit(*_bridge("quorum", "gate"))
    votes = page.get_by_role("region", name="Votes")
    expect(votes).to_contain_text(re.compile("1 of 2 different people have approved.*boss", re.DOTALL))
    expect(page.get_by_role("button", name="Claim")).to_be_hidden()
    expect(page.get_by_text("Amount 250,000")).to_be_visible()
    expect(page.locator("#leads-Approve")).to_contain_text("Then it starts.")


@pytest.mark.parametrize(("needed", "said"), [(3, "one more person has"), (4, "2 more people have")])
def test_an_approval_of_several_does_not_promise_that_the_step_starts(visit: Open, needed: int, said: str) -> None:
    page = visit("plans")

    def of_several(route: Route) -> None:
        asked = route.fetch().json()
        asked["votes"]["needed"] = needed
        route.fulfill(json=asked)

    page.route("**/api/v1/tickets/bridge/**", of_several)
    page.goto(page.url.replace("/plans", "/tickets/") + "/".join(map(quote, ("bridge", RUN_ID, "quorum.gate"))))
    expect(page.locator("#leads-Approve")).to_contain_text(f"It starts once {said} approved.")


def test_a_viewer_is_told_why_there_is_no_form(visit: Open) -> None:
    page = visit(*REVIEW, user="vera")
    expect(page.get_by_role("heading", name="You can read this ticket")).to_be_visible()
    assert page.locator("#answer-form").count() == 0
    expect(page.get_by_label("Add a comment")).to_be_hidden()
    for name in ("Claim", "Hand over…"):
        expect(page.get_by_role("button", name=name)).to_be_hidden()


def test_a_task_that_asks_nobody_says_so(visit: Open) -> None:
    page = visit("tickets", "harbour", "RUN", "crane.work", may_log_errors=True)  # the browser tells of the 404
    expect(page.get_by_role("heading", name="Nobody is asked here")).to_be_visible()
    page.get_by_role("link", name="See the whole run").click()
    expect(page.get_by_role("heading", name="Harbour renewal")).to_be_visible()
