"""A real API server over a database that `site/seed.py` fills: every state at once, and nothing runs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browsing import chromium
from tests.ui.site.proxy import proxying

CHECKOUT = Path(__file__).parents[2]
USERS = {"boss": "admin", "ann": "user", "vera": "viewer", "carl": "user", "dora": "user"}
FAB = CHECKOUT / ".venv" / "fab"
"""The FAB auth manager beside all else: it wants an older library than we test with; see the Makefile."""
RUN_ID = "manual__2026-03-02T09:00:00+00:00"


@dataclass(frozen=True)
class Site:
    url: str
    environment: dict[str, str]
    _tokens: dict[str, str] = field(default_factory=dict)

    def as_user(self, name: str) -> httpx.Client:
        """A client with a bearer token, at the plugin's API."""
        headers = {"Authorization": f"Bearer {self.token(name)}"}
        return httpx.Client(base_url=f"{self.url}/planexe/api/v1", headers=headers, timeout=60)

    def in_browser(self, name: str) -> httpx.Client:
        """A client with the login cookie that a browser holds."""
        return httpx.Client(base_url=f"{self.url}/planexe", cookies={"_token": self.token(name)}, timeout=60)

    def run(self, code: str) -> Any:
        """Run code in the environment of this Airflow; returns the JSON that it prints last."""
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    @property
    def run_id(self) -> str:
        """The run that every started plan has."""
        return RUN_ID

    def place(self, *parts: str) -> str:
        """A path, with every part encoded; `RUN` stands for the run that every started plan has."""
        return "/" + "/".join(quote(RUN_ID if part == "RUN" else part, safe="") for part in parts)

    def token(self, name: str) -> str:
        if name not in self._tokens:
            answer = httpx.post(f"{self.url}/auth/token", json={"username": name, "password": name}, timeout=60)
            self._tokens[name] = answer.json()["access_token"]
        return self._tokens[name]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("site")
    url = f"http://127.0.0.1:{_free_port()}"
    environment = _environment(home, url)
    _seed("tests.ui.site.seed", environment)
    with _serving(home, environment):
        yield Site(url, environment)


@pytest.fixture(scope="session")
def fab_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The same site, whose users and roles Airflow's FAB auth manager keeps."""
    if not FAB.exists():
        pytest.skip(f"no FAB auth manager: {FAB} is missing; `make test` installs it")
    home = tmp_path_factory.mktemp("fab")
    url = f"http://127.0.0.1:{_free_port()}"
    environment = _environment(home, url)
    environment["AIRFLOW__CORE__AUTH_MANAGER"] = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
    environment["AIRFLOW__PLANEXE__PEOPLE"] = str(home / "people.json")
    environment["PYTHONPATH"] = os.pathsep.join([environment["PYTHONPATH"], str(FAB)])
    _seed("tests.ui.site.seed", environment)
    _seed("tests.ui.site.fab", environment)
    with _serving(home, environment):
        yield Site(url, environment)


@pytest.fixture(scope="session")
def prefixed_site(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The same site once more, below a path of a host that only a reverse proxy knows."""
    home = tmp_path_factory.mktemp("prefixed")
    with proxying("/airflow") as (url, behind):
        port = str(_free_port())
        behind["to"] = f"http://127.0.0.1:{port}"
        environment = {**site.environment, "AIRFLOW__API__BASE_URL": url, "AIRFLOW__API__PORT": port}
        with _serving(home, environment):
            yield Site(url, environment)


def _seed(module: str, environment: dict[str, str]) -> None:
    done = subprocess.run([sys.executable, "-m", module], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def _serving(home: Path, environment: dict[str, str]) -> Iterator[None]:
    """Run an API server until the end."""
    airflow, path = str(Path(sys.executable).with_name("airflow")), home / "server.log"
    with path.open("w") as log:
        server = subprocess.Popen([airflow, "api-server"], env=environment, stdout=log, stderr=log)
        try:
            _await(environment["AIRFLOW__API__BASE_URL"], server, path)
            yield
        finally:
            server.kill()  # it holds nothing that outlives this test
            server.wait()


def _environment(home: Path, url: str) -> dict[str, str]:
    (home / "passwords.json").write_text(json.dumps({name: name for name in USERS}))
    (home / "plugins").mkdir()
    (home / "path").mkdir()
    for package in ("tests", "planexe_dag_factory", "agents/planexe_agents"):
        link = home / "path" / Path(package).name  # the checkout itself would register the plugin twice
        link.symlink_to(CHECKOUT / package)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
    settings = {
        "AIRFLOW_HOME": home,
        "AIRFLOW__CORE__AUTH_MANAGER": "tests.ui.site.per_dag_auth.PerDagAuthManager",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": home / "plugins",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in USERS.items()),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": home / "passwords.json",
        "AIRFLOW__DATABASE__EXTERNAL_DB_MANAGERS": "planexe_dag_factory.ui.desk.manager.DeskDBManager",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": url.rpartition(":")[2],
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": "for-this-test-alone-" * 4,
        "AIRFLOW__PLANEXE__RUN_ROOT": home / "run",
        "AIRFLOW__PLANEXE__KEYS": home / "keys",
        "AIRFLOW__PLANEXE__POOLS": "clerk",
        "PYTHONPATH": home / "path",
    }
    return kept | {key: str(value) for key, value in settings.items()}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/api/v2/monitor/health", timeout=5).is_success:
                return
        time.sleep(0.3)
    pytest.fail(f"the API server did not start:\n{log.read_text()[-4000:]}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


Open = Callable[..., Page]


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
