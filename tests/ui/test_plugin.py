"""How the plugin is registered, and what it costs: asked of the installed Airflow in a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.ui.conftest import Site

pytestmark = pytest.mark.airflow

PLUGIN_FILE = Path(__file__).parents[2] / "plugins" / "planexe_plugin.py"

REGISTER = f"""
import importlib.metadata, json, runpy
registered = []
registered.append("PlanExePlugin" in runpy.run_path({str(PLUGIN_FILE)!r}))
importlib.metadata.entry_points = lambda **_: ()
registered.append("PlanExePlugin" in runpy.run_path({str(PLUGIN_FILE)!r}))
print(json.dumps(registered))
"""

LOAD = """
import json, sys
from planexe_dag_factory.ui.plugin import PlanExePlugin
plugin = PlanExePlugin()
before = "planexe_dag_factory.ui.app" in sys.modules
[app] = plugin.fastapi_apps
print(json.dumps([before, "planexe_dag_factory.ui.app" in sys.modules, app["url_prefix"]]))
"""

COUNT_QUERIES = """
import json
from airflow.utils.session import create_session
from sqlalchemy import event
from planexe_dag_factory.record.events import Actor
from planexe_dag_factory.routing.people import People
from planexe_dag_factory.ui import queries, views
from planexe_dag_factory.ui.desk import inbox, index

def cost(ask):
    with create_session() as session:
        statements = []
        count = lambda conn, cursor, statement, *_: statements.append(statement)
        event.listen(session.get_bind(), "before_cursor_execute", count)
        ask(session)
        event.remove(session.get_bind(), "before_cursor_execute", count)
        return len(statements)

def progress(dag_id):
    def ask(session):
        [run] = queries.latest_runs(session, [dag_id]).values()
        views.run_progress(session, run)
    return cost(ask)

def cards(*dag_ids):
    return cost(lambda session: views.plan_cards(session, frozenset(dag_ids)))

def tickets(limit):
    dag_ids, wanted = frozenset(["harbour", "crowd"]), inbox.Wanted(limit=limit)
    return cost(lambda session: inbox.list_tickets(session, dag_ids, wanted, Actor("person", "ann", "ann"), People()))

def refresh(*dag_ids):
    with create_session() as session:
        index.refresh(session, dag_ids)
    return cost(lambda session: index.refresh(session, dag_ids))

cards("harbour")  # looks once whether the tables of the inbox are there
print(json.dumps({
    "cards": [cards("harbour"), cards("harbour", "crowd", "clinic", "fresh")],
    "progress": [progress("clinic"), progress("crowd")],
    "inbox": [tickets(1), tickets(50)],
    "index": [refresh("harbour"), refresh("harbour", "crowd")],
}))
"""


def test_the_plugin_file_registers_only_where_no_entry_point_does(site: Site) -> None:
    assert site.run(REGISTER) == [False, True]


def test_a_worker_that_loads_the_plugin_is_spared_the_application(site: Site) -> None:
    assert site.run(LOAD) == [False, True, "/planexe"]


def test_the_number_of_queries_does_not_grow_with_what_is_shown(site: Site) -> None:
    assert site.run(COUNT_QUERIES) == {"cards": [5, 5], "progress": [5, 5], "inbox": [7, 7], "index": [2, 2]}
