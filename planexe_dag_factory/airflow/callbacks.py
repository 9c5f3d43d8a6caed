"""What a milestone brings when it is reached: a sealed snapshot and a report. Neither can undo it."""

from __future__ import annotations

import logging

from airflow.sdk import Context

from planexe_dag_factory.airflow.settings import execution_of
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.record.folder import now
from planexe_dag_factory.record.manifest import write_manifest

log = logging.getLogger(__name__)
ATTEMPTS = 3
FINAL = "final"


def report_milestone(context: Context) -> None:
    """Render the milestone's report and seal what the run holds (`on_success_callback`)."""
    milestone = str(getattr(context["task"], "milestone"))  # noqa: B009 - Airflow types it as any operator
    execution = execution_of(context)
    write_report(execution, milestone)
    write_manifest(execution.run, execution.key, "milestones", milestone)


def report_end(execution: Execution) -> None:
    """Render the final report and seal the run, however it ended."""
    write_report(execution, None)
    write_manifest(execution.run, execution.key, FINAL)


def write_report(execution: Execution, milestone: str | None) -> None:
    """Render a report into the run folder, trying again; a failure is kept beside it and shown, never raised."""
    from planexe_dag_factory.report.render import render_report  # noqa: PLC0415 - only a milestone's task needs it

    place = ("milestones", milestone, "report") if milestone else (FINAL,)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            report = render_report(execution.run, milestone)
            execution.run.write_bytes(report.html.encode(), *place, "report.html")
            execution.run.write_json(report.json, *place, "report.json")
            execution.log("report-written", milestone or "run")
        except Exception as error:  # a report may fail in any way, and none may undo what was reached
            log.exception("The report of %s failed (%d of %d)", milestone or "the run", attempt, ATTEMPTS)
            execution.run.write_json({"error": str(error), "attempt": attempt, "at": now()}, *place, "error.json")
        else:
            return
