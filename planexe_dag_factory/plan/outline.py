"""The flat lists of our own format, put into phases and packages.

A phase or package that steps name but the file does not list is made, in the order of first
appearance; where the file does list them, a name outside the list is a mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from planexe_dag_factory.plan.checks import check_estimate
from planexe_dag_factory.plan.dependencies import Part
from planexe_dag_factory.plan.findings import Findings, did_you_mean
from planexe_dag_factory.plan.format import EstimateFormat, PackageFormat, PhaseFormat, PlanFormat, StepFormat
from planexe_dag_factory.plan.ids import MAX_ID, free_id, is_id, is_reserved, slug
from planexe_dag_factory.plan.jsontext import Path
from planexe_dag_factory.plan.model import Estimate, Phase, Step, WorkPackage
from planexe_dag_factory.plan.text import clean_line, quote

DEFAULT_PHASE = "work"
LOST = "\0"
"""Begins the stand-in for an id that could not be read; no text that was cleaned holds it."""


@dataclass(frozen=True, slots=True)
class _Shelf:
    """A phase or package, and where it is named first; `phase` is the phase's id, `item` None for one that is made."""

    title: str
    phase: str
    path: Path
    item: PhaseFormat | PackageFormat | None = None


@dataclass
class Outline:
    """Sorts the packages of a document into phases, and its steps into packages; `title` is that of the plan."""

    findings: Findings
    document: PlanFormat
    title: str
    phases: dict[str, _Shelf] = field(default_factory=dict)
    packages: dict[str, _Shelf] = field(default_factory=dict)
    steps: dict[str, list[Step]] = field(default_factory=dict)
    defaults: dict[str | None, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def build(self) -> tuple[Phase, ...]:
        """Return the phases; what is named wrongly is reported as an error."""
        self.taken.update(self._names())
        for index, phase in enumerate(self.document.phases):
            path: Path = ("phases", index)
            self.phases[phase.id] = _Shelf(self._title(phase.title, path), phase.id, path, phase)
        for index, package in enumerate(self.document.packages):
            path = ("packages", index)
            title = self._title(package.title, path)
            self.packages[package.id] = _Shelf(title, self._phase(package.phase, path), path, package)
        for index, step in enumerate(self.document.steps):
            package_id = self._package(step, ("steps", index))
            self.steps.setdefault(package_id, []).append(self._step(step, package_id, ("steps", index)))
        self._check_ids()
        inside: dict[str, list[WorkPackage]] = {}
        for name, shelf in self.packages.items():
            inside.setdefault(shelf.phase, []).append(self._built_package(name, shelf))
        return tuple(self._built_phase(name, shelf, inside.get(name, ())) for name, shelf in self.phases.items())

    def _phase(self, name: str | None, path: Path) -> str:
        if name is not None and name not in self.phases and self.document.phases:
            self._unknown("phase", name, self.phases, path)
            name = None
        if name is None:
            name = self._default(None, DEFAULT_PHASE)
        if name not in self.phases:
            title = self.title if name == self.defaults.get(None) else _title_of(name)
            self.phases[name] = _Shelf(title, name, (*path, "phase"))
        return name

    def _package(self, step: StepFormat, path: Path) -> str:
        name = step.package
        if name is not None and name in self.packages:
            self._check_phase_of(step, name, path)
            return name
        phase = self._phase(step.phase, path)
        if name is not None and self.document.packages:
            self._unknown("package", name, self.packages, path)
            name = None
        if name is None:
            name = self._default(phase, f"{phase[: MAX_ID - 10]}-steps")
        if name not in self.packages:
            title = self.phases[phase].title if name == self.defaults.get(phase) else _title_of(name)
            self.packages[name] = _Shelf(title, phase, (*path, "package"))
        return name

    def _default(self, owner: str | None, wanted: str) -> str:
        """Return the id of what takes the steps that name nothing: of the plan (None), or of a phase."""
        if owner not in self.defaults:
            self.defaults[owner] = free_id(wanted, self.taken)
            self.taken.add(self.defaults[owner])
        return self.defaults[owner]

    def _names(self) -> Iterator[str]:
        for items in (self.document.phases, self.document.packages):
            yield from (item.id for item in items)
        for step in self.document.steps:
            yield from filter(None, (step.id, step.phase, step.package))
        yield from (package.phase for package in self.document.packages if package.phase)

    def _check_phase_of(self, step: StepFormat, package: str, path: Path) -> None:
        phase = self.packages[package].phase
        if step.phase not in {None, phase}:
            message = (
                f"the step is in phase {quote(str(step.phase))}, but its package {quote(package)} is in {quote(phase)}"
            )
            self.findings.add(
                "error", "contradiction", message, (*path, "phase"), hint="take out the phase of the step"
            )

    def _unknown(self, kind: str, name: str, known: Mapping[str, object], path: Path) -> None:
        hint = did_you_mean(self.findings.guess(name, known)) or f"list it under '{kind}s'"
        message = f"the {kind} {quote(name)} is not in the list of {kind}s"
        self.findings.add("error", f"unknown-{kind}", message, (*path, kind), hint=hint)

    def _check_ids(self) -> None:
        seen: dict[str, tuple[str, Path]] = {}
        for kind, name, path in self._named():
            if name.startswith(LOST):
                continue
            if name in seen:
                other, first = seen[name]
                line = self.findings.source.where(first).line
                message = f"{quote(name)} is the id of a {other} already (line {line})"
                self.findings.add("error", "duplicate-id", message, path, hint="ids are unique in the whole plan")
            else:
                check_id(self.findings, name, path, kind)
            seen.setdefault(name, (kind, path))

    def _named(self) -> Iterator[tuple[str, str, Path]]:
        yield from (("phase", phase.id, ("phases", index, "id")) for index, phase in enumerate(self.document.phases))
        for index, package in enumerate(self.document.packages):
            yield "package", package.id, ("packages", index, "id")
        for kind, shelves in (("phase", self.phases), ("package", self.packages)):
            yield from ((kind, name, shelf.path) for name, shelf in shelves.items() if shelf.item is None)
        for index, step in enumerate(self.document.steps):
            yield "step", step.id, ("steps", index, "id")

    def _step(self, step: StepFormat, package: str, path: Path) -> Step:
        title, whole = self.findings.title(step.title, (*path, "title"), "error", "the description")
        return Step(
            id=step.id,
            title=title,
            phase=self.packages[package].phase,
            package=package,
            description="\n\n".join(filter(None, (whole, step.description))),
            resources=tuple(step.resources),
            source_id=step.source_id,
            estimate=self._estimate(step.estimate, path),
            human_required=step.human_required,
            action=step.action,
            inputs=step.inputs,
            impact=step.impact,
            confidence_threshold=step.confidence_threshold,
            assignee=step.assignee,
            approver=step.approver,
            due_days=step.due_days,
        )

    def _built_phase(self, name: str, shelf: _Shelf, packages: Sequence[WorkPackage]) -> Phase:
        return Phase(
            id=name,
            title=shelf.title,
            packages=tuple(packages),
            source_id=shelf.item.source_id if shelf.item else None,
            estimate=self._estimate(shelf.item.estimate if shelf.item else None, shelf.path),
            critical=isinstance(shelf.item, PhaseFormat) and shelf.item.critical,
        )

    def _built_package(self, name: str, shelf: _Shelf) -> WorkPackage:
        return WorkPackage(
            id=name,
            title=shelf.title,
            phase=shelf.phase,
            steps=tuple(self.steps.get(name, ())),
            source_id=shelf.item.source_id if shelf.item else None,
            estimate=self._estimate(shelf.item.estimate if shelf.item else None, shelf.path),
        )

    def _title(self, given: str, path: Path) -> str:
        return self.findings.title(given, (*path, "title"), "error")[0]

    def _estimate(self, given: EstimateFormat | None, path: Path) -> Estimate | None:
        if given is None:
            return None
        estimate = Estimate(given.days_min, given.days_likely, given.days_max, given.delay_risks, given.mitigation)
        return check_estimate(self.findings, estimate, (*path, "estimate"), "error")


def check_id(findings: Findings, name: str, path: Path, kind: str) -> None:
    """Report an id that cannot be one, with one that could."""
    if not is_id(name):
        message = f"{quote(name)} is not an id: a to z, 0 to 9, '-' and '_', at most {MAX_ID} characters"
        findings.add("error", "bad-id", message, path, hint=f"write {quote(slug(name))}")
    elif is_reserved(name):
        message = f"{quote(name)} is kept for the DAG's own tasks (start, finish, milestone-...)"
        findings.add("error", "reserved-id", message, path, hint=f"write {quote(f'{kind}-{name}'[:MAX_ID])}")


def parts_of(phases: tuple[Phase, ...]) -> dict[str, Part]:
    """Return every phase, package and step under its id."""
    parts: dict[str, Part] = {}
    for phase in phases:
        parts[phase.id] = Part(f"phase {quote(phase.id)}", None, phase.id, phase.id)
        for package in phase.packages:
            parts[package.id] = Part(f"package {quote(package.id)}", phase.id, package.id, package.id)
            for step in package.steps:
                parts[step.id] = Part(f"step {quote(step.id)}", package.id, step.id, step.id)
    return parts


def _title_of(name: str) -> str:
    return clean_line(name.replace("-", " ").replace("_", " ")).capitalize() or name
