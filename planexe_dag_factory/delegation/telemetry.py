"""What watches runs from outside, for metrics and traces: nothing, unless an operator has configured it.

It is told of what happens once that is on record, and decides nothing.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from planexe_agents.protocol import Assignment

from planexe_dag_factory.record.events import Event

if TYPE_CHECKING:
    from planexe_dag_factory.delegation.execution import Execution, StepRun


class Telemetry:
    """Sees nothing, at no cost. `airflow/telemetry.py` has the one that does."""

    def sending(self, assignment: Assignment) -> dict[str, Any]:  # noqa: ARG002 - for who overrides it
        """Return what the record must say of an assignment, so that its trace goes on wherever it ends."""
        return {}

    def asking(self, step: StepRun, assignment: Assignment) -> AbstractContextManager[object]:  # noqa: ARG002
        """Enter the trace of an assignment that is on record, while an agent is asked. Reads the record."""
        return nullcontext()

    def happened(self, execution: Execution, event: Event) -> None:
        """Take note of an event that is on record."""


SILENT = Telemetry()
