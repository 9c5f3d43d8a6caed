"""PlanExe's work breakdown structure: a tree of project, phases, packages and leaves, as phases of a plan.

Real trees have exactly these four levels. Others are read too: a leaf higher up becomes the only
step of a package of its own, and the leaves of deeper groups become steps of the package above.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from planexe_dag_factory.errors import has_errors
from planexe_dag_factory.plan.checks import check_count
from planexe_dag_factory.plan.dependencies import Part
from planexe_dag_factory.plan.findings import Findings, describe
from planexe_dag_factory.plan.ids import Kind, Titled, assign_ids
from planexe_dag_factory.plan.jsontext import Path
from planexe_dag_factory.plan.model import Phase, Step, WorkPackage
from planexe_dag_factory.plan.text import clean_line, quote

ROOT = "wbs_project"


class _Task(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    id: str | None = None
    description: str | None = None
    extra_fields: Any = None
    task_children: list[_Task] | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A task of PlanExe: `text` is all that the file says about it beyond its title."""

    title: str
    source_id: str | None
    path: Path
    text: str = ""
    resources: tuple[str, ...] = ()
    deliverable: str = ""
    children: tuple[Node, ...] = ()

    def leaves(self, *groups: str) -> Iterator[tuple[Node, tuple[str, ...]]]:
        """Yield the leaves below, each with the titles of the groups on the way; a leaf yields itself."""
        for child in self.children:
            yield from child.leaves(*groups, child.title) if child.children else [(child, groups)]
        if not self.children:
            yield self, ()


@dataclass(frozen=True, slots=True)
class Wbs:
    """A read tree; `parts` says what each of PlanExe's ids stands for, in the tree's order."""

    title: str
    deliverable: str
    phases: tuple[Phase, ...]
    parts: Mapping[str, Part]


def read_wbs(findings: Findings) -> Wbs | None:
    """Read the tree; None, with an error for each fault, where the file is not one."""
    value = findings.source.value
    if not isinstance(value, dict) or ROOT not in value:
        findings.add("error", "no-wbs", f"the file has no {quote(ROOT)}", (), hint="is it PlanExe's full WBS?")
        return None
    task = findings.validate(_Task, findings.clean(value[ROOT], (ROOT,)), (ROOT,), "error")
    if task is None:
        return None
    root = _node(findings, task, (ROOT,), "project")
    check_count(findings, sum(1 for _ in root.leaves()) if root.children else 0, (ROOT,))
    if has_errors(findings.problems):
        return None
    return _Tree(findings, root).read()


def _node(findings: Findings, task: _Task, path: Path, kind: str) -> Node:
    title, whole = _title(findings, task, path, kind)
    extra = task.extra_fields or {}
    if not isinstance(extra, dict):
        findings.add(
            "warning", "wrong-type", f"an object is expected here, not {describe(extra)}", (*path, "extra_fields")
        )
        extra = {}
    below = {"project": "phase", "phase": "package"}.get(kind, "step")
    return Node(
        title=title,
        source_id=task.id,
        path=path,
        text="\n\n".join(filter(None, (whole, _text(findings, extra, "detailed_description", path)))),
        resources=_resources(findings, extra.get("resources_needed"), (*path, "extra_fields", "resources_needed")),
        deliverable=clean_line(_text(findings, extra, "final_deliverable", path)),
        children=tuple(
            _node(findings, child, (*path, "task_children", index), below)
            for index, child in enumerate(task.task_children or ())
        ),
    )


def _title(findings: Findings, task: _Task, path: Path, kind: str) -> tuple[str, str]:
    kept = "the description" if kind == "step" or not task.task_children else ""
    title, whole = findings.title(task.description or "", (*path, "description"), "warning", kept)
    return title or ("" if kind == "project" else f"Untitled {kind}"), whole


def _text(findings: Findings, extra: Mapping[str, Any], name: str, path: Path) -> str:
    value = extra.get(name)
    if value is None or isinstance(value, str):
        return value or ""
    message = f"text is expected here, not {describe(value)}"
    findings.add("warning", "wrong-type", message, (*path, "extra_fields", name))
    return ""


