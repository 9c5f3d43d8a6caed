"""Plan + Routes + Policy -> DagSpec. Needs no Airflow, no network, no clock and no randomness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import chain, pairwise

from planexe_agents.signing import digest

from planexe_dag_factory.compile.critical import critical_phases
from planexe_dag_factory.compile.names import FINISH, START, WHOLE_PLAN, milestone_id, risk_id
from planexe_dag_factory.compile.order import Order, order_steps, steps_before
from planexe_dag_factory.compile.tasks import Block, Edge, approval_block, milestone_block, single, step_block
from planexe_dag_factory.compile.work import (
    approval_item,
    assessment_item,
    assessment_route,
    refusal,
    step_item,
)
from planexe_dag_factory.plan.model import Plan
from planexe_dag_factory.plan.native import to_native
from planexe_dag_factory.routing.assignees import owner_of
from planexe_dag_factory.routing.model import Policy, Registry, Routes
from planexe_dag_factory.routing.policy import dump_policy
from planexe_dag_factory.routing.registry_format import dump_registry
from planexe_dag_factory.spec.model import DagSpec, GroupSpec, MilestoneSpec, WorkItem


def compile_plan(plan: Plan, routes: Routes, policy: Policy, registry: Registry, order: Order | None = None) -> DagSpec:
    """Describe the DAG that carries out a plan.

    `order` is worked out where it is not given. Raises ValueError where the plan holds what JSON
    cannot (see `planexe_agents.signing.canonical`), and KeyError where a step has no route.
    """
    order = order or order_steps(plan, policy)
    items = {item.id: item for item in _work_items(plan, routes, policy, registry, order)}
    blocks = _blocks(plan, items)
    return DagSpec(
        dag_id=plan.id,
        plan_id=plan.id,
        title=plan.title,
        summary=plan.summary,
        owner=policy.owner or owner_of(plan),
        plan_digest=digest(to_native(plan)),
        policy_digest=digest(dump_policy(policy)),
        registry_digest=digest(dump_registry(registry)),
        senior_approval=refusal(plan),
        reminders=policy.reminders,
        groups=tuple(_groups(plan, blocks)),
        tasks=tuple(task for block in blocks.values() for task in block.tasks),
        edges=_edges(blocks, order),
        work_items=items,
        milestones=tuple(_milestones(plan, critical_phases(plan, routes, policy), order)),
    )


def _work_items(plan: Plan, routes: Routes, policy: Policy, registry: Registry, order: Order) -> Iterator[WorkItem]:
    owner, reason = policy.owner or owner_of(plan), refusal(plan)
    if reason is not None:
        yield approval_item(plan, owner, reason, policy)
    critical = critical_phases(plan, routes, policy)
    for phase in plan.phases:
        for package in phase.packages:
            for step in package.steps:
                yield step_item(step, package, routes[step.id], steps_before(step.id, order))
        if phase.id in critical:
            route = assessment_route(phase, owner, policy, registry)
            yield assessment_item(phase, route, steps_before(milestone_id(phase.id), order))


def _blocks(plan: Plan, items: Mapping[str, WorkItem]) -> dict[str, Block]:
    """Return the tasks of every node of the order, by node; of the start and the finish too."""
    blocks = {START: single(START, "start", "Start")}
    if WHOLE_PLAN in items and refusal(plan) is not None:
        blocks[WHOLE_PLAN] = approval_block(items[WHOLE_PLAN].title)
    for phase in plan.phases:
        steps = chain.from_iterable(package.steps for package in phase.packages)
        blocks |= {step.id: step_block(step, items[step.id].route) for step in steps}
        assessment = items.get(risk_id(phase.id))
        blocks[milestone_id(phase.id)] = milestone_block(phase, assessment.route if assessment else None)
    return {**blocks, FINISH: single(FINISH, "finish", "Finish")}


def _edges(blocks: Mapping[str, Block], order: Order) -> tuple[Edge, ...]:
    """Return the edges within and between the blocks, in the order of the tasks."""
    opening = [name for name in (START, WHOLE_PLAN) if name in blocks and name not in order.waits_for]
    waits_for = {
        **{after: (before,) for before, after in pairwise(opening)},
        **{node: before or (opening[-1],) for node, before in order.waits_for.items()},
        FINISH: unawaited(order) or (opening[-1],),
    }
    between = {(blocks[each].last, blocks[node].first) for node, before in waits_for.items() for each in before}
    within = {edge for block in blocks.values() for edge in block.edges}
    position = {
        task.id: number for number, task in enumerate(task for block in blocks.values() for task in block.tasks)
    }
    return tuple(sorted(between | within, key=lambda edge: (position[edge[0]], position[edge[1]])))


def unawaited(order: Order) -> tuple[str, ...]:
    """Return the nodes that may still be under way when everything after them is already decided.

    `finish` runs whatever happened, so it must wait for them itself: a failure elsewhere decides
    a node with several predecessors before the others have ended. Only one that has a single
    predecessor is decided by that one alone.
    """
    awaited = {before[0] for before in order.waits_for.values() if len(before) == 1}
    return tuple(node for node in order.waits_for if node not in awaited)


def _groups(plan: Plan, blocks: Mapping[str, Block]) -> Iterator[GroupSpec]:
    """List the groups, parents before children: phases, their packages, the tasks of one step."""
    for phase in plan.phases:
        yield GroupSpec(phase.id, phase.title)
        for package in phase.packages:
            yield GroupSpec(package.id, package.title, phase.id)
            for step in package.steps:
                yield from blocks[step.id].groups
        yield from blocks[milestone_id(phase.id)].groups


def _milestones(plan: Plan, critical: AbstractSet[str], order: Order) -> Iterator[MilestoneSpec]:
    for number, phase in enumerate(plan.phases, start=1):
        name = milestone_id(phase.id)
        yield MilestoneSpec(name, number, phase.title, phase.id, phase.id in critical, order.closes[name])
