"""What a milestone brings when it is reached: a sealed snapshot and a report. Neither can undo it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from airflow.sdk import Context
from planexe_agents.signing import digest, digest_bytes

from planexe_dag_factory.airflow.settings import execution_of
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.record.folder import RunFolder, now
from planexe_dag_factory.record.manifest import write_manifest

log = logging.getLogger(__name__)
ATTEMPTS = 3
FINAL = "final"
Write = Callable[[RunFolder, str | None, tuple[str, ...]], Mapping[str, str]]
"""Writes a part of a report, of a milestone or of the end, into its place; returns the digests of its files."""


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
    """Render a report into the run folder, trying again; a failure is kept beside it and shown, never raised.

    The page and its data come first: they are there even where no PDF can be made of them.
    """
    place = ("milestones", milestone, "report") if milestone else (FINAL,)
    for write in (_write_page, _write_pdf):
        if not _tried(execution, milestone, place, write):
            return


def _tried(execution: Execution, milestone: str | None, place: tuple[str, ...], write: Write) -> bool:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            digests = write(execution.run, milestone, place)
            execution.log("report-written", milestone or "run", digests=digests)
        except Exception as error:  # a report may fail in any way, and none may undo what was reached
            log.exception("The report of %s failed (%d of %d)", milestone or "the run", attempt, ATTEMPTS)
            execution.run.write_json({"error": str(error), "attempt": attempt, "at": now()}, *place, "error.json")
        else:
            return True
    return False


def _write_page(run: RunFolder, milestone: str | None, place: tuple[str, ...]) -> Mapping[str, str]:
    from planexe_dag_factory.report.render import render_report  # noqa: PLC0415 - only a milestone's task needs it

    report = render_report(run, milestone)
    page = report.html.encode()
    run.write_bytes(page, *place, "report.html")
    run.write_json(report.json, *place, "report.json")
    return {"report.html": digest_bytes(page), "report.json": digest(report.json)}


def _write_pdf(run: RunFolder, milestone: str | None, place: tuple[str, ...]) -> Mapping[str, str]:
    from planexe_dag_factory.report.pdf import render_pdf  # noqa: PLC0415 - as above, and its library is large
    from planexe_dag_factory.report.status import read_status  # noqa: PLC0415

    paper = render_pdf(read_status(run, milestone))
    run.write_bytes(paper, *place, "report.pdf")
    return {"report.pdf": digest_bytes(paper)}
