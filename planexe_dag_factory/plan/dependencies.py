"""Dependencies as a file states them, checked and settled into those that a plan can keep.

A circle is looked for among steps, packages and phases at once. Each is two points in time, its
start and its end: the start of a phase comes before the start of what is in it, its end after the
ends of what is in it, and the end of `before` comes before the start of `after`. The stated
dependencies can be kept together exactly where this graph has no cycle. The plan's own order keeps all
of the graph but the dependencies that point backwards in it, so only those are ever left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import Literal

import networkx as nx

from planexe_dag_factory.errors import Severity
from planexe_dag_factory.plan.findings import Findings, did_you_mean
from planexe_dag_factory.plan.jsontext import Path
from planexe_dag_factory.plan.model import Dependency, Phase
from planexe_dag_factory.plan.text import quote

MAX_TRIED = 50
"""Dependencies of circles that are tried one by one; beyond it, all that point backwards in a circle are left out."""

Moment = tuple[str, Literal["start", "end"]]


@dataclass(frozen=True, slots=True)
class Part:
    """What a file's name for a phase, package or step stands for.

    `first` and `last` are ids of the plan: of what waits when the part waits, and of what is waited
    for. They differ only where the plan has no place of its own for the part.
    """

    label: str
    parent: str | None
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Stated:
    """A dependency in the words of the file: `after` and `before` are the file's names."""

    after: str
    before: str
    path: Path
    reason: str = ""
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class _Link:
    stated: Stated
    dependency: Dependency


@dataclass
class Settlement:
    """Settles the dependencies of one file: what cannot be kept is reported with `severity`."""

    parts: Mapping[str, Part]
    phases: Sequence[Phase]
    findings: Findings
    severity: Severity
    source_ids: bool = False

    def settle(self, stated: Iterable[Stated]) -> tuple[Dependency, ...]:
        """Return the dependencies that can be kept, in the order stated, each once."""
        links: dict[tuple[str, str], _Link] = {}
        for one in stated:
            if fault := self._fault(one):
                self._report(one, *fault)
                continue
            dependency = Dependency(self.parts[one.before].last, self.parts[one.after].first, one.reason)
            links.setdefault((dependency.before, dependency.after), _Link(one, dependency))
        return self._without_circles(list(links.values()))

    def _fault(self, one: Stated) -> tuple[str, str, str | None] | None:
        unknown = next((name for name in (one.after, one.before) if name not in self.parts), None)
        if unknown is not None:  # it may be empty
            return self._unknown(one, unknown)
        after, before = self.parts[one.after], self.parts[one.before]
        if one.after == one.before:
            return "self-dependency", f"{after.label} waits for itself", one.hint
        if one.before in self._ancestors(one.after):
            return "ancestor-dependency", f"{after.label} waits for {before.label}, which it is a part of", one.hint
        if one.after in self._ancestors(one.before):
            return "ancestor-dependency", f"{after.label} waits for its own part, {before.label}", one.hint
        return None

    def _unknown(self, one: Stated, unknown: str) -> tuple[str, str, str | None]:
        guess = self.findings.guess(unknown, self.parts)
        remark = "a step cannot wait for itself either" if guess == one.after else None
        hint = " ".join(filter(None, (did_you_mean(guess), remark, one.hint))) or None
        after, before = (
            self.parts[name].label if name in self.parts else quote(name) for name in (one.after, one.before)
        )
        if unknown == one.after:
            return "unknown-dependency", f"{after}, which the plan does not have, waits for {before}", hint
        return "unknown-dependency", f"{after} waits for {before}, which the plan does not have", hint

    def _ancestors(self, name: str) -> Iterator[str]:
        seen = {name}  # an id that a part shares with what it is in, which is an error of its own, makes a circle here
        parent = self.parts[name].parent
        while parent is not None and parent not in seen:
            yield parent
            seen.add(parent)
            parent = self.parts[parent].parent

    def _report(self, one: Stated, code: str, message: str, hint: str | None) -> None:
        remark = "; this dependency is left out" if self.severity != "error" else ""
        source_id = one.after if self.source_ids else None
        self.findings.add(self.severity, code, message + remark, one.path, hint=hint, source_id=source_id)

    def _without_circles(self, links: Sequence[_Link]) -> tuple[Dependency, ...]:
        whole = _timeline(self.phases, (link.dependency for link in links))
        left_out = _left_out(whole, _backward_in_circles(whole, links, list(_ids(self.phases))))
        by_moments = {_moments(link.dependency): link for link in links}
        for number, link in enumerate(left_out):
            members = _circle(whole, link) if number < MAX_TRIED else [_moments(link.dependency)]
            *most, last = [self._words(by_moments[edge]) for edge in members if edge in by_moments]
            message = f"a circle: {', '.join(most)} and {last}" if most else f"part of a circle: {last}"
            self._report(link.stated, "circle", message, link.stated.hint)
        gone = {_moments(link.dependency) for link in left_out}
        return tuple(link.dependency for edge, link in by_moments.items() if edge not in gone)

    def _words(self, link: _Link) -> str:
        return f"{self.parts[link.stated.after].label} waits for {self.parts[link.stated.before].label}"


