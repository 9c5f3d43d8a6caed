# ruff: noqa: INP001 - a script beside its pictures, no package
"""Takes the screenshots of this folder anew: runs the example plan on an embedded stack and looks at it.

.venv/bin/python docs/screenshots/take.py      some minutes; needs chromium
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from playwright.sync_api import Browser, FrameLocator, Page, ViewportSize, sync_playwright

from planexe_dag_factory.stack import lifecycle
from planexe_dag_factory.stack.autopilot import Autopilot
from planexe_dag_factory.stack.client import AirflowClient
from planexe_dag_factory.stack.configuration import ADMIN, REVIEWER, Settings, read_passwords
from planexe_dag_factory.stack.home import Home

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "dags" / "examples" / "harbour_air_watch"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
DESKTOP = ViewportSize(width=1280, height=860)
PHONE = ViewportSize(width=390, height=844)
PATIENCE_S = 600
PEOPLE = {
    "groups": {"harbour-office": [ADMIN, REVIEWER], "steering-group": [ADMIN, REVIEWER]},
    "owner": {"users": [ADMIN, REVIEWER]},
    "roles": {
        "Steering Group": {"groups": ["steering-group"]},
        "Harbour Master": {"groups": ["harbour-office"]},
        "Network Engineer": {"groups": ["harbour-office"]},
    },
}
"""Who stands behind the roles of the example; the demo reviewer is everywhere, so that the run goes on."""

Found = TypeVar("Found")
View = Page | FrameLocator


@dataclass
class Photographer:
    """Opens pages as the administrator; every picture is taken once."""

    browser: Browser
    client: AirflowClient
    taken: set[str] = field(default_factory=set)

    def take(
        self,
        name: str,
        *parts: str,
        ready: str,
        dark: bool = False,
        phone: bool = False,
        query: str = "",
        prepare: Callable[[View], None] | None = None,
    ) -> None:
        """Photograph a page of the plugin: framed in Airflow's UI, or alone on a phone."""
        if name in self.taken:
            return
        path = "/planexe/" + "/".join(quote(part, safe="") for part in parts) + query
        page = self._open(path if phone else f"/plugin/planexe{path}", dark=dark, phone=phone)
        view: View = page if phone else page.frame_locator("iframe")
        view.locator(ready).first.wait_for(timeout=60_000)
        if prepare:
            prepare(view)
        page.wait_for_timeout(700)
        page.screenshot(path=HERE / f"{name}.png")
        page.context.close()
        self.taken.add(name)

    def _open(self, path: str, *, dark: bool, phone: bool) -> Page:
        context = self.browser.new_context(
            viewport=PHONE if phone else DESKTOP, color_scheme="dark" if dark else "light"
        )
        context.add_cookies([{"name": "_token", "value": self.client.token(), "url": self.client.url}])
        page = context.new_page()
        page.goto(self.client.url + path)
        return page


def main() -> None:
    """Run the example, photograph each kind of page when there is something to see on it."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home.below(Path(folder))
        settings = Settings(plans=(Path(folder) / "dags", home.plans), run_root=Path(folder) / "run")
        home.prepare()
        (home.root / "people.json").write_text(json.dumps(PEOPLE))
        with lifecycle.ensured(home, settings) as state, sync_playwright() as playwright:
            passwords = read_passwords(home)
            admin, reviewer = (AirflowClient(state.url or "", name, passwords[name]) for name in (ADMIN, REVIEWER))
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=QUIET)
            run_example(Photographer(browser, admin), reviewer, settings.plans[0])


def run_example(photographer: Photographer, starter: AirflowClient, plans: Path) -> None:
    """Drop the example plan, have `starter` start it, and see it through: who starts a run cannot approve in it."""
    shutil.copy(EXAMPLE.with_name(f"{EXAMPLE.name}.policy.json"), plans)
    shutil.copytree(EXAMPLE, plans / EXAMPLE.name)
    client = photographer.client
    [plan] = _await(lambda: client.get("/planexe/api/v1/plans"), bool)
    dag_id = plan["dag_id"]
    run_id = starter.trigger(dag_id)
    autopilot = Autopilot(client, colleague=starter)

    def turn() -> dict[str, object]:
        tickets = client.tickets(dag_id, run_id)
        for ticket in tickets:
            look_at_ticket(photographer, dag_id, run_id, ticket)
        look_at_run(photographer, dag_id, run_id, tickets)
        autopilot.answer_open(dag_id, run_id)
        return client.progress(dag_id, run_id)

    _await(turn, lambda progress: progress["state"] in {"success", "failed"})
    _await(lambda: client.progress(dag_id, run_id), lambda progress: bool(progress["report"]))
    photographer.take("report", "runs", dag_id, run_id, "report", "final", ready="iframe")


def look_at_ticket(photographer: Photographer, dag_id: str, run_id: str, ticket: dict[str, object]) -> None:
    """Photograph a ticket of each kind."""
    task = str(ticket["task_id"])
    place = ("tickets", dag_id, run_id, task)
    kind = str(ticket["kind"])
    if kind == "approval" and ticket["amount"] is None:
        return  # the next one names an amount
    if not photographer.client.ticket(dag_id, run_id, task)["may_answer"]:
        return  # whoever approved a step alone does not do it too
    photographer.take(f"ticket-{kind.replace('_', '-')}", *place, ready="#answer-form")
    if kind == "approval":
        comment = {"text": "The offer holds until Friday. The return right of 30 days is in writing."}
        path = "/planexe/api/v1/" + "/".join(quote(part, safe="") for part in place) + "/comments"
        photographer.client.request("POST", path, json=comment).raise_for_status()
        photographer.take("ticket-phone", *place, ready="#answer-form", phone=True)
        photographer.take("ticket-dark", *place, ready="#answer-form", dark=True, prepare=approve)
    if kind == "review":
        photographer.take("ticket-correct", *place, ready="#answer-form", prepare=correct)


def look_at_run(photographer: Photographer, dag_id: str, run_id: str, tickets: list[dict[str, object]]) -> None:
    """Photograph what surrounds the tickets, once a milestone is behind and several wait."""
    done = photographer.client.progress(dag_id, run_id)["counts"].get("done", 0)
    if done < 6 or len(tickets) < 2:  # noqa: PLR2004 - enough of the example's steps to show every colour
        return
    photographer.take("plans", "plans", ready=".card .phases")
    photographer.take("plan", "plans", dag_id, ready=".gantt")
    photographer.take("plan-dark", "plans", dag_id, ready=".gantt", dark=True)
    photographer.take("run", "runs", dag_id, run_id, ready=".gantt", prepare=open_record)
    photographer.take("inbox", "inbox", query="?scope=all", ready=".ticket-row", prepare=choose)
    photographer.take("inbox-phone", "inbox", query="?scope=all", ready=".ticket-row", phone=True)


def approve(view: View) -> None:
    view.get_by_label("Approve", exact=True).check()


def correct(view: View) -> None:
    """Correct something in what the agent brought, so that the difference shows."""
    view.get_by_label("Correct it", exact=True).check()
    view.get_by_label("coverage").fill("0.5")


def open_record(view: View) -> None:
    view.locator("#record > summary").click()
    view.locator(".events").wait_for()
    view.locator("#record").scroll_into_view_if_needed()


def choose(view: View) -> None:
    view.locator(".pick input").first.check()


def _await(ask: Callable[[], Found], enough: Callable[[Found], bool]) -> Found:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = ask()
        if enough(found):
            return found
        time.sleep(1)
    raise TimeoutError(f"nothing to see within {PATIENCE_S} s")


if __name__ == "__main__":
    main()
