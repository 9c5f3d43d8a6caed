"""The inbox in a real browser: found by filter, claimed many at once, with and without a mouse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from tests.ui.conftest import Open, Site

BULK = ["Claim", "Release", "Hand over…", "Choose none"]
pytestmark = [pytest.mark.airflow, pytest.mark.browser]


def _rows(page: Page) -> list[str]:
    return page.locator(".open-ticket").all_inner_texts()


def test_the_filter_is_the_address(visit: Open) -> None:
    page = visit("inbox")
    page.get_by_label("Plan", exact=True).focus()
    page.get_by_label("Plan", exact=True).select_option("crowd")
    expect(page).to_have_url(re.compile(r"\?scope=me&dag_id=crowd$"))
    expect(page.get_by_label("Plan", exact=True)).to_be_focused()
    expect(page.locator("#total")).to_have_text(re.compile(r"^\d+ open tickets$"))
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text(re.compile(r"^51 to \d+ of \d+$"))).to_be_visible()
    page.get_by_label("Kind").select_option("senior_review")
    expect(page.get_by_text("No ticket fits this filter.")).to_be_visible()
    page.go_back()
    expect(page.get_by_text(re.compile(r"^51 to \d+ of \d+$"))).to_be_visible()
    page.get_by_label("Search").fill("question 57")
    page.keyboard.press("Enter")
    expect(page.locator(".open-ticket")).to_have_text(["Question 57"])
    page.reload()
    expect(page.get_by_label("Search")).to_have_value("question 57")
    expect(page.locator(".open-ticket")).to_have_text(["Question 57"])


def test_it_opens_on_the_list_that_was_chosen_last(visit: Open) -> None:
    page = visit("inbox")
    page.get_by_role("link", name=re.compile("^By name")).click()
    expect(page.get_by_role("link", name=re.compile("^By name"))).to_have_attribute("aria-current", "page")
    page.get_by_role("navigation", name="PlanExe").get_by_role("link", name="Inbox").click()
    expect(page.get_by_role("link", name=re.compile("^By name"))).to_have_attribute("aria-current", "page")


def test_a_row_says_what_it_is_worth_and_leads_to_its_plan_and_phase(visit: Open) -> None:
    page = visit("inbox")
    page.get_by_label("Kind").select_option("approval")
    row = page.get_by_role("listitem").filter(has_text="Order the dredger")
    expect(row).to_contain_text(
        re.compile(r"Approval.*250,000.*Harbour renewal.*for Finance.*Late: was due", re.DOTALL)
    )
    quorum = page.get_by_role("listitem").filter(has_text="Bridge: quorum")
    expect(quorum).to_contain_text("1 of 2 have approved")
    row.get_by_role("link", name="Harbour renewal").click()
    expect(page.locator(".open-ticket")).to_have_text(["Order the dredger"])


def test_many_are_claimed_at_once_and_what_fails_is_named(site: Site, visit: Open) -> None:
    there = site.place("tickets", "crowd", "RUN", "ask-046.human")
    body = {"tickets": [{"dag_id": "crowd", "run_id": site.run_id, "task_id": "ask-046.human"}]}
    site.as_user("boss").post("/tickets/claim", json=body).raise_for_status()
    assert site.as_user("boss").get(there).json()["claimed_by"] == "boss"
    page = visit("inbox")
    page.get_by_role("link", name=re.compile("^All")).click()
    page.get_by_label("Search").fill("question 4")
    page.keyboard.press("Enter")
    page.get_by_label("Choose Question 45").check()
    page.get_by_label("Choose Question 46").check()
    bar = page.get_by_role("region", name="Chosen tickets")
    expect(bar).to_contain_text("2 tickets")
    assert bar.get_by_role("button").all_inner_texts() == BULK, "none of them answers"
    bar.get_by_role("button", name="Claim").click()
    expect(page.locator("main [role=status]").filter(has_text="claimed")).to_contain_text(
        re.compile(r"1 ticket claimed\. 1 not:\s*Question 46: Boss has claimed this ticket")
    )
    expect(page.get_by_role("listitem").filter(has=page.get_by_role("link", name="Question 45"))).to_contain_text(
        "Yours"
    )
    expect(bar).to_be_hidden()


def test_tickets_are_chosen_and_claimed_with_the_keyboard_alone(visit: Open) -> None:
    page = visit("inbox")
    expect(page.locator(".open-ticket").first).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_label("Search")).to_be_focused()
    page.keyboard.type("Bridge claimed")
    page.keyboard.press("Enter")
    row = page.get_by_role("listitem").filter(has_text="Bridge: claimed")
    expect(row).to_be_visible()
    page.locator("h1").click()
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Bridge: claimed")).to_be_focused()
    page.keyboard.press("c")
    expect(row).to_contain_text("Yours")
    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("r")
    expect(row).not_to_contain_text("Yours")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/tickets/bridge/"))


def test_the_keys_are_listed_and_can_be_switched_off(visit: Open) -> None:
    page = visit("inbox")
    expect(page.locator(".open-ticket").first).to_be_visible()
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard")
    expect(keys).to_contain_text("Claim the chosen tickets")
    keys.get_by_label("Use these keys").uncheck()
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.keyboard.press("/")
    expect(page.get_by_label("Search")).not_to_be_focused()


def test_it_is_live_and_keeps_what_is_being_typed(site: Site, visit: Open) -> None:
    page = visit("inbox")
    page.get_by_label("Search").fill("question 5")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Question 51")).to_be_visible()
    page.get_by_label("Choose Question 52").check()
    page.get_by_label("Search").fill("half a wo")
    page.locator("h1").click()
    path = site.place("tickets", "crowd", "RUN", "ask-051.human", "answer")
    site.as_user("boss").post(path, json={"option": "Done", "fields": {"comment": "x"}}).raise_for_status()
    expect(page.get_by_role("link", name="Question 51")).to_be_hidden()
    expect(page.get_by_label("Choose Question 52")).to_be_checked()
    expect(page.get_by_label("Search")).to_have_value("half a wo")


def test_a_lost_login_or_server_is_told_and_got_over(site: Site, visit: Open) -> None:
    page = visit("inbox", may_log_errors=True)  # the browser tells of every answer that failed
    expect(page.locator(".open-ticket").first).to_be_visible()
    banner = page.locator("#banner")
    page.route("**/api/v1/**", lambda route: route.abort())
    expect(banner).to_contain_text("The server does not answer.")
    page.unroute("**/api/v1/**")
    expect(banner).to_be_hidden()
    page.context.clear_cookies()
    expect(banner).to_contain_text("You are not logged in.")
    expect(banner.get_by_role("link", name="Log in again")).to_be_visible()
    assert _rows(page)
    page.context.add_cookies([{"name": "_token", "value": site.token("ann"), "url": site.url}])
    expect(banner).to_be_hidden()
