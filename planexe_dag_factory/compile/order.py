"""In which order the steps of a plan are done, and which milestone closes each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import networkx as nx

from planexe_dag_factory.compile.dependencies import StepGraph, step_graph
from planexe_dag_factory.compile.names import milestone_id
from planexe_dag_factory.errors import Problem
from planexe_dag_factory.plan.model import Plan
from planexe_dag_factory.routing.model import Policy, Sequencing
from planexe_dag_factory.routing.selectors import override_for


@dataclass(frozen=True, slots=True)
class Order:
    """What waits for what.

    `waits_for` maps every step and every milestone to the steps and milestones that it waits for
    directly: none of them is implied by the others. `closes` maps every milestone to the steps
    that have ended when it is reached and had not at the one before. Both are in the plan's order.
    `problems` names the dependencies that had to be left out.
    """

    waits_for: Mapping[str, tuple[str, ...]]
    closes: Mapping[str, tuple[str, ...]]
    problems: tuple[Problem, ...] = ()


def order_steps(plan: Plan, policy: Policy) -> Order:
    """Order the steps as the policy's sequencing asks.

    - phased: packages of a phase run side by side, and a phase begins after the milestone of the
      one before. A step that depends on a later phase is closed by that phase's milestone, and so
      is whatever waits for it.
    - waterfall: one step after another, in the plan's order, as PlanExe's own Gantt draws it.
    - dependencies: nothing but what the plan states and the order within each package.

    A rule of the policy may ask for another one for some steps: those in waterfall follow each
    other, and those by dependencies do not wait for the phase before theirs.
    """
    steps, problems = step_graph(plan)
    by_step = _by_step(plan, policy)
    if any(asked != policy.sequencing for asked in by_step.values()):
        closing = _closing_phases(plan, steps, "phased")
        waits_for = _reduced(_mixed(plan, steps, closing, by_step))
    else:
        closing = _closing_phases(plan, steps, policy.sequencing)
        waits_for = _reduced(_SEQUENCINGS[policy.sequencing](plan, steps, closing))
    nodes = [*(step.id for step in plan.steps), *_milestones(plan)]
    position = {node: number for number, node in enumerate(nodes)}
    return Order(
        waits_for={node: tuple(sorted(waits_for[node], key=position.__getitem__)) for node in nodes},
        closes={
            milestone: tuple(step.id for step in plan.steps if closing[step.id] == number)
            for number, milestone in enumerate(_milestones(plan))
        },
        problems=problems,
    )


def steps_before(node: str, order: Order) -> tuple[str, ...]:
    """Return the steps that a step or milestone waits for, directly or through a milestone.

    Its own dependencies come first, then those that it shares with whatever waits for the milestone.
    """
    found: dict[str, None] = {}
    waiting = [node]
    for each in waiting:
        found |= {before: None for before in order.waits_for[each] if before not in order.closes}
        waiting += [before for before in order.waits_for[each] if before in order.closes]
    return tuple(found)


def _milestones(plan: Plan) -> list[str]:
    return [milestone_id(phase.id) for phase in plan.phases]


def _home_phases(plan: Plan) -> dict[str, int]:
    number = {phase.id: index for index, phase in enumerate(plan.phases)}
    return {step.id: number[step.phase] for step in plan.steps}


def _closing_phases(plan: Plan, steps: StepGraph, sequencing: Sequencing) -> dict[str, int]:
    """Return the index of the phase whose milestone closes each step: the latest that it waits for."""
    home = _home_phases(plan)
    if sequencing == "dependencies":
        return home
    closing: dict[str, int] = {}
    for step in nx.topological_sort(steps):
        closing[step] = max([home[step], *(closing[before] for before in steps.predecessors(step))])
    return closing


def _unphased(plan: Plan, steps: StepGraph, closing: Mapping[str, int]) -> StepGraph:
    """Add the milestones, one after another, each after the steps that it closes."""
    graph = steps.copy()
    milestones = _milestones(plan)
    nx.add_path(graph, milestones)
    graph.add_edges_from((step, milestones[phase]) for step, phase in closing.items())
    return graph


def _phased(plan: Plan, steps: StepGraph, closing: Mapping[str, int]) -> StepGraph:
    """Let each phase begin after the milestone of the one before.

    No circle can come of it: along every edge, (closing phase, milestones last) never falls.
    """
    graph = _unphased(plan, steps, closing)
    milestones = _milestones(plan)
    graph.add_edges_from((milestones[phase - 1], step) for step, phase in _home_phases(plan).items() if phase)
    return graph


def _waterfall(plan: Plan, steps: StepGraph, closing: Mapping[str, int]) -> StepGraph:
    """Put everything in one line: milestone by milestone, and in the plan's order where it can be."""
    rank = {step.id: (closing[step.id], position) for position, step in enumerate(plan.steps)}
    rank |= {milestone: (number, len(plan.steps)) for number, milestone in enumerate(_milestones(plan))}
    line: StepGraph = nx.DiGraph()
    nx.add_path(line, nx.lexicographical_topological_sort(_phased(plan, steps, closing), key=rank.__getitem__))
    return line


def _by_step(plan: Plan, policy: Policy) -> dict[str, Sequencing]:
    """Return how each step is put in order, where a rule of the policy asks for another way than the rest."""
    if all(rule.override.sequencing is None for rule in policy.rules):
        return {}
    return {step.id: override_for(step, policy)[0].sequencing or policy.sequencing for step in plan.steps}


def _mixed(plan: Plan, steps: StepGraph, closing: Mapping[str, int], by_step: Mapping[str, Sequencing]) -> StepGraph:
    """Put each step in order as it asks. What is in waterfall follows in an order that holds anyway: no circle."""
    graph = _unphased(plan, steps, closing)
    milestones = _milestones(plan)
    waiting = {step: phase for step, phase in _home_phases(plan).items() if by_step[step] != "dependencies"}
    graph.add_edges_from((milestones[phase - 1], step) for step, phase in waiting.items() if phase)
    position = {step.id: (closing[step.id], number) for number, step in enumerate(plan.steps)}
    position |= {milestone: (number, len(position)) for number, milestone in enumerate(milestones)}
    line = nx.lexicographical_topological_sort(graph.copy(), key=position.__getitem__)
    nx.add_path(graph, [node for node in line if by_step.get(node) == "waterfall"])
    return graph


_SEQUENCINGS: dict[Sequencing, Callable[[Plan, StepGraph, Mapping[str, int]], StepGraph]] = {
    "phased": _phased,
    "waterfall": _waterfall,
    "dependencies": _unphased,
}


def _reduced(graph: StepGraph) -> dict[str, list[str]]:
    """Return the predecessors of every node, without those that another predecessor waits for anyway.

    The transitive reduction (Aho, Garey and Ullman, 1972), with sets of nodes as bits of an integer:
    networkx's own takes 15 seconds for 5,000 steps, which is longer than a parse may last.
    """
    number = {node: count for count, node in enumerate(nx.topological_sort(graph))}
    before: dict[str, int] = {}
    direct: dict[str, list[str]] = {}
    for node in number:
        before[node], direct[node] = 0, []
        for candidate in sorted(graph.predecessors(node), key=number.__getitem__, reverse=True):
            if not before[node] >> number[candidate] & 1:
                direct[node].append(candidate)
                before[node] |= before[candidate] | 1 << number[candidate]
    return direct
