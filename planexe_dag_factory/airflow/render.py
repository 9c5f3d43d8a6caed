"""A DagSpec as an Airflow DAG: one entry of a table for each kind of task, and nothing else to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pendulum
from airflow.configuration import conf
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseOperator, TaskGroup, TriggerRule

from planexe_dag_factory.airflow.callbacks import report_milestone
from planexe_dag_factory.airflow.operators import (
    AgentOperator,
    ConfidenceBranchOperator,
    FinishRunOperator,
    MilestoneOperator,
    StartRunOperator,
)
from planexe_dag_factory.airflow.planexe import REACHED, planexe
from planexe_dag_factory.airflow.sensors import ApprovalGateSensor, HumanTicketSensor
from planexe_dag_factory.airflow.settings import TAG, pool_of
from planexe_dag_factory.airflow.text import escape_markdown
from planexe_dag_factory.spec.model import DagSpec, TaskSpec, WorkItem

BEGINNING = pendulum.datetime(2020, 1, 1, tz="UTC")
"""A fixed start: a plan runs when it is triggered, and the same plan is the same DAG at every parse."""

RETRIES = 8
RETRY_DELAY_S = 10.0
"""Every task of ours may start again: what it did before lies in the record. A person's "no" is never retried.

Each scheduler, worker or API server that dies takes a try from the tasks at work; none may fail for it.
"""

Inputs = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A spec, the files that its run folder begins with, and the plan as it was dropped, where that is kept."""

    spec: DagSpec
    inputs: Inputs
    source: Path | None = None


Make = Callable[[Compiled, TaskSpec, dict[str, Any]], BaseOperator]


def _of_work_item(operator: type[BaseOperator]) -> Make:
    return lambda _, task, common: operator(work_item=task.work_item, **common)


def _pool(item: WorkItem) -> str | None:
    """Return the pool of the agent that the plan would ask first: which it will be shows only when the step runs."""
    return pool_of(item.route.candidates[0].agent) if item.route.candidates else None


OPERATORS: Mapping[str, Make] = {
    "start": lambda plan, _, common: StartRunOperator(
        inputs=plan.inputs, plan_id=plan.spec.plan_id, source=plan.source, **common
    ),
    "gate": _of_work_item(ApprovalGateSensor),
    "work": lambda plan, task, common: AgentOperator(
        work_item=str(task.work_item), pool=_pool(plan.spec.work_items[str(task.work_item)]), **common
    ),
    "check": _of_work_item(ConfidenceBranchOperator),
    "human": _of_work_item(HumanTicketSensor),
    "done": lambda _, __, common: EmptyOperator(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS, **common),
    "milestone": lambda _, task, common: MilestoneOperator(
        milestone=str(task.milestone),
        on_success_callback=report_milestone,
        outlets=[REACHED] if planexe() else [],
        **common,
    ),
    "finish": lambda _, __, common: FinishRunOperator(trigger_rule=TriggerRule.ALL_DONE, **common),
}


def render(spec: DagSpec, inputs: Inputs, source: Path | None = None) -> DAG:
    """Build the DAG of a spec; `inputs` are the files that its run folder begins with, `source` is the plan itself."""
    plan = Compiled(spec, inputs, source)
    owner = spec.owner[:100] or "planexe"
    dag = DAG(
        dag_id=spec.dag_id,
        dag_display_name=spec.title[:200] or spec.dag_id,
        description=spec.summary[:500] or None,
        schedule=None,
        start_date=BEGINNING,
        catchup=False,
        tags=[TAG, *spec.tags],
        doc_md=_dag_doc(spec),
        default_args={"owner": owner, "retries": RETRIES, "retry_delay": RETRY_DELAY_S, "do_xcom_push": False},
        owner_links=_owner_links(owner),
    )
    groups = _groups(spec, dag)
    operators = {task.id: _operator(plan, task, dag, groups) for task in spec.tasks}
    for before, after in spec.edges:
        operators[before].set_downstream(operators[after])
    return dag


def _groups(spec: DagSpec, dag: DAG) -> dict[str | None, TaskGroup | None]:
    groups: dict[str | None, TaskGroup | None] = {None: None}
    for group in spec.groups:
        groups[group.id] = TaskGroup(
            group_id=group.id,
            group_display_name=group.title[:200],
            parent_group=groups[group.parent],
            prefix_group_id=False,
            dag=dag,
        )
    return groups


def _operator(plan: Compiled, task: TaskSpec, dag: DAG, groups: Mapping[str | None, TaskGroup | None]) -> BaseOperator:
    common = {
        "task_id": task.id,
        "task_display_name": task.title[:200],
        "task_group": groups.get(task.group),
        "doc_md": _task_doc(plan.spec.work_items.get(task.work_item or "")),
        "dag": dag,
    }
    return OPERATORS[task.kind](plan, task, common)


def _owner_links(owner: str) -> dict[str, str]:
    """Lead from the owner's name to the tickets of all plans."""
    base = conf.get("api", "base_url", fallback="") or ""
    return {owner: f"{base.rstrip('/')}/plugin/planexe"} if base.startswith(("http://", "https://")) else {}


def _dag_doc(spec: DagSpec) -> str:
    steps = [item for item in spec.work_items.values() if item.milestone is None]
    people = sum(item.route.executor == "human" for item in steps)
    gates = sum(item.route.gate is not None for item in steps)
    return (
        f"**{escape_markdown(spec.title)}**\n\n{escape_markdown(spec.summary)}\n\n"
        f"{len(steps)} steps in {len(spec.milestones)} phases: {len(steps) - people} by agents, {people} by people, "
        f"{gates} behind an approval.\n\n"
        f"Plan {spec.plan_digest}, policy {spec.policy_digest}, registry {spec.registry_digest}."
    )


def _task_doc(item: WorkItem | None) -> str | None:
    if item is None:
        return None
    lines = [f"**{escape_markdown(item.title)}**", escape_markdown(item.description)]
    lines.append(f"Done by: {escape_markdown(item.route.executor)} ({escape_markdown(item.route.why)})")
    if item.route.gate:
        lines.append(f"Approval: {escape_markdown(item.route.gate.kind)} ({escape_markdown(item.route.gate.why)})")
    return "\n\n".join(line for line in lines if line)
