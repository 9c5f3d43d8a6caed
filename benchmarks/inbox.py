"""The inbox with 10,000 open tickets in 50 plans: 300 ms a page are aimed at.

Over HTTP, from a real API server, logged in, with a people file: a page of 50 with all its counts.
On SQLite, and on PostgreSQL where `PLANEXE_BENCH_POSTGRES` names an empty database.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil

from benchmarks.figures import Figure
from benchmarks.scale import Scale
from planexe_dag_factory.stack.embedded import free_port

PLANS, TICKETS, PAGE, ASKS = 50, 10_000, 50, 15
QUICK_PLANS, QUICK_TICKETS = 8, 80
AIM_S = 0.3
SEED_S, FILL_S = 3600, 600
OURS, THEIRS = "/planexe/api/v1/tickets", "/api/v2/dags/~/dagRuns/~/hitlDetails"
PEOPLE = {
    "owner": {"users": ["boss"]},
    "groups": {"office": ["boss", "ann"]},
    "roles": {"Finance": {"users": ["boss"]}, "Legal": {"groups": ["office"]}},
}
OWN: Mapping[str, Mapping[str, Any]] = {
    "a page of the inbox": {},
    "my tickets, by due date": {"scope": "mine", "sort": "due"},
    "my groups' approvals of one plan": {"scope": "groups", "kind": "approval", "dag_id": "plan-007"},
    "a search": {"q": "quay step-0042"},
}


def measure(home: Path, scale: Scale) -> list[Figure]:
    databases = {"SQLite": f"sqlite:///{home}/airflow.db"}
    if "PLANEXE_BENCH_POSTGRES" in os.environ:
        databases["PostgreSQL"] = os.environ["PLANEXE_BENCH_POSTGRES"]
    figures: list[Figure] = []
    for name, url in databases.items():
        figures += _measure(home / name, name, url, scale)
        scale.keep(figures)
    return figures


def _measure(home: Path, name: str, database: str, scale: Scale) -> list[Figure]:
    rounds, url = scale.rounds, f"http://127.0.0.1:{free_port()}"
    environment = site_environment(home, url, database)
    seed(home, environment, scale.of(PLANS, QUICK_PLANS), scale.of(TICKETS, QUICK_TICKETS))
    with served(url, environment, home) as (client, server):
        filled = Figure(f"{name}: until every ticket is in the index", "", ((fill(client),),), unit="s")
        queries = Figure(f"{name}: queries a page", "", ((_queries(environment),),), unit="")
        before = server.memory_full_info().uss
        pages = _figures(client, name, rounds)
        grown = server.memory_full_info().uss - before
    asked = len(OWN) * rounds * ASKS
    memory = Figure(f"{name}: what the server's memory grew by over {asked} pages", "", ((grown,),), unit="MB")
    return [filled, queries, *pages, memory]


def seed(home: Path, environment: Mapping[str, str], plans: int, tickets: int) -> None:
    """Fill the database and the run folders of a site."""
    command = [sys.executable, "-m", "benchmarks.inbox_site", str(home), str(plans), str(tickets)]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=SEED_S)
    if done.returncode:
        raise SystemExit(done.stderr[-4000:])


def _figures(client: httpx.Client, name: str, rounds: int) -> list[Figure]:
    """Time every page of ours against what is aimed at, and the plainest one against Airflow's own list."""
    theirs = {"limit": PAGE, "response_received": False, "state": "awaiting_input"}
    plain, own = {"limit": PAGE}, []
    for what, wanted in OWN.items():
        times = tuple((_time(client, OURS, {**plain, **wanted}), AIM_S) for _ in range(rounds))
        own.append(Figure(f"{name}: {what}", "300 ms", times, 1.0))
    pairs = tuple((_time(client, OURS, plain), _time(client, THEIRS, theirs)) for _ in range(rounds))
    return [*own, Figure(f"{name}: a page of the inbox", "Airflow's own list of the same requests", pairs, 1.5)]


def _time(client: httpx.Client, path: str, wanted: Mapping[str, Any]) -> float:
    """Return the median of a few requests, in seconds."""
    times = []
    for _ in range(ASKS):
        start = time.perf_counter()
        client.get(path, params=dict(wanted)).raise_for_status()
        times.append(time.perf_counter() - start)
    return median(times)


def fill(client: httpx.Client) -> float:
    """Ask until every ticket is in the index; return how many seconds that took."""
    start = time.perf_counter()
    while unread := client.get("/planexe/api/v1/tickets").raise_for_status().json()["unread"]:
        if time.perf_counter() - start > FILL_S:
            raise SystemExit(f"{unread} tickets were not in the index after {FILL_S} s")
    return time.perf_counter() - start


COUNT = """
from airflow.utils.session import create_session
from airflow.models.dag import DagModel
from sqlalchemy import event, select
from planexe_dag_factory.airflow.settings import people
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.ui.desk import inbox, index
with create_session() as session:
    dag_ids = frozenset(session.scalars(select(DagModel.dag_id)))
    statements = []
    note = lambda connection, cursor, statement, *_: statements.append(statement)
    event.listen(session.get_bind(), "before_cursor_execute", note)
    index.refresh(session, dag_ids)
    inbox.list_tickets(session, dag_ids, inbox.Wanted(limit=50), Actor("person", "boss", "boss"), people())
    print(len(statements))
"""


def _queries(environment: Mapping[str, str]) -> int:
    command = [sys.executable, "-c", COUNT]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=FILL_S)
    return int(done.stdout.split()[-1])


@contextmanager
def served(url: str, environment: Mapping[str, str], home: Path) -> Iterator[tuple[httpx.Client, psutil.Process]]:
    command = [sys.executable, "-m", "airflow", "api-server"]
    with (
        (home / "server.log").open("w") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as server,
    ):
        try:
            token = _await(url)
            with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=120) as client:
                yield client, psutil.Process(server.pid)
        finally:
            server.terminate()


def _await(url: str) -> str:
    for _ in range(400):
        try:
            answer = httpx.post(f"{url}/auth/token", json={"username": "boss", "password": "boss"}, timeout=10)
            token: str = answer.raise_for_status().json()["access_token"]
        except httpx.HTTPError:
            time.sleep(0.3)
        else:
            return token
    raise RuntimeError("the API server did not start")


def site_environment(home: Path, url: str, database: str) -> dict[str, str]:
    home.mkdir(parents=True)
    (home / "passwords.json").write_text(json.dumps({"boss": "boss"}))
    (home / "people.json").write_text(json.dumps(PEOPLE))
    (home / "plugins").mkdir()
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
    settings = {
        "HOME": home,
        "CORE__LOAD_EXAMPLES": "False",
        "LOGGING__LOGGING_LEVEL": "WARNING",
        "CORE__PLUGINS_FOLDER": home / "plugins",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "boss:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": home / "passwords.json",
        "DATABASE__EXTERNAL_DB_MANAGERS": "planexe_dag_factory.ui.desk.manager.DeskDBManager",
        "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": home / "bundles",
        "DATABASE__SQL_ALCHEMY_CONN": database,
        "API__BASE_URL": url,
        "API__HOST": "127.0.0.1",
        "API__PORT": url.rpartition(":")[2],
        "API__WORKERS": "1",
        "API_AUTH__JWT_SECRET": "for-this-benchmark-alone-" * 4,
        "PLANEXE__RUN_ROOT": home / "run",
        "PLANEXE__KEYS": home / "keys",
    }
    return kept | {f"AIRFLOW__{key}" if "__" in key else f"AIRFLOW_{key}": str(one) for key, one in settings.items()}
