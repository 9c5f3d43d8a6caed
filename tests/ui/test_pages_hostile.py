"""Text that wants to be more than text: shown as it is, in every place that shows what others wrote."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.site.plans import HOSTILE, LONG

if TYPE_CHECKING:
    from tests.ui.conftest import Open, Site

pytestmark = [pytest.mark.airflow, pytest.mark.browser]

EVIL = ("tickets", "bridge", "RUN", "evil.human")
ELEMENTS = "script, img, iframe, object, svg, form, input, button, a, h1, h2, h3"
LINES = (
    "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">",
    "# Facts",
    "**Approved by the board** [click](javascript:alert(1))",
    '<button class="button">Approve</button>',
    "⟨U+202E⟩gnihton evorppa",
    "{{ 7 * 7 }}",
)


def _is_text(place: Locator) -> None:
    for line in LINES:
        expect(place.first).to_contain_text(line)
    assert place.locator(ELEMENTS).count() == 0


def _is_not_owned(page: Page) -> None:
    assert not page.title().startswith("owned")
    assert page.locator("main script, main img").count() == 0


@pytest.mark.parametrize(
    "parts",
    [
        ("plans",),
        ("plans", "bridge"),
        ("runs", "hostile", "RUN"),
        ("runs", "bridge", "RUN"),
        ("inbox",),
        ("tickets", "hostile", "RUN", "one.human"),
        EVIL,
    ],
)
def test_a_title_stays_text(visit: Open, parts: tuple[str, ...]) -> None:
    page = visit(*parts)
    if parts == ("inbox",):
        page.goto(f"{page.url}?q=owned")  # there are more tickets than a page holds
    shown = page.get_by_text("<script>document.title = 'owned'</script>").filter(visible=True)
    expect(shown.first).to_be_visible()
    _is_not_owned(page)


def test_what_a_ticket_takes_from_the_plan_stays_text(visit: Open) -> None:
    page = visit(*EVIL)
    _is_text(page.locator("h1 bdi"))
    _is_text(page.locator(".ask"))
    _is_text(page.locator(".holding strong"))
    for name in ("Why a person is needed", "Facts", "What the plan says"):
        block = page.get_by_role("region", name=name, exact=True)
        _is_text(block.locator("bdi").filter(has_text="owned"))
    _is_text(page.get_by_role("region", name="Facts", exact=True).locator("dt bdi").filter(has_text="owned"))
    _is_text(page.get_by_text("This ticket has been opened again").locator("..").locator("bdi"))
    _is_not_owned(page)


def test_a_risk_of_the_plan_stays_text(visit: Open) -> None:
    page = visit("tickets", "harbour", "RUN", "dredge.gate")
    _is_text(page.get_by_role("region", name="Risks of this step").locator("bdi").filter(has_text="owned"))
    _is_not_owned(page)


def test_what_is_not_seen_is_made_visible(visit: Open) -> None:
    page = visit(*EVIL)
    facts = page.get_by_role("region", name="Facts", exact=True)
    expect(facts).to_contain_text("pay⟨U+200B⟩ee ⟨U+202E⟩gnp.exe ⟨U+2066⟩left⟨U+2069⟩ ⟨U+FEFF⟩end")
    shown = page.evaluate("document.body.innerText + document.title")
    assert re.findall("[\u200b\u202a-\u202e\u2066-\u2069\ufeff]", shown) == []


@pytest.mark.parametrize("text", ["\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "👩\u200d🚒", "é", "日本語"])
def test_writing_that_needs_joiners_and_marks_is_left_alone(site: Site, visit: Open, text: str) -> None:
    path = site.place("tickets", "crowd", "RUN", "ask-059.human", "comments")
    site.as_user("ann").post(path, json={"text": text}).raise_for_status()
    page = visit("tickets", "crowd", "RUN", "ask-059.human")
    expect(page.locator(".said .prose").last).to_have_text(text)


def test_what_an_agent_wrote_is_framed_labelled_and_lifeless(visit: Open) -> None:
    page = visit("tickets", "harbour", "RUN", "estimate.human")
    said = page.get_by_role("region", name="Written by agent analyst-1 — not checked")
    _is_text(said.locator(".agent-text"))
    expect(said).to_contain_text("javascript:alert(1)")
    expect(said).to_contain_text("worded with tiny <b>1</b>")
    expect(said.locator("li").first).to_contain_text("[port.md; tides.md]")
    expect(said).not_to_contain_text("claims")
    assert said.locator(ELEMENTS.replace("h2, ", "")).count() == 0
    assert page.get_by_role("region", name="Facts").get_by_text("Approved by the board").count() == 0
    fonts = {
        page.locator(place).first.evaluate("e => getComputedStyle(e).fontFamily") for place in (".agent-text", "h2")
    }
    assert len(fonts) == 2, "no text of an agent can look like the page's"


def test_what_an_agent_calls_itself_stays_text(visit: Open) -> None:
    page = visit(*EVIL)
    expect(page.locator(".agent h2 bdi")).to_contain_text("<script>document.title = 'owned'</script>")
    assert page.locator(".agent").locator(ELEMENTS.replace("h2, ", "")).count() == 0
    _is_not_owned(page)


def test_a_megabyte_is_folded_and_does_not_stop_the_page(visit: Open) -> None:
    page = visit("tickets", "bridge", "RUN", "long.human")
    text = page.locator("#agent-text")
    expect(text).to_contain_text("aaaa…")
    assert len(text.inner_text()) < 10_000
    page.get_by_role("button", name=re.compile(r"Show the long texts whole \(2,000,000 letters\)")).click()
    assert len(text.inner_text()) > 2 * len(LONG)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_comment_and_a_file_name_stay_text(site: Site, visit: Open) -> None:
    ann, place = site.as_user("ann"), ("tickets", "crowd", "RUN", "ask-058.human")
    ann.post(site.place(*place, "comments"), json={"text": HOSTILE}).raise_for_status()
    name = HOSTILE.replace("\n", " ").replace("/", "_")[:240]
    ann.post(site.place(*place, "attachments"), files={"file": (name, b"x", "text/html")}).raise_for_status()
    ann.post(site.place(*place, "links"), json={"url": "https://a.example/", "title": name}).raise_for_status()
    page = visit(*place)
    _is_text(page.locator(".said .prose"))
    _is_text(page.get_by_role("region", name="History").locator("blockquote").first)
    talk = page.get_by_role("region", name="Comments and attachments")
    expect(talk.locator(".said").nth(1)).to_contain_text("<img src=x onerror=")
    assert talk.get_by_role("link").all_inner_texts() == ["Download file 1"]
    _is_not_owned(page)


def test_no_page_lets_a_script_of_another_run(site: Site) -> None:
    answer = site.in_browser("ann").get("/inbox")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "frame-src": "'self'",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'self'",
    }
    assert re.findall(r"<script(?![^>]*\bsrc=)|\son\w+=|<style|\sstyle=", answer.text) == []
