"""Our tables: their migrations, and the queries over them, on SQLite and on PostgreSQL."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from planexe_dag_factory.stack.embedded import free_port
from planexe_dag_factory.stack.supervisor import Supervisor
from tests.stack.postgres import start_postgres

pytestmark = pytest.mark.airflow

ROOT = Path(__file__).parents[2]
NO_POSTGRES = not (shutil.which("postgres") or list(Path("/usr/lib/postgresql").glob("*/bin/postgres")))

MIGRATE = """
import json
from airflow import settings
from airflow.utils.session import create_session
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect
from planexe_dag_factory.ui.desk.manager import DeskDBManager

def ours():
    return sorted(name for name in inspect(settings.get_engine()).get_table_names() if name.startswith("planexe_"))

def is_ours(_, name, kind, *__):
    return kind != "table" or name.startswith("planexe_")

def differences():
    options = {"version_table": "planexe_alembic_version", "include_object": is_ours}
    with settings.get_engine().connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        return [str(one) for one in compare_metadata(context, DeskDBManager.metadata)]

def manager(act):
    with create_session() as session:
        act(DeskDBManager(session))

said = {"before": ours()}
manager(lambda one: one.initdb(use_migration_files=True))
said["by files"] = [ours(), differences()]
manager(lambda one: one.downgrade("base"))
said["after"] = ours()
manager(lambda one: one.initdb())
said["again"] = ours()
with create_session() as session:
    said["checked"] = DeskDBManager(session).check_migration()
print(json.dumps(said))
"""
TABLES = [
    "planexe_activity",
    "planexe_alembic_version",
    "planexe_asked",
    "planexe_barred",
    "planexe_question",
    "planexe_ticket",
]

TWO_SERVERS = """
import json
from concurrent.futures import ThreadPoolExecutor
from airflow.utils.session import create_session
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.routing.people import Assigned, People
from planexe_dag_factory.ui.desk import inbox, index

DAGS = frozenset(["harbour", "crowd", "hostile"])
ANN, PEOPLE = Actor("person", "ann", "ann"), People(roles={"Finance": Assigned(users=("ann",))})

def refresh(_):
    with create_session() as session:
        return index.refresh(session, DAGS)

def listed(**wanted):
    with create_session() as session:
        page = inbox.list_tickets(session, DAGS, inbox.Wanted(limit=100, **wanted), ANN, PEOPLE)
        return [page.total, len(page.tickets), page.counts.mine, page.counts.groups]

with ThreadPoolExecutor(8) as servers:
    unread = list(servers.map(refresh, range(8)))
print(json.dumps({
    "unread": max(unread),
    "all": listed(),
    "me": listed(scope="me"),
    "mine": listed(scope="mine"),
    "search": listed(words="dredger"),
    "wildcard": listed(words="100%"),
    "overdue": listed(due="overdue"),
    "sorted": listed(sort="-due"),
    "claimed": listed(claimed="me", min_age_h=1.0, phase="p"),
}))
"""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An Airflow with an empty database."""
    home = tmp_path_factory.mktemp("desk")
    if request.param == "sqlite":
        yield _environment(home, f"sqlite:///{home}/airflow.db")
        return
    if NO_POSTGRES or importlib.util.find_spec("psycopg2") is None:
        pytest.skip("not installed: postgres, or psycopg2-binary")
    supervisor = Supervisor()
    with tempfile.TemporaryDirectory(prefix="planexe-postgres-") as data:  # pytest's own are for its user alone
        try:
            address = start_postgres(supervisor, Path(data), free_port(), "pg-secret")
            yield _environment(home, address.replace("postgresql:", "postgresql+psycopg2:"))
        finally:
            supervisor.stop_programs()


def _environment(home: Path, database: str) -> dict[str, str]:
    (home / "path").mkdir()
    for package in ("tests", "planexe_dag_factory", "agents/planexe_agents"):
        (home / "path" / Path(package).name).symlink_to(ROOT / package)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
    own = {
        "AIRFLOW_HOME": home / "airflow",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": home / "plugins",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__DATABASE__EXTERNAL_DB_MANAGERS": "planexe_dag_factory.ui.desk.manager.DeskDBManager",
        "AIRFLOW__PLANEXE__RUN_ROOT": home / "run",
        "AIRFLOW__PLANEXE__KEYS": home / "keys",
        "PYTHONPATH": home / "path",
    }
    return kept | {key: str(value) for key, value in own.items()}


def run(environment: dict[str, str], *words: str) -> Any:
    done = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1]) if words[0] == "-c" else None


def test_the_migrations_make_what_the_code_expects_and_take_it_away_again(environment: dict[str, str]) -> None:
    assert run(environment, "-c", MIGRATE) == {
        "before": [],
        "by files": [TABLES, []],
        "after": ["planexe_alembic_version"],
        "again": TABLES,
        "checked": True,
    }


def test_servers_that_fill_the_index_at_once_agree_and_every_query_is_understood(environment: dict[str, str]) -> None:
    run(environment, "-m", "tests.ui.site.seed")
    assert run(environment, "-c", TWO_SERVERS) == {
        "unread": 0,
        "all": [84, 84, 1, 83],
        "me": [84, 84, 1, 83],
        "mine": [1, 1, 1, 83],
        "search": [1, 1, 1, 0],
        "wildcard": [0, 0, 0, 0],
        "overdue": [1, 1, 1, 0],
        "sorted": [84, 84, 1, 83],
        "claimed": [0, 0, 0, 0],
    }
