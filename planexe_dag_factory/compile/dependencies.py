"""From the dependencies that a plan states to edges between its steps, without circles.

Phases and packages take part as two moments, their start and their end, between which everything
in them happens: so a dependency between two of them is one edge, whatever they hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Literal, TypeAlias

import networkx as nx

from planexe_dag_factory.errors import Problem
from planexe_dag_factory.plan.model import Dependency, Phase, Plan, Step, WorkPackage

StepGraph: TypeAlias = "nx.DiGraph[str]"
"""Ids of steps; an edge leads from what comes before to what comes after."""

_Moment = tuple[str, Literal["start", "end"]]
_Timeline: TypeAlias = "nx.DiGraph[_Moment]"
_Chains = Mapping[str, tuple[str, ...]]

_LINKS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class _Part:
    """A phase, package or step, its place in the plan, and what it is in."""

    id: str
    title: str
    source_id: str | None
    position: int
    within: tuple[str, ...]


def step_graph(plan: Plan) -> tuple[StepGraph, tuple[Problem, ...]]:
    """Return what each step must wait for, whatever the phases say, and the dependencies left out.

    The steps of a package follow each other, in the plan's order unless dependencies say otherwise.
    A dependency that cannot be met (unknown id, a part of itself, a circle) is left out with a
    problem that names it. Of those that form a circle, the ones that run against the plan's own
    order go first; the order in which the plan lists its dependencies has no say.
    """
    parts = {part.id: part for part in _parts(plan)}
    known, problems = _known(plan.dependencies, parts)
    timeline = _containment(parts.values())
    kept, circles = _without_circles(timeline, known, parts)
    chains = _chains(plan, timeline)
    return _edges(plan, kept, chains), (*problems, *circles)


def _parts(plan: Plan) -> Iterator[_Part]:
    nested: list[tuple[Phase | WorkPackage | Step, tuple[str, ...]]] = []
    for phase in plan.phases:
        nested.append((phase, ()))
        for package in phase.packages:
            nested.append((package, (phase.id,)))
            nested.extend((step, (phase.id, package.id)) for step in package.steps)
    for position, (part, within) in enumerate(nested):
        yield _Part(part.id, part.title, part.source_id, position, within)


def _known(dependencies: Iterable[Dependency], parts: Mapping[str, _Part]) -> tuple[list[Dependency], list[Problem]]:
    """Return each dependency once, in the plan's order, without those that make no sense by themselves."""
    stated = {(each.before, each.after): each for each in dependencies}
    faults = {ends: _fault(*ends, parts) for ends in stated}
    kept = [stated[ends] for ends, fault in faults.items() if fault is None]
    kept.sort(key=lambda each: (parts[each.before].position, parts[each.after].position))
    return kept, [fault for _, fault in sorted(faults.items()) if fault]


def _fault(before: str, after: str, parts: Mapping[str, _Part]) -> Problem | None:
    for end in (before, after):
        if end not in parts:
            return _unknown(before, after, end)
    if before == after:
        return _nested(parts[after], "dependency-on-itself", "itself")
    if before in parts[after].within or after in parts[before].within:
        what = f"'{parts[before].title}': one is a part of the other"
        return _nested(parts[after], "dependency-on-ancestor", what)
    return None


def _containment(parts: Iterable[_Part]) -> _Timeline:
    """Return the moments of every part: it starts before it ends, and between those of what it is in."""
    timeline: _Timeline = nx.DiGraph()
    for part in parts:
        timeline.add_edge((part.id, "start"), (part.id, "end"))
        for outer in part.within[-1:]:
            timeline.add_edge((outer, "start"), (part.id, "start"))
            timeline.add_edge((part.id, "end"), (outer, "end"))
    return timeline


def _without_circles(
    timeline: _Timeline, dependencies: list[Dependency], parts: Mapping[str, _Part]
) -> tuple[list[Dependency], list[Problem]]:
    """Add the dependencies to the timeline; return those added, and problems with those that close a circle."""
    trial = timeline.copy()
    trial.add_edges_from(_link(each) for each in dependencies)
    knots = _knots(trial)
    tied = {each for each in dependencies if knots[_link(each)[0]] == knots[_link(each)[1]]}
    timeline.add_edges_from(_link(each) for each in dependencies if each not in tied)
    problems = []
    left_out = set()
    for each in sorted(tied, key=lambda each: _precedence(parts[each.before], parts[each.after])):
        last, first = _link(each)
        if nx.has_path(timeline, first, last):
            problems.append(_circular(parts, each, nx.shortest_path(timeline, first, last)))
            left_out.add(each)
        else:
            timeline.add_edge(last, first)
    return [each for each in dependencies if each not in left_out], problems


