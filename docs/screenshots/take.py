# ruff: noqa: INP001 - a script beside its pictures, no package
"""Takes the screenshots of this folder anew: runs the example plan on an embedded stack and looks at it.

.venv/bin/python docs/screenshots/take.py      some minutes; needs chromium
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from planexe_dag_factory.stack import lifecycle
from planexe_dag_factory.stack.autopilot import Autopilot
from planexe_dag_factory.stack.client import AirflowClient
from planexe_dag_factory.stack.configuration import ADMIN, REVIEWER, Settings, read_passwords
from planexe_dag_factory.stack.home import Home

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "dags" / "examples" / "harbour_air_watch"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
DESKTOP = ViewportSize(width=1280, height=860)
PHONE = ViewportSize(width=360, height=740)
PATIENCE_S = 600

Found = TypeVar("Found")


@dataclass
class Photographer:
    """Opens pages as the administrator; every picture is taken once."""

    browser: Browser
    client: AirflowClient
    taken: set[str] = field(default_factory=set)

    def take(self, name: str, *parts: str, ready: str, dark: bool = False, phone: bool = False) -> None:
        """Photograph a page of the plugin: framed in Airflow's UI, or alone on a phone."""
        if name in self.taken:
            return
        path = "/planexe/" + "/".join(quote(part, safe="") for part in parts)
        page = self._open(path if phone else f"/plugin/planexe{path}", dark=dark, phone=phone)
        view = page if phone else page.frame_locator("iframe")
        view.locator(ready).first.wait_for(timeout=60_000)
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
        with lifecycle.ensured(home, settings) as state, sync_playwright() as playwright:
            passwords = read_passwords(home)
            admin, reviewer = (AirflowClient(state.url or "", name, passwords[name]) for name in (ADMIN, REVIEWER))
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=QUIET)
            run_example(Photographer(browser, admin), Autopilot(reviewer), settings.plans[0])


def run_example(photographer: Photographer, autopilot: Autopilot, plans: Path) -> None:
    """Drop the example plan, start it, and see it through."""
    shutil.copy(EXAMPLE.with_name(f"{EXAMPLE.name}.policy.json"), plans)
    shutil.copytree(EXAMPLE, plans / EXAMPLE.name)
    client = photographer.client
    [plan] = _await(lambda: client.get("/planexe/api/v1/plans"), bool)
    dag_id = plan["dag_id"]
    run_id = client.trigger(dag_id)

    def turn() -> dict[str, object]:
        for ticket in client.tickets(dag_id, run_id):
            look_at(photographer, dag_id, run_id, ticket)
        autopilot.answer_open(dag_id, run_id)
        return client.progress(dag_id, run_id)

    _await(turn, lambda progress: progress["state"] in {"success", "failed"})
    _await(lambda: client.progress(dag_id, run_id), lambda progress: bool(progress["report"]))
    photographer.take("report", "runs", dag_id, run_id, "report", "final", ready="iframe")


def look_at(photographer: Photographer, dag_id: str, run_id: str, ticket: dict[str, object]) -> None:
    """Photograph a ticket of each kind, and what surrounds it once a milestone is behind."""
    place = ("tickets", dag_id, run_id, str(ticket["task_id"]))
    kind = str(ticket["kind"])
    photographer.take(f"ticket-{kind.replace('_', '-')}", *place, ready="form")
    if kind == "review":
        photographer.take("ticket-phone", *place, ready="form", phone=True)
    done = photographer.client.progress(dag_id, run_id)["counts"].get("done", 0)
    if done >= 6:  # noqa: PLR2004 - enough of the example's steps to show every colour
        photographer.take("plans", "plans", ready=".card .phases")
        photographer.take("run", "runs", dag_id, run_id, ready=".phase")
        photographer.take("run-dark", "runs", dag_id, run_id, ready=".phase", dark=True)
        photographer.take("inbox", "inbox", ready=".ticket-row")


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