def _backward_in_circles(whole: nx.DiGraph[Moment], links: Iterable[_Link], order: Sequence[str]) -> list[_Link]:
    """Return what points backwards in the plan's order and stands in a circle, in the plan's order."""
    knots = {moment: number for number, knot in enumerate(nx.strongly_connected_components(whole)) for moment in knot}
    position = {name: number for number, name in enumerate(order)}
    found = []
    for link in links:
        before, after = _moments(link.dependency)
        places = position[link.dependency.before], position[link.dependency.after]
        if knots[before] == knots[after] and places[0] > places[1]:
            found.append((places, link))
    return [link for _, link in sorted(found, key=itemgetter(0))]


def _left_out(whole: nx.DiGraph[Moment], doubtful: Sequence[_Link]) -> list[_Link]:
    kept: nx.DiGraph[Moment] = nx.DiGraph(whole)
    kept.remove_edges_from(_moments(link.dependency) for link in doubtful)
    left_out = []
    for number, link in enumerate(doubtful):
        before, after = _moments(link.dependency)
        if number >= MAX_TRIED or nx.has_path(kept, after, before):
            left_out.append(link)
        else:
            kept.add_edge(before, after)
    return left_out


def _circle(whole: nx.DiGraph[Moment], closing: _Link) -> list[tuple[Moment, Moment]]:
    """Return the edges of a shortest circle through a dependency, each followed by what it waits for."""
    before, after = _moments(closing.dependency)
    path = nx.shortest_path(whole, after, before)
    return [(before, after), *reversed(list(pairwise(path)))]


def _moments(dependency: Dependency) -> tuple[Moment, Moment]:
    return (dependency.before, "end"), (dependency.after, "start")


def _timeline(phases: Iterable[Phase], dependencies: Iterable[Dependency]) -> nx.DiGraph[Moment]:
    graph: nx.DiGraph[Moment] = nx.DiGraph()
    for outer, inner in _containments(phases):
        graph.add_edge((outer, "start"), (inner, "start"))
        graph.add_edge((inner, "end"), (outer, "end"))
    graph.add_edges_from(((name, "start"), (name, "end")) for name in _ids(phases))
    graph.add_edges_from(_moments(dependency) for dependency in dependencies)
    return graph


def _containments(phases: Iterable[Phase]) -> Iterator[tuple[str, str]]:
    for phase in phases:
        for package in phase.packages:
            yield phase.id, package.id
            for step in package.steps:
                yield package.id, step.id


def _ids(phases: Iterable[Phase]) -> Iterator[str]:
    for phase in phases:
        yield phase.id
        for package in phase.packages:
            yield package.id
            for step in package.steps:
                yield step.id
