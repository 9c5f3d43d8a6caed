"""Airflow below a path of a host, behind a reverse proxy: every link, call, frame and login stays below it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect

from planexe_dag_factory.cli import tickets

if TYPE_CHECKING:
    from tests.ui.conftest import Site

pytestmark = [pytest.mark.airflow, pytest.mark.browser]

TICKET = ("tickets", "crowd", "RUN", "ask-052.human")
ADDRESSES = "[...document.querySelectorAll('a[href], img, script, link')].map(one => one.href || one.src)"


def _addresses(page: Page) -> set[str]:
    """Every address that a page leads to, or is made of."""
    found: list[str] = page.evaluate(ADDRESSES)
    return set(found)


def test_a_deep_link_leads_through_the_login_and_to_an_answer(prefixed_site: Site, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{prefixed_site.url}/planexe{prefixed_site.place(*TICKET)}?from=mail")
    page.get_by_label("Username").fill("ann")
    page.get_by_label("Password").fill("ann")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Question 52")).to_be_visible()
    assert page.url.endswith("ask-052.human?from=mail")
    page.get_by_label("Add a comment").fill("Which pier?")
    page.get_by_role("button", name="Comment").click()
    expect(page.get_by_role("region", name="Comments and attachments")).to_contain_text("Which pier?")
    page.get_by_label("It is done").check()
    page.get_by_label("Reason").fill("the old one")
    page.locator("#send-answer").click()
    expect(page.get_by_role("heading", name="Answered: Done")).to_be_visible()
    page.get_by_role("link", name=re.compile("Next ticket")).click()
    expect(page.get_by_role("heading", name="Your answer")).to_be_visible()
    in_airflow = page.get_by_role("link", name="The task in Airflow").get_attribute("href")
    assert re.match("/airflow/dags/[^/]+/runs/[^/]+/tasks/", in_airflow or "")

    for parts, ready in ((("plans",), ".card"), (("runs", "harbour", "RUN"), ".gantt"), (("inbox",), ".ticket-row")):
        page.goto(f"{prefixed_site.url}/planexe{prefixed_site.place(*parts)}")
        page.locator(ready).first.wait_for()
        assert all(one.startswith(f"{prefixed_site.url}/") for one in _addresses(page)), parts
    page.goto(f"{prefixed_site.url}/plugin/planexe-inbox")
    frame = page.frame_locator("iframe")
    frame.locator(".open-ticket").first.click()
    expect(frame.get_by_role("heading", name="Your answer")).to_be_visible()
    assert all(one.startswith((f"{prefixed_site.url}/", "blob:")) for one in asked)
    context.close()


def test_a_write_counts_from_the_public_address_and_from_no_other(prefixed_site: Site) -> None:
    ann = prefixed_site.in_browser("ann")
    path, body = f"/api/v1{prefixed_site.place(*TICKET)}/comments", {"text": "hello"}
    public = prefixed_site.url.removesuffix("/airflow")
    statuses = [
        ann.post(path, json=body, headers={"Origin": one}).status_code for one in (public, "https://evil.example")
    ]
    assert statuses[0] in {204, 409}  # 409: somebody has answered it
    assert statuses[1] == 403


def test_the_command_line_works_below_a_path(
    prefixed_site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLANEXE_DAG_PASSWORD", "ann")
    assert tickets.show_list(prefixed_site.url, "ann", {"dag_id": "harbour"}, as_json=True) == 0
    assert "Order the dredger" in capsys.readouterr().out
