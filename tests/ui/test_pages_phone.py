"""Every page on a narrow phone: nothing is wider than the screen, whatever a plan or an agent wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ui.states import STATES, bring_up

if TYPE_CHECKING:
    from tests.ui.conftest import Open

pytestmark = [pytest.mark.airflow, pytest.mark.browser]

NARROW = {"width": 360, "height": 740}
PAGES = {
    **STATES,
    "a plan that was not run": (("plans", "fresh"), ".notice"),
    "run with a record": (("runs", "clinic", "RUN"), "#record"),
    "hostile": (("tickets", "bridge", "RUN", "evil.human"), "#answer-form"),
    "report": (("runs", "clinic", "RUN", "report", "final"), "iframe"),
}
SCROLL = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
TOO_WIDE = """
[...document.querySelectorAll("main *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1
  && !one.closest(".scroll, .gantt, svg")).slice(0, 5).map((one) => one.outerHTML.slice(0, 120))
"""


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_a_phone(visit: Open, name: str) -> None:
    page = bring_up(visit, name, PAGES[name], record=name == "run with a record", viewport=NARROW)
    wide, seen = page.evaluate(SCROLL)
    assert wide <= seen, page.evaluate(TOO_WIDE)
