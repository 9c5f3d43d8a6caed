"""Each thing that can be wrong with an installation, provoked, and what the health endpoint says to do about it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from planexe_dag_factory.record.events import stamp_of
from planexe_dag_factory.stack.agents import register
from tests.agents.serving import Served

if TYPE_CHECKING:
    from tests.ui.conftest import Site

pytestmark = pytest.mark.airflow


@pytest.fixture
def home(site: Site) -> Path:
    return Path(site.environment["AIRFLOW_HOME"])


def look(site: Site, user: str = "boss") -> dict[str, Any]:
    answer = site.as_user(user).get("/health")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def found(site: Site, code: str, user: str = "boss") -> list[str]:
    """What is said of one kind of problem, with what to do."""
    problems = look(site, user)["problems"]
    assert all(problem["what"] and problem["remedy"] for problem in problems)
    return [f"{one['severity']}: {one['what']} {one['remedy']}" for one in problems if one["code"] == code]


@contextmanager
def database(home: Path, change: str, back: str) -> Iterator[None]:
    """Change a row of the metadata database for a while."""
    for sql in (change, None, back):
        if sql is None:
            yield
            continue
        with sqlite3.connect(home / "airflow.db", timeout=30) as db:
            db.execute(sql)


@contextmanager
def instead(path: Path, make: Callable[[Path], object]) -> Iterator[None]:
    """Put something else in the place of a file or folder for a while."""
    away = path.with_name(f"{path.name}.away")
    path.rename(away)
    try:
        make(path)
        yield
    finally:
        path.unlink(missing_ok=True)
        away.rename(path)


def test_parts_of_airflow_that_do_not_run_are_named_with_what_they_hold_up(site: Site) -> None:
    assert found(site, "scheduler-down") == [
        "error: The scheduler does not run. Start it: `airflow scheduler`. Until then no step begins or ends."
    ]
    [triggerer] = found(site, "triggerer-down")
    [processor] = found(site, "dag-processor-down")
    assert ("airflow triggerer" in triggerer, "airflow dag-processor" in processor) == (True, True)
    assert found(site, "metadatabase-down") == []
    assert look(site)["ok"] is False


def test_a_part_that_has_died_is_named_with_its_last_heartbeat(site: Site, home: Path) -> None:
    add = (
        "INSERT INTO job (id, job_type, state, start_date, latest_heartbeat, hostname, unixname) VALUES "
        "(4711, 'SchedulerJob', 'running', '2026-03-02 09:00:00.000000', '2026-03-02 09:00:00.000000', 'h', 'u')"
    )
    with database(home, add, "DELETE FROM job WHERE id = 4711"):
        [said] = found(site, "scheduler-down")
    assert said.startswith("error: The scheduler has not been heard of since 2026-03-02T09:00:00")


def test_without_our_tables_it_says_what_to_run(site: Site, home: Path) -> None:
    with sqlite3.connect(home / "airflow.db") as db:
        [version] = db.execute("SELECT version_num FROM planexe_alembic_version").fetchone()
    change = "UPDATE planexe_alembic_version SET version_num = '{}'"
    with database(home, change.format("0000"), change.format(version)):
        [said] = found(site, "tables-missing")
    assert "run `airflow db migrate`" in said
    assert found(site, "tables-missing") == []


def test_a_pool_that_was_never_made_and_one_that_bounds_no_slow_agent_are_told(site: Site, home: Path) -> None:
    change = "UPDATE slot_pool SET {} WHERE pool = '{}'"
    lax, strict = (change.format(f"include_deferred = {flag}", "planexe-clerk") for flag in (0, 1))
    away, back = (
        change.format(f"pool = '{to}'", name) for name, to in (("planexe-clerk", "x"), ("x", "planexe-clerk"))
    )
    assert found(site, "pool-missing") == found(site, "pool-ignores-deferred") == []
    with database(home, lax, strict):
        [said] = found(site, "pool-ignores-deferred")
    assert said == (
        "warning: The pool planexe-clerk does not count deferred tasks: it bounds no step whose agent takes its time. "
        'Let it: `airflow pools set planexe-clerk 5 "steps at agents" --include-deferred`.'
    )
    with database(home, away, back):
        [said] = found(site, "pool-missing")
    assert said == (
        "error: The pool planexe-clerk does not exist: no step that is to be in it starts. "
        'Make it: `airflow pools set planexe-clerk 8 "steps at agents" --include-deferred`.'
    )


def test_a_pool_that_a_step_waits_for_is_missed_though_this_machine_was_not_told_of_it(site: Site, home: Path) -> None:
    change = "UPDATE task_instance SET state = {}, pool = '{}' WHERE dag_id = 'harbour' AND state IS NULL"
    back = "UPDATE task_instance SET state = NULL, pool = 'default_pool' WHERE pool = 'planexe-agents'"
    with database(home, change.format("'scheduled'", "planexe-agents"), back):
        [said] = found(site, "pool-missing")
    assert said.startswith("error: The pool planexe-agents does not exist")


def test_a_lost_key_is_told_before_a_run_needs_it(site: Site, home: Path) -> None:
    with instead(home / "keys" / "orchestrator.key", lambda _: None):
        [said] = found(site, "keys-missing")
    assert f"Restore {home}/keys from its backup" in said
    assert found(site, "keys-missing") == []


def test_a_run_root_that_cannot_be_written_is_told(site: Site, home: Path) -> None:
    before = sorted((home / "run").iterdir())
    with instead(home / "run", Path.touch):
        [said] = found(site, "run-root-unwritable")
    assert said.startswith(f"error: The run root {home}/run cannot be written (")
    assert found(site, "run-root-unwritable") == []
    assert sorted((home / "run").iterdir()) == before  # the probe leaves nothing


def test_agents_that_are_silent_set_aside_or_not_who_they_were_are_told_apart(
    site: Site, home: Path, tmp_path: Path
) -> None:
    assert [said[:7] for said in found(site, "no-agents")] == ["warning"]
    registry, history = home / "registry.json", home / "run" / "agents" / "clerk"
    try:
        with Served(tmp_path / "clerk") as clerk:
            with ThreadPoolExecutor(1) as elsewhere:  # an open browser has taken this thread's event loop
                elsewhere.submit(register, registry, [clerk.url]).result()
            assert look(site)["agents"] == [{"id": "clerk", "state": "ok", "why": [], "on_hold": None}]
            history.mkdir(parents=True)
            for step in ("00000001", "00000002", "00000003"):
                stamp = stamp_of(datetime.now(UTC).isoformat())
                (history / f"{stamp}+failed+copy+{step}.json").write_text("{}")
            [said] = found(site, "agent-on-hold")
            assert said.startswith("warning: The agent clerk gets no work now: set aside until ")
            (tmp_path / "clerk" / "clerk" / "agent.key").write_bytes(b"k" * 32)
            port = clerk.url.rpartition(":")[2]
        [said] = found(site, "agent-unreachable")
        assert said.startswith("error: The agent clerk does not answer: http://127.0.0.1:")
        with Served(tmp_path / "clerk", "--port", port):
            [said] = found(site, "agent-changed")
            assert said.startswith("error: The agent clerk is not as it was registered: ")
            assert "`planexe-dag agents remove clerk`" in said
        document = json.loads(registry.read_text())
        document["agents"][0]["version"] = "6.6.6"
        registry.write_text(json.dumps(document))
        [said] = found(site, "registry-unusable")
        assert "Restore the registry from its backup" in said
    finally:
        registry.unlink(missing_ok=True)
        for file in (*history.glob("*"), *home.glob("keys/operator.*")):
            file.unlink()


def test_a_broken_plan_is_named_without_a_word_of_its_own(site: Site, home: Path) -> None:
    add = (
        "INSERT INTO import_error (id, timestamp, filename, bundle_name, stacktrace) VALUES "
        "(4711, '2026-03-02 09:00:00.000000', 'well-{}.py', 'site', '{}: <script>')"
    )
    gone = "DELETE FROM import_error WHERE id = 4711"
    with database(home, add.format("json", "planexe_dag_factory.airflow.store.StoredPlanError"), gone):
        assert found(site, "plan-broken") == [
            (
                "error: The plan 'well-json' is broken: it is no DAG, or is kept as it was before. "
                "`planexe-dag validate PLAN` says what is wrong, and where."
            )
        ]
    with database(home, add.format("other", "ValueError"), gone):
        assert found(site, "plan-broken") == []  # a DAG file that is none of ours


def test_a_run_whose_plan_is_paused_stands_still(site: Site, home: Path) -> None:
    change = "UPDATE dag SET is_paused = {} WHERE dag_id = 'harbour'"
    with database(home, change.format(1), change.format(0)):
        assert found(site, "run-paused") == [
            (
                f"error: The run {site.run_id} of harbour stands still: its plan is paused. "
                "Unpause the plan in Airflow, and it goes on."
            )
        ]


def test_a_task_that_no_worker_takes_is_told_to_those_who_may_read_its_plan(site: Site, home: Path) -> None:
    with sqlite3.connect(home / "airflow.db") as db:
        query = "SELECT id, state, updated_at FROM task_instance WHERE dag_id = 'secret' AND task_id = 'one.human'"
        ti, state, updated = db.execute(query).fetchone()
    change = f"UPDATE task_instance SET state = '{{}}', updated_at = '{{}}' WHERE id = '{ti}'"  # noqa: S608 - our own id
    with database(home, change.format("queued", "2026-03-02 09:00:00.000000"), change.format(state, updated)):
        [said] = found(site, "task-not-started")
        assert said.startswith(f"error: The run {site.run_id} of secret stands still: no worker took one.human for ")
        assert found(site, "task-not-started", "ann") == []


def test_tickets_are_counted_and_those_overdue_are_told(site: Site) -> None:
    assert "warning: In harbour 1 ticket is overdue." in " ".join(found(site, "tickets-overdue"))
    counts = {one["dag_id"]: one for one in look(site, "ann")["tickets"]}
    assert (counts["harbour"]["overdue"], counts["crowd"]["overdue"]) == (1, 0)
    assert counts["crowd"]["open"] > 40
    assert counts["harbour"]["oldest_s"] > 0
    assert "secret" not in counts


def test_a_login_is_needed_and_airflows_own_liveness_is_open(site: Site) -> None:
    assert httpx.get(f"{site.url}/planexe/api/v1/health").status_code == 401
    assert httpx.get(f"{site.url}/api/v2/monitor/health").status_code == 200
