"""Fills the metadata database and the run folders of the test site. Run in the environment of its Airflow."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from airflow.dag_processing.collection import update_dag_parsing_results_in_db
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.pool import Pool
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from planexe_agents.signing import digest_bytes

from planexe_dag_factory.airflow.settings import keys_folder, run_folder
from planexe_dag_factory.record.events import append_event
from planexe_dag_factory.record.keys import make_ring
from planexe_dag_factory.spec.codec import dump_spec
from tests.ui.site.plans import RUN_ID, SitePlan, site_plans

BEGINNING = datetime(2026, 3, 2, 9, tzinfo=UTC)


def dag_of(plan: SitePlan) -> DAG:
    dag = DAG(
        plan.spec.dag_id,
        dag_display_name=plan.spec.title,
        schedule=None,
        start_date=BEGINNING,
        tags=["planexe"] if plan.tagged else ["other"],
    )
    for task in plan.spec.tasks:
        EmptyOperator(task_id=task.id, dag=dag)
    dag.fileloc, dag.relative_fileloc = f"/{plan.spec.dag_id}.py", f"{plan.spec.dag_id}.py"
    return dag


def register(session: Any, plans: tuple[SitePlan, ...]) -> None:
    session.add(DagBundleModel(name="site"))
    session.flush()
    dags = [LazyDeserializedDAG(data=DagSerialization.to_dict(dag_of(plan))) for plan in plans]
    update_dag_parsing_results_in_db("site", None, dags, {}, 0.0, set(), session)
    session.query(DagModel).update({DagModel.is_stale: False, DagModel.is_paused: False})
    lost = [plan.spec.dag_id for plan in plans if plan.lost]
    session.query(DagModel).filter(DagModel.dag_id.in_(lost)).update({DagModel.is_stale: True})
    session.commit()


def start(session: Any, plan: SitePlan) -> None:
    dag_id = plan.spec.dag_id
    dag = SerializedDagModel.get_dag(dag_id, session=session)
    assert dag
    dag.create_dagrun(
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
    instances = {ti.task_id: ti for ti in session.query(TaskInstance).filter_by(dag_id=dag_id, run_id=RUN_ID)}
    for task_id, state in plan.states.items():
        instances[task_id].state = state
        instances[task_id].start_date = BEGINNING
    for ticket in plan.tickets:
        session.add(request(instances[ticket["task_id"]].id, ticket))
    run = session.query(DagRun).filter_by(dag_id=dag_id, run_id=RUN_ID).one()
    run._state = plan.run_state
    run.end_date = BEGINNING if plan.run_state == "success" else None
    session.commit()


def request(ti_id: Any, ticket: dict[str, Any]) -> HITLDetail:
    params = {
        name: {
            "value": None,
            "description": None,
            "schema": {"title": schema["title"], "type": [schema["type"], "null"]},
        }
        for name, schema in ticket["form"]["properties"].items()
    }
    options = [option["id"] for option in ticket["options"]]
    return HITLDetail(ti_id=ti_id, options=options, subject=ticket["ask"], params=params, assignees=[])


def record(plan: SitePlan) -> None:
    run = run_folder(plan.spec.dag_id, RUN_ID, BEGINNING)
    run.write_bytes(dump_spec(plan.spec), "dagspec.json")
    run.write_json({"title": plan.spec.title, "risks": list(plan.risks)}, "plan.json")
    begun = {"dag_id": plan.spec.dag_id, "run_id": RUN_ID, "plan_id": plan.spec.plan_id}
    run.write_json({**begun, "started_at": BEGINNING.isoformat()}, "run.json")
    for event in plan.events:
        about = {"run.json": digest_bytes(run.read_bytes("run.json"))} if event.action == "run-started" else {}
        append_event(run, make_ring(keys_folder()).current, replace(event, digests=about))
    for ticket in plan.tickets:
        says = {**ticket["plan_says"], "risks": list(plan.risks)}
        run.write_json({**ticket, "plan_says": says}, "steps", ticket["work_item"], "tickets", "001", "ticket.json")
    for name in plan.refused:
        when = {"started_at": BEGINNING.isoformat(), "ended_at": BEGINNING.isoformat()}
        by = {"kind": "person", "id": "eve", "name": "Eve"}
        run.write_json({"work_item": name, "status": "refused", "by": by, **when}, "steps", name, "result.json")
    for milestone, result in plan.assessed.items():
        run.write_json({"result": result}, "steps", f"{milestone}-risk", "result.json")
    for milestone, html in plan.reports.items():
        place = ("final",) if milestone == "final" else ("milestones", milestone, "report")
        run.write_bytes(html.encode(), *place, "report.html")
        run.write_bytes(b"%PDF-1.7 " + html.encode(), *place, "report.pdf")


def main() -> None:
    initdb()
    make_ring(keys_folder())
    plans = site_plans()
    with create_session() as session:
        session.add(Pool(pool="planexe-clerk", slots=5, description="", include_deferred=True))
        register(session, plans)
        for plan in plans:
            if plan.run_state is not None:
                start(session, plan)
    for plan in plans:
        if plan.recorded:
            record(plan)


if __name__ == "__main__":
    main()
