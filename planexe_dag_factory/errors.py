"""What can go wrong, as one tree, and problems as values.

    PlanExeDagError
    ├── ProblemsError          input that people or models wrote, with every problem found in it
    │   ├── PlanError          a plan that cannot become a DAG
    │   ├── PolicyError        a policy overlay that does not fit its plan
    │   ├── RegistryError      a registry of agents that cannot be used
    │   └── PeopleError        a people file that cannot be used
    ├── RecordError            the run folder cannot be read, written or trusted
    ├── DelegationError        a step cannot be handed to anybody
    ├── PipelineError          PlanExe's own pipeline did not do what was asked
    └── StackError             the embedded Airflow did not do what was asked

A reader or check never raises at the first fault: it collects `Problem` values, and one of the
`ProblemsError`s is raised once, at the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Where:
    """A place in an input: the file, the JSON path in it (`$.steps[3].id`), the line (1-based)."""

    file: str | None = None
    path: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input: what, where, and what to do.

    `code` is stable and kebab-case (`unknown-dependency`); `hint` says how to mend it; `source_id`
    is the id in PlanExe's file where the problem concerns one of its tasks.
    """

    severity: Severity
    code: str
    message: str
    where: Where = Where()
    hint: str | None = None
    source_id: str | None = None

    def __str__(self) -> str:
        """Say it in one or two lines, as a person reads it in a terminal or an import error."""
        place = ", ".join(
            part for part in (f"line {self.where.line}" if self.where.line else "", self.where.path or "") if part
        )
        text = f"{place}: {self.message}" if place else self.message
        return f"{text}\n    {self.hint}" if self.hint else text


def has_errors(problems: Iterable[Problem]) -> bool:
    """Say whether any of the problems forbids going on."""
    return any(problem.severity == "error" for problem in problems)


class PlanExeDagError(Exception):
    """Base of every error that this package raises on purpose."""


class ProblemsError(PlanExeDagError):
    """An input with problems; `problems` holds all of them, worst first."""

    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        rank = {"error": 0, "warning": 1, "info": 2}
        self.name = name
        self.problems = tuple(sorted(problems, key=lambda problem: rank[problem.severity]))
        super().__init__(str(self))

    def __str__(self) -> str:
        """List every problem below one line that names the input and counts them."""
        count = len(self.problems)
        lines = [f"{self.name}: {count} problem{'' if count == 1 else 's'}"]
        for problem in self.problems:
            note = "" if problem.severity == "error" else f"({problem.severity}) "
            lines.append(f"  {note}{problem}")
        return "\n".join(lines)


class PlanError(ProblemsError):
    """A plan that cannot become a DAG."""


class PolicyError(ProblemsError):
    """A policy overlay that does not fit its plan."""


class RegistryError(ProblemsError):
    """A registry of agents that cannot be used."""


class PeopleError(ProblemsError):
    """A people file that cannot be used."""


class RecordError(PlanExeDagError):
    """The run folder cannot be read, written or trusted."""


class DelegationError(PlanExeDagError):
    """A step cannot be handed to anybody."""


class PipelineError(PlanExeDagError):
    """PlanExe's own pipeline did not do what was asked."""


class StackError(PlanExeDagError):
    """The embedded Airflow did not do what was asked."""
