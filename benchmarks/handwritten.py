"""The DAG of a plan as somebody would write it by hand in Python: the same operators, groups and edges.

Written out from the rendered DAG, so that the two differ only in how they come about.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, BaseOperator, TaskGroup, TriggerRule
from airflow.sdk.definitions.mappedoperator import MappedOperator

HEAD = """import pendulum
from pathlib import Path
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TaskGroup, TriggerRule
from planexe_dag_factory.airflow.callbacks import report_end, report_milestone
from planexe_dag_factory.airflow.operators import (
    AgentOperator, ConfidenceBranchOperator, FinishRunOperator, MilestoneOperator, StartRunOperator,
)
from planexe_dag_factory.airflow.sensors import ApprovalGateSensor, HumanTicketSensor
"""
Operator = BaseOperator | MappedOperator
OWN_FIELDS = ("work_item", "milestone")
CALLBACKS = ("on_success_callback", "on_failure_callback")


def write_dag(dag: DAG, plan_id: str, inputs: Path) -> str:
    """Return the source of a DAG file; `inputs` is the folder of the files that a run begins with."""
    names = {task.task_id: f"t{number}" for number, task in enumerate(dag.tasks)}
    groups = {group_id: f"g{number}" for number, group_id in enumerate(_group_ids(dag))}
    lines = [HEAD, *_inputs(inputs), _dag(dag), *_groups(dag, groups)]
    lines += [f"{names[task.task_id]} = {_task(task, groups, plan_id)}" for task in dag.tasks]
    lines += [f"{names[task.task_id]} >> {_downstream(task, names)}" for task in dag.tasks if task.downstream_task_ids]
    return "\n".join(lines) + "\n"


def _inputs(folder: Path) -> Iterator[str]:
    yield f"files = Path({str(folder)!r})"
    names = ("plan.json", "policy.json", "registry.json", "dagspec.json")
    yield f"inputs = {{name: (files / name).read_bytes() for name in {names!r}}}"


def _dag(dag: DAG) -> str:
    fields = {
        "dag_id": dag.dag_id,
        "dag_display_name": dag.dag_display_name,
        "description": dag.description,
        "schedule": None,
        "catchup": False,
        "tags": sorted(dag.tags),
        "doc_md": dag.doc_md,
        "default_args": dag.default_args,
        "owner_links": dag.owner_links,
    }
    return f"dag = DAG(start_date=pendulum.datetime(2020, 1, 1, tz='UTC'), {_arguments(fields)})"


def _group_ids(dag: DAG) -> list[str]:
    return [group_id for group_id in dag.task_group_dict if group_id]


def _groups(dag: DAG, names: dict[str, str]) -> Iterator[str]:
    for group_id, name in names.items():
        group = dag.task_group_dict[group_id]
        fields = {"group_id": group_id, "group_display_name": group.group_display_name, "prefix_group_id": False}
        yield f"{name} = TaskGroup({_arguments(fields)}, {_parent(group.parent_group, names, 'parent_group')}dag=dag)"


def _parent(group: TaskGroup | None, names: dict[str, str], field: str) -> str:
    return f"{field}={names[group.group_id]}, " if group and group.group_id else ""


def _task(task: Operator, groups: dict[str, str], plan_id: str) -> str:
    fields = {"task_id": task.task_id, "task_display_name": task.task_display_name, "doc_md": task.doc_md}
    fields |= {name: getattr(task, name) for name in OWN_FIELDS if hasattr(task, name)}
    code = [f"{name}={call.__name__}" for name in CALLBACKS for call in getattr(task, name) or ()]
    if task.trigger_rule != TriggerRule.ALL_SUCCESS:
        code.append(f"trigger_rule=TriggerRule.{task.trigger_rule.name}")
    if type(task).__name__ == "StartRunOperator":
        code += ["inputs=inputs", f"plan_id={plan_id!r}"]
    group = _parent(task.task_group, groups, "task_group")
    return f"{type(task).__name__}({', '.join((_arguments(fields), *code))}, {group}dag=dag)"


def _downstream(task: Operator, names: dict[str, str]) -> str:
    after = sorted((names[task_id] for task_id in task.downstream_task_ids), key=lambda name: int(name[1:]))
    return after[0] if len(after) == 1 else f"[{', '.join(after)}]"


def _arguments(fields: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in fields.items())
