"""What axe-core finds in each page, in both themes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no annotations
from playwright.sync_api import Page

if TYPE_CHECKING:
    from tests.ui.conftest import Open

pytestmark = [pytest.mark.airflow, pytest.mark.browser]

PAGES = {
    "plans": (("plans",), ".card"),
    "plan": (("plans", "harbour"), ".gantt"),
    "run": (("runs", "harbour", "RUN"), ".gantt"),
    "inbox": (("inbox",), ".ticket-row"),
    "work": (("tickets", "harbour", "RUN", "inspect.human"), "#answer-form"),
    "review": (("tickets", "bridge", "RUN", "long.human"), "#answer-form"),
    "approval": (("tickets", "bridge", "RUN", "quorum.gate"), "#answer-form"),
    "nobody": (("tickets", "harbour", "RUN", "crane.work"), "h1"),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_serious_fault(visit: Open, name: str, theme: str) -> None:
    parts, ready = PAGES[name]
    page = visit(*parts, color_scheme=theme, may_log_errors=True)  # the browser tells of a 404
    page.locator(ready).first.wait_for()
    if name == "run":
        page.get_by_text("who did what, and when").click()
        page.locator(".events").wait_for()
    if name == "review":
        page.get_by_label("Correct it", exact=True).check()
    if name == "inbox":
        page.locator(".pick input").first.check()
    assert _serious(page) == []


def test_axe_finds_no_serious_fault_in_the_dialogs(visit: Open) -> None:
    page = visit("tickets", "harbour", "RUN", "inspect.human")
    page.locator("#answer-form").wait_for()
    page.keyboard.press("h")
    page.get_by_role("dialog", name="Hand over").wait_for()
    assert _serious(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keyboard").wait_for()
    assert _serious(page) == []


def _serious(page: Page) -> list[str]:
    violations = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in violations
        if one["impact"] in {"serious", "critical"}
    ]
