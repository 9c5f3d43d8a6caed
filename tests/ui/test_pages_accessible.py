"""What axe-core finds in each page, in both themes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no annotations
from playwright.sync_api import Page

from tests.ui.states import STATES, bring_up

if TYPE_CHECKING:
    from tests.ui.conftest import Open

pytestmark = [pytest.mark.airflow, pytest.mark.browser]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", STATES)
def test_axe_finds_no_serious_fault(visit: Open, name: str, theme: str) -> None:
    page = bring_up(visit, name, STATES[name], record=name == "run", color_scheme=theme)
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
