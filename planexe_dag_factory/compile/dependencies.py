"""From the dependencies that a plan states to edges between its steps, without circles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import networkx as nx

from planexe_dag_factory.errors import Problem
from planexe_dag_factory.plan.model import Dependency, Plan

StepGraph: TypeAlias = "nx.DiGraph[str]"
"""Ids of steps; an edge leads from what comes before to what comes after."""

_NAMES_SHOWN = 6


@dataclass(frozen=True, slots=True)
class _Part:
    """A phase, package or step: `chains` are the steps in it, one chain for each package."""

    title: str
    position: int
    source_id: str | None
    chains: tuple[tuple[str, ...], ...]

    @property
    def steps(self) -> frozenset[str]:
        return frozenset(step for chain in self.chains for step in chain)


def step_graph(plan: Plan) -> tuple[StepGraph, tuple[Problem, ...]]:
    """Return what each step must wait for, whatever the phases say, and the dependencies left out.

    The steps of a package follow each other, in the plan's order unless a dependency between two
    of them says otherwise. A dependency that cannot be met (unknown id, a part and itself, a
    circle) is left out with a problem that names it. Among those of one circle, the ones that
    run against the plan's own order go first; the order of `plan.dependencies` has no say.
    """
    parts = _parts(plan, {package.id: tuple(step.id for step in package.steps) for package in plan.packages})
    known, problems = _known(plan.dependencies, parts)
    chains, inner_problems = _chains(plan, known, parts)
    parts = _parts(plan, chains)
    graph: StepGraph = nx.DiGraph()
    graph.add_nodes_from(step.id for step in plan.steps)
    for chain in chains.values():
        nx.add_path(graph, chain)
    across = [dependency for dependency in known if not _within_package(dependency, plan)]
    return graph, (*problems, *inner_problems, *_add_possible(graph, across, parts))


def _parts(plan: Plan, chains: Mapping[str, tuple[str, ...]]) -> dict[str, _Part]:
    parts: dict[str, _Part] = {}
    for phase in plan.phases:
        phase_chains = tuple(chains[package.id] for package in phase.packages if chains[package.id])
        parts[phase.id] = _Part(phase.title, len(parts), phase.source_id, phase_chains)
        for package in phase.packages:
            package_chains = (chains[package.id],) if chains[package.id] else ()
            parts[package.id] = _Part(package.title, len(parts), package.source_id, package_chains)
            for step in package.steps:
                parts[step.id] = _Part(step.title, len(parts), step.source_id, ((step.id,),))
    return parts


def _known(dependencies: Iterable[Dependency], parts: Mapping[str, _Part]) -> tuple[list[Dependency], list[Problem]]:
    """Drop repeated dependencies and those between ids that are unknown or hold one another."""
    kept: dict[tuple[int, int], Dependency] = {}
    problems: dict[tuple[str, str], Problem] = {}
    for dependency in dependencies:
        ends = (dependency.before, dependency.after)
        missing = [end for end in ends if end not in parts]
        if missing:
            problems[ends] = _unknown(dependency, missing[0])
            continue
        before, after = (parts[end] for end in ends)
        if before is after or before.steps & after.steps:
            problems[ends] = _overlapping(before, after)
        else:
            kept[before.position, after.position] = dependency
    return [kept[key] for key in sorted(kept)], [problems[key] for key in sorted(problems)]


def _within_package(dependency: Dependency, plan: Plan) -> bool:
    before, after = (plan.step_by_id.get(end) for end in (dependency.before, dependency.after))
    return before is not None and after is not None and before.package == after.package


def _chains(
    plan: Plan, dependencies: Iterable[Dependency], parts: Mapping[str, _Part]
) -> tuple[dict[str, tuple[str, ...]], list[Problem]]:
    """Put the steps of each package in the order in which they follow each other."""
    inner: StepGraph = nx.DiGraph()
    inner.add_nodes_from(step.id for step in plan.steps)
    problems = _add_possible(inner, [each for each in dependencies if _within_package(each, plan)], parts)
    chains = {
        package.id: tuple(
            nx.lexicographical_topological_sort(
                inner.subgraph([step.id for step in package.steps]), key=lambda step: parts[step].position
            )
        )
        for package in plan.packages
    }
    return chains, problems


def _add_possible(graph: StepGraph, dependencies: list[Dependency], parts: Mapping[str, _Part]) -> list[Problem]:
    """Add the edges of every dependency to the graph, except where they would close a circle."""
    edges = {each: _edges(parts[each.before], parts[each.after]) for each in dependencies}
    suspects = _in_circles(graph, edges)
    graph.add_edges_from(edge for each in dependencies if each not in suspects for edge in edges[each])
    problems = []
    for each in sorted(suspects, key=lambda each: _precedence(parts[each.before], parts[each.after])):
        circle = _path_back(graph, edges[each])
        if circle:
            problems.append(_circular(parts[each.before], parts[each.after], [parts[step].title for step in circle]))
        else:
            graph.add_edges_from(edges[each])
    return problems


def _edges(before: _Part, after: _Part) -> list[tuple[str, str]]:
    """Return edges from the end of every chain of `before` to the start of every chain of `after`."""
    return list(product((chain[-1] for chain in before.chains), (chain[0] for chain in after.chains)))


def _in_circles(graph: StepGraph, edges: Mapping[Dependency, list[tuple[str, str]]]) -> list[Dependency]:
    """Return the dependencies that lie on a circle if all of them are added."""
    trial = graph.copy()
    trial.add_edges_from(edge for pairs in edges.values() for edge in pairs)
    components = enumerate(nx.strongly_connected_components(trial))
    component = {step: number for number, members in components for step in members}
    return [each for each, pairs in edges.items() if any(component[u] == component[v] for u, v in pairs)]


def _precedence(before: _Part, after: _Part) -> tuple[bool, int, int]:
    return before.position > after.position, before.position, after.position


def _path_back(graph: StepGraph, edges: Iterable[tuple[str, str]]) -> list[str]:
    """Return a path that one of the edges would close to a circle, or nothing."""
    for before, after in edges:
        if nx.has_path(graph, after, before):
            return nx.shortest_path(graph, after, before)
    return []


def _unknown(dependency: Dependency, missing: str) -> Problem:
    return Problem(
        "warning",
        "unknown-dependency",
        f"'{dependency.after}' waits for '{dependency.before}', but the plan has no '{missing}'; left out",
        hint="name the id of a step, package or phase of this plan",
    )


def _overlapping(before: _Part, after: _Part) -> Problem:
    what = "itself" if before is after else f"'{before.title}': one is a part of the other"
    return Problem(
        "warning",
        "dependency-on-itself" if before is after else "dependency-on-ancestor",
        f"'{after.title}' cannot wait for {what}; left out",
        hint="remove this dependency, or let it name another part of the plan",
        source_id=after.source_id,
    )


def _circular(before: _Part, after: _Part, names: list[str]) -> Problem:
    shown = names if len(names) <= _NAMES_SHOWN else [*names[: _NAMES_SHOWN - 1], "...", names[-1]]
    return Problem(
        "warning",
        "circular-dependency",
        f"'{after.title}' cannot wait for '{before.title}', which is only done after it"
        f" ({' -> '.join(shown)}); left out",
        hint="remove one of these dependencies; the others are kept",
        source_id=after.source_id,
    )
