"""The pages in a real browser: found, read, answered by keyboard, and not to be imitated by what an agent wrote."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

if TYPE_CHECKING:
    from tests.ui.conftest import Site

pytestmark = [pytest.mark.airflow, pytest.mark.browser]

Open = Callable[..., Page]
REVIEW = ("tickets", "harbour", "RUN", "estimate.human")
APPROVAL = ("tickets", "harbour", "RUN", "dredge.gate")


@pytest.fixture
def visit(site: Site, browser: Browser) -> Iterator[Open]:
    """Open a page of the plugin as a user; at the end, no page may have logged an error, unless it may."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_page(*parts: str, user: str = "ann", may_log_errors: bool = False, **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        context.add_cookies([{"name": "_token", "value": site.token(user), "url": site.url}])
        page = context.new_page()
        if not may_log_errors:
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(f"{site.url}/planexe{site.place(*parts)}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def test_a_person_logs_in_and_sees_the_plans(site: Site, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(f"{site.url}/planexe/plans")
    page.get_by_label("Username").fill("ann")
    page.get_by_label("Password").fill("ann")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Plans")).to_be_visible()
    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Harbour renewal"))
    expect(card).to_contain_text("2 of 8 steps done")
    expect(card).to_contain_text("Waiting onSite manager (2)Finance")
    expect(card.get_by_role("link", name="Answer 3 tickets")).to_be_visible()
    page.close()


def test_the_page_is_framed_in_airflow_and_follows_its_theme_and_address(site: Site, visit: Open) -> None:
    page = visit("plans", color_scheme="light")
    page.goto(f"{site.url}/plugin/planexe")
    frame = page.frame_locator("iframe")
    expect(frame.locator("html")).to_have_attribute("data-theme", "light")
    page.evaluate("document.documentElement.className = 'dark'")
    expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
    frame.get_by_role("link", name="Harbour renewal").click()
    expect(frame.get_by_role("heading", name="Building", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("/plugin/planexe/planexe/plans/harbour$"))


@pytest.mark.parametrize(("choice", "system", "shown"), [(None, "dark", "dark"), ("light", "dark", "light")])
def test_alone_the_page_follows_airflows_stored_theme_or_the_system(
    visit: Open, choice: str | None, system: str, shown: str
) -> None:
    page = visit("inbox", color_scheme=system)
    if choice:
        page.evaluate("choice => localStorage.setItem('theme', choice)", choice)
        page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", shown)


def test_a_run_shows_phases_steps_and_what_waits(visit: Open) -> None:
    page = visit("runs", "harbour", "RUN")
    building = page.locator("#phase-build")
    expect(building.locator("summary")).to_contain_text("Building0 of 6 stepsWaiting on a person")
    expect(building.get_by_role("listitem").first).to_contain_text(
        "Waiting on a personOrder the dredgerAnalysis agent · Budget approval · waits on Finance"
    )


def test_a_report_is_read_and_runs_no_script(site: Site, visit: Open) -> None:
    page = visit("runs", "harbour", "RUN", may_log_errors=True)  # the browser tells of the script it did not run
    page.locator("#phase-plan").get_by_role("link", name="Read the report and its risks").click()
    expect(page.frame_locator("iframe").get_by_role("heading", name="Planning")).to_be_visible()
    assert page.title() == "Report · PlanExe"
    page.goto(f"{site.url}/planexe/api/v1{site.place('runs', 'harbour', 'RUN', 'report', 'milestone-plan')}")
    expect(page.get_by_role("heading", name="Planning")).to_be_visible()
    assert page.title() == ""


def test_a_plan_shows_its_latest_run_and_the_others(visit: Open) -> None:
    page = visit("plans", "harbour")
    expect(page.get_by_role("heading", name="Harbour renewal")).to_be_visible()
    expect(page.get_by_role("region", name="Waits on people")).to_contain_text(
        re.compile(r"Order the dredgeron Finance · \d+ d")
    )
    expect(page.get_by_role("region", name="Runs now")).to_contain_text("Hire the craneReporting agent")
    expect(page.get_by_role("region", name="Late against the plan")).to_contain_text(
        re.compile(r"Inspect the quay\d+ d .*late")
    )
    page.get_by_role("region", name="Runs of this plan").get_by_role("link").click()
    expect(page).to_have_url(re.compile("/planexe/runs/harbour/"))


def test_the_picture_of_a_run_takes_the_colours_of_the_page(visit: Open) -> None:
    fills = set()
    for theme in ("light", "dark"):
        page = visit("runs", "harbour", "RUN", color_scheme=theme)
        picture = page.get_by_role("img", name="Harbour renewal: phases, planned against actual")
        expect(picture).to_contain_text("Building")
        fills.add(picture.locator("text").first.evaluate("text => getComputedStyle(text).fill"))
    assert len(fills) == 2


def test_the_record_tells_who_did_what(visit: Open) -> None:
    page = visit("runs", "harbour", "RUN")
    page.get_by_text("who did what, and when").click()
    newest = page.get_by_role("group", name="Events").get_by_role("row").nth(1)
    expect(newest).to_contain_text("Ticket answered")
    expect(newest).to_contain_text("Person <script>")
    expect(newest).to_contain_text("Paint the bollards")
    assert newest.locator("script, img, button, a").count() == 0
    expect(page.get_by_text("3 of 3 events")).to_be_visible()


@pytest.mark.parametrize(
    ("dag_id", "words"), [("fresh", "This plan has not been run"), ("plain", "This DAG was not made from a plan")]
)
def test_a_tab_says_why_it_is_empty(visit: Open, dag_id: str, words: str) -> None:
    expect(visit("plans", dag_id).get_by_role("main")).to_contain_text(words)


def test_the_inbox_filters_and_pages(visit: Open) -> None:
    page = visit("inbox")
    page.get_by_label("Plan", exact=True).select_option("crowd")
    expect(page.get_by_role("status")).to_contain_text(re.compile(r"\d+ open tickets"))
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text(re.compile(r"^26 to 50 of \d+$"))).to_be_visible()
    page.get_by_label("Kind").select_option("senior_review")
    expect(page.get_by_text("No open ticket fits this filter.")).to_be_visible()


def test_a_ticket_is_answered_with_the_keyboard_alone(visit: Open) -> None:
    page = visit("tickets", "crowd", "RUN", "ask-020.human")
    expect(page.get_by_role("heading", name="Your answer")).to_be_visible()
    _tab_to(page, "Done")
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


def test_problems_of_an_answer_stand_at_their_fields(visit: Open) -> None:
    page = visit(*APPROVAL, may_log_errors=True)  # the browser tells of every 422
    expect(page.get_by_label("Type the amount")).to_be_hidden()
    page.get_by_label("Approve").check()
    page.get_by_label("Type the amount").fill("250")
    page.get_by_role("button", name="Approve").click()
    amount = page.get_by_label("Type the amount")
    expect(amount).to_have_attribute("aria-invalid", "true")
    expect(amount).to_be_focused()
    expect(page.locator("#field-amount-error")).to_contain_text("250000")
    page.get_by_label("Reject").check()
    page.get_by_role("button", name="Reject").click()
    expect(page.locator("#field-comment-error")).to_contain_text("needed")


def test_a_correction_starts_from_what_the_agent_brought(visit: Open) -> None:
    page = visit(*REVIEW)
    page.get_by_label("Correct it").check()
    expect(page.get_by_label("Result (a JSON object)")).to_have_value(re.compile(r'"days": 12,'))


def test_data_that_a_person_need_not_give_is_folded_away_until_it_is_wrong(visit: Open) -> None:
    page = visit("tickets", "harbour", "RUN", "inspect.human", may_log_errors=True)  # the browser tells of every 422
    data = page.get_by_label("Result (a JSON object)")
    expect(data).to_be_hidden()
    page.get_by_text("Add data for later steps").click()
    data.fill("[]")
    page.get_by_text("Add data for later steps").click()
    page.get_by_label("It is done").check()
    page.get_by_role("button", name="It is done").click()
    expect(data).to_be_visible()
    expect(page.locator("#field-result-error")).to_contain_text("a JSON object is needed")


def test_what_an_agent_wrote_stays_text_and_is_labelled(visit: Open) -> None:
    page = visit(*REVIEW)
    said = page.get_by_role("region", name="Written by agent analyst-1 — not checked")
    text = said.locator(".agent-text")
    for line in (
        "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">",
        "# Facts",
        "**Approved by the board** [click](javascript:alert(1))",
        '<button class="button">Approve</button>',
        "⟨U+202E⟩gnihton evorppa",
        "{{ 7 * 7 }}",
    ):
        expect(text).to_contain_text(line)
    assert text.locator("script, img, button, a, h1, h2, h3, form, input, iframe").count() == 0
    assert page.title() == "Estimate the haulage · PlanExe"
    assert page.get_by_role("region", name="Facts").get_by_text("Approved by the board").count() == 0
    fonts = [
        page.locator(place).first.evaluate("e => getComputedStyle(e).fontFamily") for place in (".agent-text", "h2")
    ]
    assert fonts[0] != fonts[1]


@pytest.mark.parametrize("parts", [("plans",), ("runs", "hostile", "RUN"), ("tickets", "hostile", "RUN", "one.human")])
def test_a_hostile_title_stays_text(visit: Open, parts: tuple[str, ...]) -> None:
    page = visit(*parts)
    expect(page.get_by_text("<script>document.title = 'owned'</script>").first).to_be_visible()
    assert page.locator("main script, main img").count() == 0
    assert not page.title().startswith("owned")


def test_a_plan_whose_file_broke_says_why_it_stands_still(visit: Open) -> None:
    card = visit("plans").get_by_role("listitem").filter(has_text="Broken while it ran")
    expect(card).to_contain_text("Its file is gone or broken, so nothing more starts.")


def test_a_viewer_is_told_why_there_is_no_form(visit: Open) -> None:
    page = visit(*REVIEW, user="vera")
    expect(page.get_by_role("heading", name="You can read this ticket")).to_be_visible()
    assert page.locator("form").count() == 0


def test_a_run_is_live(site: Site, visit: Open) -> None:
    page = visit("runs", "crowd", "RUN")
    expect(page.locator("#ticket-ask-030")).to_be_visible()
    path = site.place("tickets", "crowd", "RUN", "ask-030.human", "answer")
    site.as_user("ann").post(path, json={"option": "Done", "fields": {"comment": "x"}}).raise_for_status()
    expect(page.locator("#ticket-ask-030")).to_be_hidden()


def test_nothing_is_asked_while_nobody_looks(visit: Open) -> None:
    page = visit("runs", "harbour", "RUN")
    expect(page.get_by_role("heading", name="Building", exact=True)).to_be_visible()
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true })")
    page.wait_for_timeout(2600)  # a turn that was under way may still ask
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(3000)
    assert asked == []


@pytest.mark.parametrize("parts", [("plans",), ("runs", "harbour", "RUN"), ("inbox",), REVIEW, APPROVAL])
def test_a_phone_shows_everything_without_scrolling_sideways(visit: Open, parts: tuple[str, ...]) -> None:
    page = visit(*parts, viewport={"width": 360, "height": 740})
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_contrast_in_both_themes(visit: Open, theme: str) -> None:
    page = visit(*REVIEW, color_scheme=theme)
    expect(page.get_by_role("heading", name="Facts")).to_be_visible()
    places = ["body", ".quiet", ".chip", ".source", ".crumbs a", ".button", ".agent-text", ".key"]
    ratios = {place: page.locator(place).first.evaluate(CONTRAST) for place in places}
    assert {place: ratio for place, ratio in ratios.items() if ratio < 4.5} == {}


CONTRAST = """element => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => [r, g, b]
    .map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = (one) => {
    const colour = rgb(getComputedStyle(one).backgroundColor);
    return colour[3] > 0 || !one.parentElement ? colour : ground(one.parentElement);
  };
  const both = [rgb(getComputedStyle(element).color), ground(element)].map(luminance);
  const [light, dark] = both.sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}"""
