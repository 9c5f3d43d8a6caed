"""Every page on a narrow phone: nothing is wider than the screen, whatever a plan or an agent wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.ui.conftest import Open

pytestmark = [pytest.mark.airflow, pytest.mark.browser]

NARROW = {"width": 360, "height": 740}
PAGES = {
    "plans": (("plans",), ".card"),
    "plan": (("plans", "harbour"), ".gantt"),
    "a plan that was not run": (("plans", "fresh"), ".notice"),
    "run": (("runs", "harbour", "RUN"), ".gantt"),
    "run with a record": (("runs", "clinic", "RUN"), "#record"),
    "inbox": (("inbox",), ".ticket-row"),
    "work": (("tickets", "harbour", "RUN", "inspect.human"), "#answer-form"),
    "review": (("tickets", "bridge", "RUN", "long.human"), "#answer-form"),
    "hostile": (("tickets", "bridge", "RUN", "evil.human"), "#answer-form"),
    "approval": (("tickets", "bridge", "RUN", "quorum.gate"), "#answer-form"),
    "nobody": (("tickets", "harbour", "RUN", "crane.work"), "h1"),
    "report": (("runs", "clinic", "RUN", "report", "final"), "iframe"),
}
SCROLL = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
TOO_WIDE = """
[...document.querySelectorAll("main *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1
  && !one.closest(".scroll, .gantt, svg")).slice(0, 5).map((one) => one.outerHTML.slice(0, 120))
"""


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_a_phone(visit: Open, name: str) -> None:
    parts, ready = PAGES[name]
    page = visit(*parts, viewport=NARROW, may_log_errors=True)  # the browser tells of a 404
    page.locator(ready).first.wait_for()
    if name == "run with a record":
        page.get_by_text("who did what, and when").click()
        page.locator(".events").wait_for()
    if name == "review":
        page.get_by_label("Correct it", exact=True).check()
    if name == "inbox":
        page.locator(".pick input").first.check()
    wide, seen = page.evaluate(SCROLL)
    assert wide <= seen, page.evaluate(TOO_WIDE)
