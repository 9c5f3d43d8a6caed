"""Loading DAGs: one plan for a stub of the bundle, or a whole folder where no bundle can be configured."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, get_parsing_context

from planexe_dag_factory.airflow.dropped import DropFolder, look_into
from planexe_dag_factory.airflow.render import BEGINNING, render
from planexe_dag_factory.airflow.settings import airflow_home, registry_path
from planexe_dag_factory.airflow.store import (
    CLAIMS,
    KnownAgents,
    StoredPlanError,
    entry_digest,
    read_build,
    source_of,
    store_plan,
)
from planexe_dag_factory.airflow.text import escape_markdown
from planexe_dag_factory.spec.model import DagSpec

BROKEN = "broken-plan-"


def load_plan(stub: str, digest: str, before: str | None = None) -> DAG:
    """Build the DAG of a stored plan; where it is broken, of the one `before` it, if there was one.

    Raises StoredPlanError, which Airflow shows as the plan's own import error: its problems, or
    another plan of the same id.
    """
    file = Path(stub)
    entry = _entry(file, digest)
    try:
        spec, inputs = read_build(entry)
    except StoredPlanError:
        if before is None:
            raise
        entry = _entry(file, before)
        spec, inputs = read_build(entry)
    _claim(file, spec.dag_id)
    return render(slice_for(spec), inputs, source_of(entry))


def slice_for(spec: DagSpec) -> DagSpec:
    """Return as much of a DAG as this process needs: at a task start, the tasks of its own step.

    Who starts a task of a large plan would else build hundreds of operators to run one.
    """
    context = get_parsing_context()
    wanted = next((task for task in spec.tasks if task.id == context.task_id), None)
    if wanted is None or context.dag_id != spec.dag_id:
        return spec
    tasks = tuple(
        task for task in spec.tasks if task is wanted or (task.work_item and task.work_item == wanted.work_item)
    )
    kept = {task.id for task in tasks}
    edges = tuple((before, after) for before, after in spec.edges if before in kept and after in kept)
    return replace(spec, tasks=tasks, edges=edges, groups=())


def check_plan(stub: str, digest: str) -> None:
    """Raise StoredPlanError where a stored plan is broken, beside the DAG that it was before."""
    read_build(_entry(Path(stub), digest))


def _entry(stub: Path, digest: str) -> Path:
    return stub.parents[2] / "plans" / digest


def _claim(stub: Path, dag_id: str) -> None:
    """Take a DAG id for this plan within its version, or say which plan has it."""
    claim = stub.parent / CLAIMS / dag_id
    claim.parent.mkdir(exist_ok=True)
    draft = claim.with_name(f".{dag_id[:200]}.{os.getpid()}")
    draft.write_text(stub.name, encoding="utf-8")
    try:
        os.link(draft, claim)
    except FileExistsError:
        other = claim.read_text(encoding="utf-8")
        if other != stub.name:
            raise StoredPlanError(
                f"1 problem\n  the plan id {dag_id!r} is taken by {other.removesuffix('.py')}\n"
                "    give this plan another id, or remove one of the two"
            ) from None
    finally:
        draft.unlink()


def load_folder(folder: Path) -> dict[str, DAG]:
    """Build the DAGs of every plan in a folder, by id; at a task start, that of its plan alone.

    A broken plan becomes a DAG that says so: in one file for all, its error would hide the others.
    """
    wanted = get_parsing_context().dag_id
    agents = KnownAgents.read(registry_path())
    store = airflow_home() / "planexe" / "plans"
    dags: dict[str, DAG] = {}
    for name, (plan, digest) in look_into([DropFolder(folder)]).items():
        entry = store / entry_digest(digest, agents)
        store_plan(entry, plan, agents)
        dag = _load_entry(entry, name, wanted)
        if dag is not None and dag.dag_id in dags:
            dag = _broken(name, f"1 problem\n  the plan id {dag.dag_id!r} is taken by another plan of this folder")
        if dag is not None:
            dags[dag.dag_id] = dag
    return dags


def _load_entry(entry: Path, name: str, wanted: str | None) -> DAG | None:
    try:
        spec, inputs = read_build(entry)
    except StoredPlanError as error:
        return _broken(name, str(error)) if wanted is None else None
    return render(slice_for(spec), inputs, source_of(entry)) if wanted in (None, spec.dag_id) else None


def _broken(name: str, problems: str) -> DAG:
    """Show a plan that cannot become a DAG: its problems as documentation, and one task."""
    safe = "".join(mark if mark.isascii() and (mark.isalnum() or mark in "-_.") else "_" for mark in name)
    dag = DAG(
        dag_id=f"{BROKEN}{safe[:150]}",
        description="This plan cannot become a DAG; see its documentation.",
        schedule=None,
        start_date=BEGINNING,
        tags=["planexe-broken"],
        doc_md="\n\n".join(escape_markdown(line) for line in problems.splitlines()),
    )
    EmptyOperator(task_id="see-documentation", dag=dag)
    return dag