def _resources(findings: Findings, value: Any, path: Path) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if listed is None:
        return ()
    if not isinstance(listed, list):
        findings.add("warning", "wrong-type", f"a list is expected here, not {describe(listed)}", path)
        return ()
    for index, item in enumerate(listed):
        if not isinstance(item, str):
            findings.add("warning", "wrong-type", f"text is expected here, not {describe(item)}", (*path, index))
    return tuple(clean_line(item) for item in listed if isinstance(item, str) and clean_line(item))


@dataclass(frozen=True, slots=True)
class _Draft:
    """What becomes a phase, package or step; `number` is the place of its id."""

    node: Node
    number: int
    inner: tuple[_Draft, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass
class _Tree:
    """Turns nodes into phases: first ids for all of them together, then what bears those ids."""

    findings: Findings
    root: Node
    titled: list[Titled] = field(default_factory=list)
    ids: tuple[str, ...] = ()
    places: dict[Path, str] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)

    def read(self) -> Wbs:
        drafts = [self._draft_phase(node) for node in self.root.children]
        self.ids = assign_ids(self.titled)
        phases = tuple(self._phase(draft) for draft in drafts)
        self._register(self.root, None)
        return Wbs(self.root.title, self.root.deliverable, phases, self.parts)

    def _draft_phase(self, node: Node) -> _Draft:
        number = self._number("phase", node, None)
        return _Draft(node, number, tuple(self._draft_package(inner, number) for inner in node.children or (node,)))

    def _draft_package(self, node: Node, phase: int) -> _Draft:
        number = self._number("package", node, phase)
        steps = [_Draft(leaf, self._number("step", leaf, number), (), groups) for leaf, groups in node.leaves()]
        return _Draft(node, number, tuple(steps))

    def _number(self, kind: Kind, node: Node, parent: int | None) -> int:
        stands_in = kind != "step" and not node.children  # the step inside is the node itself, and keeps its name
        self.titled.append(Titled(kind, f"{node.title} {kind}" if stands_in else node.title, parent))
        return len(self.titled) - 1

    def _phase(self, draft: _Draft) -> Phase:
        name = self._place(draft)
        packages = tuple(self._package(inner, name) for inner in draft.inner)
        return Phase(id=name, title=draft.node.title, packages=packages, source_id=draft.node.source_id)

    def _package(self, draft: _Draft, phase: str) -> WorkPackage:
        name = self._place(draft)
        steps = tuple(self._step(inner, phase, name) for inner in draft.inner)
        return WorkPackage(id=name, title=draft.node.title, phase=phase, steps=steps, source_id=draft.node.source_id)

    def _step(self, draft: _Draft, phase: str, package: str) -> Step:
        node = draft.node
        part_of = f"Part of: {' > '.join(draft.groups)}" if draft.groups else ""
        return Step(
            id=self._place(draft),
            title=node.title,
            phase=phase,
            package=package,
            description="\n\n".join(filter(None, (part_of, node.text))),
            resources=node.resources,
            source_id=node.source_id,
        )

    def _place(self, draft: _Draft) -> str:
        name = self.ids[draft.number]
        self.places.setdefault(draft.node.path, name)
        return name

    def _register(self, node: Node, parent: str | None) -> None:
        name = node.source_id
        if name is None:
            if node is not self.root:
                message = f"{quote(node.title)} has no id, so nothing can wait for it"
                self.findings.add("warning", "missing-id", message, node.path)
        elif name in self.parts:
            message = f"{quote(node.title)} has the id of {self.parts[name].label}, which keeps it"
            self.findings.add("warning", "duplicate-id", message, (*node.path, "id"), source_id=name)
        else:
            self.parts[name] = self._part(node, parent)
            parent = name
        for child in node.children:
            self._register(child, parent)

    def _part(self, node: Node, parent: str | None) -> Part:
        place = self.places.get(node.path)
        if place is not None or node is self.root:
            return Part(quote(node.title), parent, place or "", place or "")
        leaves = [self.places[leaf.path] for leaf, _ in node.leaves()]
        return Part(quote(node.title), parent, leaves[0], leaves[-1])
