"""The pages in the states that every one of them must look right in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from playwright.sync_api import Page

State = tuple[tuple[str, ...], str]
"""The parts of an address, and what is there once the page is drawn."""

STATES: Mapping[str, State] = {
    "plans": (("plans",), ".card"),
    "plan": (("plans", "harbour"), ".gantt"),
    "run": (("runs", "harbour", "RUN"), ".gantt"),
    "inbox": (("inbox",), ".ticket-row"),
    "work": (("tickets", "harbour", "RUN", "inspect.human"), "#answer-form"),
    "review": (("tickets", "bridge", "RUN", "long.human"), "#answer-form"),
    "approval": (("tickets", "bridge", "RUN", "quorum.gate"), "#answer-form"),
    "nobody": (("tickets", "harbour", "RUN", "crane.work"), "h1"),
}


def bring_up(visit: Callable[..., Page], name: str, state: State, *, record: bool, **options: Any) -> Page:
    """Open a page in a state, with what it unfolds unfolded; `record`: that of a run too."""
    parts, ready = state
    page = visit(*parts, may_log_errors=True, **options)  # the browser tells of a 404
    page.locator(ready).first.wait_for()
    if record:
        page.get_by_text("who did what, and when").click()
        page.locator(".events").wait_for()
    if name == "review":
        page.get_by_label("Correct it", exact=True).check()
    if name == "inbox":
        page.locator(".pick input").first.check()
    return page
