"""What several folders of tests share: one embedded stack for the whole session, and what a skip means in CI."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from planexe_dag_factory.stack import lifecycle
from planexe_dag_factory.stack.client import AirflowClient
from planexe_dag_factory.stack.configuration import ADMIN, Settings, read_passwords
from planexe_dag_factory.stack.home import Home
from planexe_dag_factory.stack.state import State
from tests.pipeline.plans import STAND_IN

POOLED = 3
"""So many steps may lie at the agent `bounded` at once."""
_NOT_OURS_TO_HAVE = ("../shared", "needs root")
"""What a skip may name even in CI: data beside the checkout, and being root."""
_USERS = {ADMIN: "admin", "demo-reviewer": "user", "operator": "op", "viewer": "viewer"}


@dataclass
class RunningStack:
    """The embedded stack of the test session: plans dropped into `plans_dir` become DAGs."""

    home: Home
    settings: Settings
    state: State
    _clients: dict[str, AirflowClient] = field(default_factory=dict)

    @property
    def url(self) -> str:
        assert self.state.url
        return self.state.url

    @property
    def plans_dir(self) -> Path:
        return self.settings.plans[0]

    @property
    def run_root(self) -> Path:
        return self.settings.run_root

    @property
    def planexe(self) -> Path:
        """The stand-in for PlanExe that brings reports up to date; `behaviour.txt` in it says how it behaves."""
        return self.settings.run_root.parent / "planexe"

    @property
    def client(self) -> AirflowClient:
        """The API as `admin` sees it."""
        return self.login(ADMIN)

    def login(self, user: str) -> AirflowClient:
        """The API as a user sees it: admin, operator (op), demo-reviewer (user) or viewer."""
        if user not in self._clients:
            self._clients[user] = AirflowClient(self.url, user, self.password(user))
        return self._clients[user]

    def password(self, user: str) -> str:
        return read_passwords(self.home)[user]

    def token(self, user: str = ADMIN) -> str:
        """A bearer token of a user."""
        return self.login(user).token()

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """An embedded Airflow with its agents, started when the first test asks for it."""
    folder = tmp_path_factory.mktemp("stack")
    home = Home.below(folder)
    settings = Settings(
        plans=(folder / "dags", home.plans),
        run_root=folder / "run",
        users=_USERS,
        options={"planexe": {"pools": "bounded"}},  # of an agent that only the test of pools has
    )
    shutil.copytree(STAND_IN, folder / "planexe")
    with ExitStack() as until_the_end:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("PLANEXE_HOME", str(folder / "planexe"))
            environment.setenv("PLANEXE_PYTHON", sys.executable)
            state = until_the_end.enter_context(lifecycle.ensured(home, settings))
        running = RunningStack(home, settings, state)
        until_the_end.callback(running.close)
        running.client.post(
            "/api/v2/pools", {"name": "planexe-bounded", "slots": POOLED, "include_deferred": True, "description": ""}
        )
        yield running


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """In CI, name the tests that were skipped because a part of this machine is missing."""
    missing = _missing_parts(terminalreporter)
    if missing:
        terminalreporter.section("skipped, though CI=true", red=True)
        for line in missing:
            terminalreporter.line(line)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI, a test that was skipped for a missing part is a failure; missing data and rights are not."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.exitstatus == pytest.ExitCode.OK and reporter and _missing_parts(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _missing_parts(reporter: pytest.TerminalReporter) -> list[str]:
    if os.environ.get("CI") != "true":
        return []
    skips = [(report.nodeid, str(report.longrepr[2])) for report in reporter.stats.get("skipped", [])]
    return [f"{name}: {reason}" for name, reason in skips if not any(one in reason for one in _NOT_OURS_TO_HAVE)]
