"""The DAG of a plan as dag-factory reads it: YAML with the same operators, groups and edges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from airflow.sdk import DAG, TriggerRule

from benchmarks.handwritten import CALLBACKS, OWN_FIELDS, Operator

EMPTY = "airflow.providers.standard.operators.empty.EmptyOperator"
STUB = '''"""airflow dag: dag-factory, built from {name}."""

from dagfactory import load_yaml_dags

load_yaml_dags(globals_dict=globals(), config_filepath={path!r})
'''


def write_yaml(dag: DAG) -> str:
    """Return the configuration of a DAG.

    The first task is an EmptyOperator here: YAML cannot hold the files that a run begins with.
    Groups have short names: dag-factory puts them in front of the tasks' ids, which have a limit.
    """
    groups = {group_id: f"g{number}" for number, group_id in enumerate(dag.task_group_dict) if group_id}
    document: dict[str, Any] = {
        "dag_id": dag.dag_id,
        "dag_display_name": dag.dag_display_name,
        "description": dag.description,
        "schedule": None,
        "catchup": False,
        "tags": sorted(dag.tags),
        "doc_md": dag.doc_md,
        "default_args": {**dag.default_args, "start_date": "2020-01-01"},
        "owner_links": dag.owner_links,
        "task_groups": [_group(dag, group_id, groups) for group_id in groups],
        "tasks": [_task(task, groups) for task in dag.tasks],
    }
    return yaml.safe_dump({dag.dag_id: document}, sort_keys=False, allow_unicode=True)


def write_stub(config: Path) -> str:
    """Return the DAG file that loads a configuration."""
    return STUB.format(name=config.name, path=str(config))


def _group(dag: DAG, group_id: str, names: dict[str, str]) -> dict[str, Any]:
    group = dag.task_group_dict[group_id]
    parent = group.parent_group.group_id if group.parent_group else None
    document = {"group_name": names[group_id], "group_display_name": group.group_display_name}
    return document | ({"parent_group_name": names[parent]} if parent else {})


def _task(task: Operator, groups: dict[str, str]) -> dict[str, Any]:
    kind = type(task)
    first = kind.__name__ == "StartRunOperator"
    document: dict[str, Any] = {
        "task_id": task.task_id,
        "operator": EMPTY if first else f"{kind.__module__}.{kind.__name__}",
        "task_display_name": task.task_display_name,
        "doc_md": task.doc_md,
        "dependencies": sorted(task.upstream_task_ids),
    }
    document |= {name: getattr(task, name) for name in OWN_FIELDS if hasattr(task, name)}
    for name in CALLBACKS:
        for call in getattr(task, name) or ():
            document[name] = f"{call.__module__}.{call.__name__}"
    if task.trigger_rule != TriggerRule.ALL_SUCCESS:
        document["trigger_rule"] = str(task.trigger_rule.value)
    if task.task_group and task.task_group.group_id:
        document["task_group_name"] = groups[task.task_group.group_id]
    return document
