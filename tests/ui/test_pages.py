"""The pages in a real browser: found, read, answered by keyboard, and not to be imitated by what an agent wrote."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, expect

if TYPE_CHECKING:
    from tests.ui.conftest import Open, Site

pytestmark = [pytest.mark.airflow, pytest.mark.browser]

REVIEW = ("tickets", "harbour", "RUN", "estimate.human")
APPROVAL = ("tickets", "harbour", "RUN", "dredge.gate")


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


def test_the_ticket_is_a_tab_of_its_task_and_the_inbox_an_entry_of_the_navigation(site: Site, visit: Open) -> None:
    page = visit("plans")
    page.goto(f"{site.url}/dags/harbour/runs/{site.run_id}/tasks/dredge.gate/plugin/planexe-ticket")
    expect(page.frame_locator("iframe").get_by_role("heading", name="Order the dredger")).to_be_visible()
    page.get_by_role("link", name="Inbox", exact=True).click()
    expect(page.frame_locator("iframe").get_by_role("heading", name="Inbox")).to_be_visible()
    expect(page).to_have_url(re.compile("/plugin/planexe-inbox"))


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


def test_a_milestone_shows_its_risk_picture(visit: Open) -> None:
    page = visit("plans", "harbour")
    planning = page.locator("#phase-plan")
    expect(planning.locator(".milestone")).to_contain_text("Resilience 0.70Existential risk flagged")
    planning.get_by_text("Risk picture").click()
    expect(planning.get_by_role("img", name="When the plan ends")).to_be_visible()
    scenarios = planning.get_by_role("img", name="Resilience by scenario")
    expect(scenarios).to_contain_text("<script>document.title = 'owned'</script>")
    assert planning.locator("script").count() == 0


def test_the_record_tells_who_did_what(visit: Open) -> None:
    page = visit("runs", "clinic", "RUN")
    page.get_by_text("who did what, and when").click()
    newest = page.get_by_role("group", name="Events").get_by_role("row").nth(1)
    expect(newest).to_contain_text("Answered <script>")
    expect(newest).to_contain_text("find_evidence")  # names stay as they are
    expect(newest).to_contain_text("Person <script>")
    expect(newest).to_contain_text("The step of clinic")
    assert newest.locator("script, img, button, a").count() == 0
    expect(page.get_by_text("3 of 3 events")).to_be_visible()


@pytest.mark.parametrize(
    ("dag_id", "words"), [("fresh", "This plan has not been run"), ("plain", "This DAG was not made from a plan")]
)
def test_a_tab_says_why_it_is_empty(visit: Open, dag_id: str, words: str) -> None:
    expect(visit("plans", dag_id).get_by_role("main")).to_contain_text(words)


def test_a_plan_whose_file_broke_says_why_it_stands_still(visit: Open) -> None:
    card = visit("plans").get_by_role("listitem").filter(has_text="Broken while it ran")
    expect(card).to_contain_text("Its file is gone or broken, so nothing more starts.")


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
