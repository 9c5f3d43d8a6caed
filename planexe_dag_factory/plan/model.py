"""A plan, as frozen values: what is to be done, in which order it makes sense, who is named in it.

Nothing here says who will do a step or what must be approved: see `routing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

Impact = Literal["none", "budget", "regulatory", "irreversible"]
SourceFormat = Literal["native", "planexe-folder", "planexe-zip", "planexe-wbs"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long something takes, in days, as three points (least, likely, most)."""

    days_min: float
    days_likely: float
    days_max: float
    delay_risks: str = ""
    mitigation: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One leaf of work.

    The last fields are what a plan of our own format may say about how to carry the step out;
    a PlanExe plan leaves them at their defaults, and `routing` derives them.
    """

    id: str
    title: str
    phase: str
    package: str
    description: str = ""
    resources: tuple[str, ...] = ()
    source_id: str | None = None
    estimate: Estimate | None = None
    human_required: bool | None = None
    action: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    impact: Impact | None = None
    confidence_threshold: float | None = None
    assignee: str | None = None
    approver: str | None = None
    due_days: float | None = None


@dataclass(frozen=True, slots=True)
class WorkPackage:
    """Steps that belong together and follow each other."""

    id: str
    title: str
    phase: str
    steps: tuple[Step, ...]
    source_id: str | None = None
    estimate: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the plan that ends in a milestone; `critical` asks for a risk assessment there."""

    id: str
    title: str
    packages: tuple[WorkPackage, ...]
    source_id: str | None = None
    estimate: Estimate | None = None
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Dependency:
    """`after` cannot begin before `before` has ended; each is the id of a step, package or phase."""

    before: str
    after: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Risk:
    """One row of the plan's risk register; likelihood and severity are `low`, `medium`, `high` or `unknown`."""

    area: str
    description: str
    impact: str = ""
    likelihood: str = "medium"
    severity: str = "medium"
    action: str = ""


@dataclass(frozen=True, slots=True)
class Role:
    """Somebody that the plan names: a team member, a body of its governance, or a primary stakeholder."""

    title: str
    kind: Literal["team", "body", "stakeholder"] = "team"
    description: str = ""


@dataclass(frozen=True, slots=True)
class Escalation:
    """One row of the decision escalation matrix: who decides on an issue, and how."""

    issue: str
    level: str
    process: str = ""
    rationale: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A text of the plan itself (an assumption file, a summary), which agents may search and cite."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Redline:
    """The verdict of PlanExe's own safety gate over the prompt; `refused` needs a senior approval."""

    refused: bool
    verdict: str
    reason: str = ""


@dataclass(frozen=True)
class Plan:
    """A whole plan. Ids of phases, packages and steps share one name space."""

    id: str
    title: str
    phases: tuple[Phase, ...]
    summary: str = ""
    dependencies: tuple[Dependency, ...] = ()
    start: date | None = None
    owner: str | None = None
    source_format: SourceFormat = "native"
    risks: tuple[Risk, ...] = ()
    roles: tuple[Role, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    documents: tuple[Document, ...] = ()
    redline: Redline | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def packages(self) -> Iterator[WorkPackage]:
        """Every package, in the plan's order."""
        return (package for phase in self.phases for package in phase.packages)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Every step, in the plan's order."""
        return tuple(step for package in self.packages for step in package.steps)

    @cached_property
    def step_by_id(self) -> Mapping[str, Step]:
        """Steps by their id."""
        return MappingProxyType({step.id: step for step in self.steps})
