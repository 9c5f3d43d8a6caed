"""Child process of the benchmarks: fill a database and run folders with plans whose tickets wait for people.

    python -m benchmarks.inbox_site PLANS TICKETS       in the environment of the Airflow that is to be filled

Every plan has one run, and every run the same number of steps that a person is asked about. Prints the
ids of the DAGs as JSON.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from airflow.models.dag import DagModel, DagTag
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from sqlalchemy import insert

from planexe_dag_factory.airflow.settings import TAG, keys_folder, run_folder
from planexe_dag_factory.record.keys import make_ring
from planexe_dag_factory.routing.model import Route
from planexe_dag_factory.spec.codec import dump_spec
from planexe_dag_factory.spec.model import DagSpec, TaskSpec, WorkItem

BEGINNING = datetime(2026, 3, 2, 9, tzinfo=UTC)
RUN_ID = "manual__2026-03-02T09:00:00+00:00"
KINDS = {"work": "Done", "review": "Accept", "approval": "Approve", "senior_review": "Proceed"}
ROLES = ("Site manager", "Finance", "Legal", "Harbour master", "Steering committee")


def main(plans: int, tickets: int) -> None:
    initdb()
    make_ring(keys_folder())
    dag_ids = [f"plan-{number:03}" for number in range(plans)]
    with create_session() as session:
        session.add(DagBundleModel(name="bench"))
        session.flush()
        for number, dag_id in enumerate(dag_ids):
            _fill(session, dag_id, number, tickets // plans)
    print(json.dumps(dag_ids))


def _fill(session: Any, dag_id: str, number: int, tickets: int) -> None:
    names = [f"step-{step:04}" for step in range(tickets)]
    dag = {
        "dag_id": dag_id,
        "bundle_name": "bench",
        "fileloc": f"/{dag_id}.py",
        "relative_fileloc": f"{dag_id}.py",
        "dag_display_name": f"Plan {number}: renewal of the harbour",
        "is_paused": False,
        "is_stale": False,
        "timetable_type": "airflow.timetables.simple.NullTimetable",
        "max_active_tasks": 16,
        "has_task_concurrency_limits": False,
        "max_consecutive_failed_dag_runs": 0,
        "exceeds_max_non_backfill": False,
        "timetable_partitioned": False,
        "timetable_periodic": False,
        "fail_fast": False,
    }
    columns = DagModel.__table__.columns
    session.execute(insert(DagModel.__table__), [{name: value for name, value in dag.items() if name in columns}])
    session.add(DagTag(name=TAG, dag_id=dag_id))
    run = DagRun(dag_id=dag_id, run_id=RUN_ID, logical_date=BEGINNING, run_after=BEGINNING, run_type="manual")
    run.start_date = BEGINNING
    run.set_state(DagRunState.RUNNING)
    session.add(run)
    session.flush()
    opened = {name: BEGINNING + timedelta(minutes=number * 7 + at) for at, name in enumerate(names)}
    tasks = [_task(dag_id, name, when) for name, when in opened.items()]
    session.execute(insert(TaskInstance.__table__), tasks)
    kinds = list(KINDS)
    requests = [_request(task, KINDS[kinds[at % len(kinds)]], opened[names[at]]) for at, task in enumerate(tasks)]
    session.execute(insert(HITLDetail.__table__), requests)
    session.commit()
    _record(dag_id, [_ticket(dag_id, name, at, opened[name]) for at, name in enumerate(names)])


def _task(dag_id: str, name: str, when: datetime) -> dict[str, Any]:
    return {
        "id": uuid4(),
        "dag_id": dag_id,
        "run_id": RUN_ID,
        "task_id": f"{name}.human",
        "map_index": -1,
        "state": "awaiting_input",
        "try_number": 1,
        "max_tries": 2,
        "pool": "default_pool",
        "pool_slots": 1,
        "queue": "default",
        "priority_weight": 1,
        "start_date": when,
        "updated_at": when,
        "executor_config": {},
        "span_status": "not_started",
    }


def _request(task: dict[str, Any], option: str, when: datetime) -> dict[str, Any]:
    return {
        "ti_id": task["id"],
        "options": [option, "Refuse"],
        "subject": "Please do this step and say how it went.",
        "params": {},
        "assignees": [],
        "created_at": when,
        "params_input": {},
    }


def _ticket(dag_id: str, name: str, at: int, when: datetime) -> dict[str, Any]:
    kind = list(KINDS)[at % len(KINDS)]
    role = ROLES[at % len(ROLES)]
    return {
        "kind": kind,
        "n": 1,
        "dag_id": dag_id,
        "run_id": RUN_ID,
        "task_id": f"{name}.human",
        "work_item": name,
        "title": f"{name}: look at the quay and say what it needs",
        "ask": "Please do this step and say how it went.",
        "why": "the plan says so",
        "facts": [{"label": "Step", "value": name}],
        "plan_says": {"description": "As described. " * 20, "resources": [], "phase": f"Phase {at % 5}", "package": ""},
        "agent_says": None,
        "assignee": role,
        "asked": [{"kind": "role", "name": role}],
        "opened_at": when.isoformat(),
        "due_at": (when + timedelta(days=at % 30)).isoformat() if at % 3 else None,
        "unblocks": [],
        "options": [{"id": KINDS[kind], "label": "Yes", "intent": "primary", "requires": []}],
        "form": {"type": "object", "properties": {}},
        "amount": None,
        "result_schema": None,
        "previous": None,
    }


def _record(dag_id: str, tickets: list[dict[str, Any]]) -> None:
    items = {ticket["work_item"]: _item(ticket) for ticket in tickets}
    tasks = tuple(TaskSpec(f"{name}.human", "human", item.title, name, name) for name, item in items.items())
    spec = DagSpec(dag_id, dag_id, dag_id, "", "owner", "0", "0", "0", (), tasks, (), items, ())
    run = run_folder(dag_id, RUN_ID, BEGINNING)
    run.write_bytes(dump_spec(spec), "dagspec.json")
    for ticket in tickets:
        run.write_json(ticket, "steps", ticket["work_item"], "tickets", "001", "ticket.json")


def _item(ticket: dict[str, Any]) -> WorkItem:
    route = Route(ticket["work_item"], "human", "the plan says so", 1.0, ticket["assignee"])
    return WorkItem(ticket["work_item"], ticket["title"], "", "phase", None, route)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
