"""The tasks that carry out one node of the order, and the edges between them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from planexe_dag_factory.compile.names import WHOLE_PLAN, milestone_id, risk_id, task_id
from planexe_dag_factory.plan.model import Phase, Step
from planexe_dag_factory.routing.model import HUMAN, Route
from planexe_dag_factory.spec.model import GroupSpec, TaskKind, TaskSpec

Edge = tuple[str, str]

_LABELS: dict[TaskKind, str] = {
    "gate": "Approve: ",
    "work": "Work: ",
    "check": "Second look: ",
    "human": "Review: ",
    "done": "Done: ",
}


@dataclass(frozen=True, slots=True)
class Block:
    """The tasks of one node: what it waits for leads to its first task, what waits for it hangs on its last."""

    tasks: tuple[TaskSpec, ...]
    edges: tuple[Edge, ...] = ()
    groups: tuple[GroupSpec, ...] = ()

    @property
    def first(self) -> str:
        return self.tasks[0].id

    @property
    def last(self) -> str:
        return self.tasks[-1].id


def single(task: str, kind: TaskKind, title: str) -> Block:
    """Make a block of one task that belongs to no part of the plan."""
    return Block((TaskSpec(task, kind, title),))


def step_block(step: Step, route: Route) -> Block:
    """Make the tasks of a step: a person's is one, an agent's four, and a gate is one more."""
    return _work_block(step.id, step.title, route, parent=step.package, step=step.id)


def approval_block(title: str) -> Block:
    """Make the gate that a refused plan stands behind."""
    return Block((TaskSpec(task_id(WHOLE_PLAN, "gate"), "gate", title, work_item=WHOLE_PLAN),))


def milestone_block(phase: Phase, risk: Route | None) -> Block:
    """Make the end of a phase; at a critical one, `risk` says who assesses the risks before it."""
    name = milestone_id(phase.id)
    milestone = TaskSpec(name, "milestone", f"Milestone: {phase.title}", milestone=name, group=phase.id)
    if risk is None:
        return Block((milestone,))
    block = _work_block(risk_id(phase.id), risk_title(phase), risk, parent=phase.id, milestone=name)
    return Block((*block.tasks, milestone), (*block.edges, (block.last, name)), block.groups)


def risk_title(phase: Phase) -> str:
    return f"Risks at the end of: {phase.title}"


def _work_block(
    work_item: str, title: str, route: Route, parent: str, *, step: str | None = None, milestone: str | None = None
) -> Block:
    kinds = _kinds(route)
    group = work_item if len(kinds) > 1 else parent
    tasks = tuple(
        TaskSpec(task_id(work_item, kind), kind, _title(kind, title, route), step, work_item, milestone, group)
        for kind in kinds
    )
    edges = pairwise(task.id for task in tasks)
    accepting: list[TaskKind] = [] if route.executor == HUMAN else ["work", "check"]
    accepted = [(task_id(work_item, kind), task_id(work_item, "done")) for kind in accepting]
    groups = (GroupSpec(work_item, title, parent),) if group == work_item else ()
    return Block(tasks, (*edges, *accepted), groups)


def _kinds(route: Route) -> list[TaskKind]:
    gate: list[TaskKind] = ["gate"] if route.gate else []
    work: list[TaskKind] = ["human"] if route.executor == HUMAN else ["work", "check", "human", "done"]
    return [*gate, *work]


def _title(kind: TaskKind, title: str, route: Route) -> str:
    own_work = kind == "human" and route.executor == HUMAN
    return title if own_work else _LABELS[kind] + title