def _link(dependency: Dependency) -> tuple[_Moment, _Moment]:
    return (dependency.before, "end"), (dependency.after, "start")


def _knots(timeline: _Timeline) -> dict[_Moment, int]:
    """Number the moments; those that lie on a common circle have the same number."""
    components = enumerate(nx.strongly_connected_components(timeline))
    return {moment: number for number, members in components for moment in members}


def _precedence(before: _Part, after: _Part) -> tuple[bool, int, int]:
    return before.position > after.position, before.position, after.position


def _chains(plan: Plan, timeline: _Timeline) -> _Chains:
    """Put the steps of each package in the order in which they follow each other.

    That is the plan's order. Only packages whose order would close a circle with the dependencies
    take theirs from one order of all steps that meets every dependency.
    """
    chains = {package.id: tuple(step.id for step in package.steps) for package in plan.packages}
    trial = timeline.copy()
    trial.add_edges_from(_succession(chains.values()))
    knots = _knots(trial)
    tied = {name for name, chain in chains.items() if any(knots[u] == knots[v] for u, v in _succession([chain]))}
    if not tied:
        return chains
    rest = timeline.copy()
    rest.add_edges_from(_succession(chain for name, chain in chains.items() if name not in tied))
    positions = {part.id: part.position for part in _parts(plan)}
    order = nx.lexicographical_topological_sort(rest, key=lambda moment: (positions[moment[0]], moment[1] == "end"))
    rank = {name: number for number, (name, _) in enumerate(order)}
    return {
        name: tuple(sorted(chain, key=rank.__getitem__)) if name in tied else chain for name, chain in chains.items()
    }


def _succession(chains: Iterable[tuple[str, ...]]) -> Iterator[tuple[_Moment, _Moment]]:
    for chain in chains:
        for before, after in pairwise(chain):
            yield (before, "end"), (after, "start")


def _edges(plan: Plan, dependencies: Iterable[Dependency], chains: _Chains) -> StepGraph:
    """Connect the steps: the last of every package before with the first of every package after."""
    graph: StepGraph = nx.DiGraph()
    graph.add_nodes_from(step.id for step in plan.steps)
    for chain in chains.values():
        nx.add_path(graph, chain)
    ends: dict[str, list[tuple[str, ...]]] = {step.id: [(step.id,)] for step in plan.steps}
    ends |= {name: [chain] if chain else [] for name, chain in chains.items()}
    ends |= {phase.id: [chains[each.id] for each in phase.packages if chains[each.id]] for phase in plan.phases}
    for each in dependencies:
        graph.add_edges_from((last[-1], first[0]) for last, first in product(ends[each.before], ends[each.after]))
    return graph


def _unknown(before: str, after: str, missing: str) -> Problem:
    return Problem(
        "warning",
        "unknown-dependency",
        f"'{after}' waits for '{before}', but the plan has no '{missing}'; left out",
        hint="name the id of a step, package or phase of this plan",
    )


def _nested(after: _Part, code: str, what: str) -> Problem:
    return Problem(
        "warning",
        code,
        f"'{after.title}' cannot wait for {what}; left out",
        hint="remove this dependency, or let it name another part of the plan",
        source_id=after.source_id,
    )


def _circular(parts: Mapping[str, _Part], left_out: Dependency, path: list[_Moment]) -> Problem:
    after, before = parts[left_out.after], parts[left_out.before]
    waits = [
        f"'{parts[second[0]].title}' waits for '{parts[first[0]].title}'"
        for first, second in pairwise(path)
        if (first[1], second[1]) == ("end", "start")
    ]
    shown = waits if len(waits) <= _LINKS_SHOWN else [*waits[: _LINKS_SHOWN - 1], "...", waits[-1]]
    return Problem(
        "warning",
        "circular-dependency",
        f"'{after.title}' cannot wait for '{before.title}', which is only done after it ({', '.join(shown)}); left out",
        hint="remove one of these dependencies; the others are kept",
        source_id=after.source_id,
    )
