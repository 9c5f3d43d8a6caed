"""What a milestone brings when it is reached: a sealed snapshot and a report. Neither can undo it."""

from __future__ import annotations

import logging

from airflow.sdk import Context
from planexe_agents.signing import digest, digest_bytes

from planexe_dag_factory.airflow.settings import execution_of
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.record.folder import now
from planexe_dag_factory.record.manifest import write_manifest

log = logging.getLogger(__name__)
ATTEMPTS = 3
FINAL = "final"


def report_milestone(context: Context) -> None:
    """Seal what the run holds and render the milestone's report from it (`on_success_callback`)."""
    milestone = str(getattr(context["task"], "milestone"))  # noqa: B009 - Airflow types it as any operator
    execution = execution_of(context)
    write_manifest(execution.run, execution.key, "milestones", milestone)
    write_report(execution, milestone)


def report_end(execution: Execution) -> None:
    """Seal the run, however it ended, and render the final report from it."""
    write_manifest(execution.run, execution.key, FINAL)
    write_report(execution, None)


def write_report(execution: Execution, milestone: str | None) -> None:
    """Render a report into the run folder, trying again; a failure is kept beside it and shown, never raised."""
    from planexe_dag_factory.report.render import render_report  # noqa: PLC0415 - only a milestone's task needs it

    place = ("milestones", milestone, "report") if milestone else (FINAL,)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            report = render_report(execution.run, milestone)
            page = report.html.encode()
            execution.run.write_bytes(page, *place, "report.html")
            execution.run.write_json(report.json, *place, "report.json")
            digests = {"report.html": digest_bytes(page), "report.json": digest(report.json)}
            execution.log("report-written", milestone or "run", digests=digests)
        except Exception as error:  # a report may fail in any way, and none may undo what was reached
            log.exception("The report of %s failed (%d of %d)", milestone or "the run", attempt, ATTEMPTS)
            execution.run.write_json({"error": str(error), "attempt": attempt, "at": now()}, *place, "error.json")
        else:
            return
