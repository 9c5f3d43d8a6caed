"""Child process of the benchmarks: fill a database and run folders with plans whose tickets wait for people.

    python -m benchmarks.inbox_site HOME PLANS TICKETS      in the environment of the Airflow that is to be filled

Every plan has one run, and every run the same number of steps that a person is asked about. They are compiled,
registered, begun and recorded by the code that does so in earnest; only the states of the tasks are set by hand,
for to start ten thousand tasks takes hours. Prints the ids of the DAGs as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.dag_processing.collection import update_dag_parsing_results_in_db
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.hitl import HITLDetail
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import insert, select, update

from benchmarks.load_dag import build_of, load
from planexe_dag_factory.airflow.bundle import PlanBundle
from planexe_dag_factory.airflow.settings import keys_folder, run_folder
from planexe_dag_factory.delegation.answers import open_ticket
from planexe_dag_factory.delegation.asking import Kind
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.delegation.lifecycle import INPUTS, begin_run
from planexe_dag_factory.delegation.tickets import Place, build_ticket
from planexe_dag_factory.record.keys import make_ring
from planexe_dag_factory.routing.model import Registry

BEGINNING = datetime(2026, 3, 2, 9, tzinfo=UTC)
RUN_ID = "manual__2026-03-02T09:00:00+00:00"
BUNDLE = "planexe"
ROLES = ("Site manager", "Finance", "Legal", "Harbour master", "Steering committee")
PHASES = 5
KINDS: Mapping[str, Kind] = {"human": "work", "gate": "approval"}


def main(home: Path, plans: int, tickets: int) -> None:
    initdb()
    make_ring(keys_folder())
    dropped = home / "plans"
    dropped.mkdir()
    for number in range(plans):
        document = plan(number, tickets // plans)
        (dropped / f"{document['id']}.json").write_text(json.dumps(document), encoding="utf-8")
    bundle = PlanBundle(name=BUNDLE, plans=[str(dropped)])
    bundle.initialize()
    version = bundle.get_current_version()
    assert version is not None
    with create_session() as session:
        session.add(DagBundleModel(name=BUNDLE))
        session.flush()
        dag_ids = [_begin(session, stub, version.version) for stub in sorted(bundle.path.glob("*.py"))]
    print(json.dumps(dag_ids))


def plan(number: int, tickets: int) -> dict[str, Any]:
    """A plan of steps for people, side by side in each phase; every fourth needs an approval first."""
    return {
        "format": "planexe-dag/1",
        "id": f"plan-{number:03}",
        "title": f"Plan {number}: renewal of the harbour",
        "steps": [_step(at) for at in range(tickets)],
    }


def _step(at: int) -> dict[str, Any]:
    name = f"step-{at:04}"
    return {
        "id": name,
        "title": f"{name}: look at the quay and say what it needs",
        "description": "As described. " * 20,
        "phase": f"phase-{at % PHASES}",
        "package": f"package-{at}",
        "human_required": True,
        "assignee": ROLES[at % len(ROLES)],
        "approver": ROLES[at % len(ROLES)],
        "impact": "none" if at % 4 else "regulatory",
        **({"due_days": at % 30} if at % 3 and at % 30 else {}),
    }


def _begin(session: Any, stub: Path, version: str) -> str:
    """Register a plan and begin its run; the first task that each step has asks somebody."""
    dag = load(str(stub))
    dag.fileloc, dag.relative_fileloc = str(stub), stub.name
    lazy = LazyDeserializedDAG(data=DagSerialization.to_dict(dag))
    update_dag_parsing_results_in_db(BUNDLE, version, [lazy], {}, 0.0, set(), session)
    session.execute(update(DagModel).where(DagModel.dag_id == dag.dag_id).values(is_stale=False, is_paused=False))
    session.flush()
    stored = SerializedDagModel.get_dag(dag.dag_id, session=session)
    assert stored is not None
    stored.create_dagrun(
        run_id=RUN_ID,
        logical_date=BEGINNING,
        data_interval=(BEGINNING, BEGINNING),
        run_after=BEGINNING,
        run_type=DagRunType.MANUAL,
        triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.RUNNING,
        start_date=BEGINNING,
        session=session,
    )
    session.flush()
    tickets = _record(dag.dag_id, {name: (build_of(stub) / name).read_bytes() for name in INPUTS})
    _park(session, dag.dag_id, tickets)
    session.commit()
    return str(dag.dag_id)


def _record(dag_id: str, inputs: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """Record the run and its tickets, by task."""
    run, ring = run_folder(dag_id, RUN_ID, BEGINNING), make_ring(keys_folder())
    begin_run(run, ring.current, inputs, {"dag_id": dag_id, "run_id": RUN_ID, "plan_id": dag_id, "by": "boss"})
    execution = Execution(run, Registry, ring.current, ring.public)
    tickets = {}
    for item in execution.spec.work_items.values():
        step = execution.step(item.id)
        part = "gate" if item.route.gate else "human"
        place = Place(dag_id, RUN_ID, f"{item.id}.{part}")
        tickets[place.task_id] = build_ticket(step, KINDS[part], place, "the plan says so")
        open_ticket(step, tickets[place.task_id])
    return tickets


def _park(session: Any, dag_id: str, tickets: Mapping[str, Mapping[str, Any]]) -> None:
    tasks = TaskInstance.__table__
    of_run = (TaskInstance.dag_id == dag_id, TaskInstance.run_id == RUN_ID)
    began = {"start_date": BEGINNING, "try_number": 1}
    start = update(tasks).where(*of_run, TaskInstance.task_id == "start")
    session.execute(start.values(state="success", end_date=BEGINNING, **began))
    known = select(TaskInstance.task_id, TaskInstance.id).where(*of_run)
    ids = dict(session.execute(known).tuples().all())
    asking = update(tasks).where(*of_run, TaskInstance.task_id.in_(tickets))
    session.execute(asking.values(state="awaiting_input", **began))
    session.execute(insert(HITLDetail.__table__), [_request(ids[name], one) for name, one in tickets.items()])


def _request(ti_id: Any, ticket: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ti_id": ti_id,
        "options": [option["id"] for option in ticket["options"]],
        "subject": ticket["ask"],
        "params": {},
        "assignees": [],
        "created_at": datetime.fromisoformat(ticket["opened_at"]),
        "params_input": {},
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
