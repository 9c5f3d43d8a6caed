"""What the DAG of a plan looks like, as data: the one seam between compiling and Airflow.

    start -> [gate ->] work -> (check -> (human ->)) done -> ... -> risk ... -> milestone -> ... -> finish

An outcome beyond doubt ends its step at `work`; any other is checked, and may go to a person. A
person's step is `[gate ->] human` alone. Nothing here knows Airflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from planexe_dag_factory.routing.model import Reminders, Route

SPEC_VERSION = 1

TaskKind = Literal["start", "gate", "work", "check", "human", "done", "milestone", "finish"]


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One task of the DAG.

    `id` is at most 250 characters. `work_item` names the `WorkItem` that the task belongs to
    (None for start, milestone and finish); `group` is the id of the innermost `GroupSpec`.
    """

    id: str
    kind: TaskKind
    title: str
    step: str | None = None
    work_item: str | None = None
    milestone: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """A task group: a phase (`parent` None), a package, or the tasks of one step."""

    id: str
    title: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class WorkItem:
    """What the operators of one step need to know at run time.

    A step of the plan has one of the same id. `milestone` is set for the risk assessment of a
    critical milestone, which is a work item that belongs to no step.
    """

    id: str
    title: str
    description: str
    phase: str
    package: str | None
    route: Route
    resources: tuple[str, ...] = ()
    days: tuple[float, float, float] | None = None
    upstream: tuple[str, ...] = ()
    milestone: str | None = None


@dataclass(frozen=True, slots=True)
class MilestoneSpec:
    """The end of a phase: `number` counts from 1; `work_items` are what it closes, in order."""

    id: str
    number: int
    title: str
    phase: str
    critical: bool
    work_items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DagSpec:
    """A whole DAG. Every tuple is in a stable order, so equal inputs give equal bytes.

    `senior_approval` says why a senior approval stands before everything else, if one does;
    `reminders` is what the policy says of those who do not answer.
    """

    dag_id: str
    plan_id: str
    title: str
    summary: str
    owner: str
    plan_digest: str
    policy_digest: str
    registry_digest: str
    groups: tuple[GroupSpec, ...]
    tasks: tuple[TaskSpec, ...]
    edges: tuple[tuple[str, str], ...]
    work_items: Mapping[str, WorkItem]
    milestones: tuple[MilestoneSpec, ...]
    senior_approval: str | None = None
    reminders: Reminders | None = None
    tags: tuple[str, ...] = ()
    extra: Mapping[str, Any] | None = None
    version: int = SPEC_VERSION
