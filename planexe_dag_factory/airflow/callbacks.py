"""The reports of a run, at its milestones and at its end. None of them can undo what was reached."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from airflow.sdk import Context

from planexe_dag_factory.airflow.settings import execution_of
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.delegation.lifecycle import report_place, seal, seal_run, unreported
from planexe_dag_factory.record.events import RUN
from planexe_dag_factory.record.folder import RunFolder

log = logging.getLogger(__name__)
ATTEMPTS = 3
Render = Callable[[RunFolder, str | None], Mapping[str, Any]]
"""Renders a part of a report, of a milestone or of the end; returns its files by name."""


def report_milestone(context: Context) -> None:
    """Render the milestone's report from what it sealed (`on_success_callback`)."""
    milestone = str(getattr(context["task"], "milestone"))  # noqa: B009 - Airflow types it as any operator
    write_report(execution_of(context), milestone)


def report_end(execution: Execution) -> None:
    """Seal the run, however it ended, render the final report from it, and close the record.

    Airflow calls nobody back whose process has died: a milestone's report that is missing is made good.
    """
    seal(execution, None)
    write_report(execution, None)
    for milestone in unreported(execution):
        write_report(execution, milestone)
    seal_run(execution)


def write_report(execution: Execution, milestone: str | None) -> None:
    """Render a report into the run folder, trying again; a failure is put on record and shown, never raised.

    The page and its data come first: they are there even where no PDF can be made of them.
    """
    place = report_place(milestone)
    for render in (_render_page, _render_pdf):
        if not _tried(execution, milestone, place, render):
            return


def _tried(execution: Execution, milestone: str | None, place: str, render: Render) -> bool:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            files = {f"{place}/{name}": content for name, content in render(execution.run, milestone).items()}
            execution.record("report-written", milestone or RUN, files)
        except Exception as error:  # a report may fail in any way, and none may undo what was reached
            log.exception("The report of %s failed (%d of %d)", milestone or "the run", attempt, ATTEMPTS)
            execution.log("report-failed", milestone or RUN, error=str(error), attempt=attempt)
        else:
            return True
    return False


def _render_page(run: RunFolder, milestone: str | None) -> Mapping[str, Any]:
    from planexe_dag_factory.report.render import render_report  # noqa: PLC0415 - only a milestone's task needs it

    report = render_report(run, milestone)
    return {"report.html": report.html.encode(), "report.json": report.json}


def _render_pdf(run: RunFolder, milestone: str | None) -> Mapping[str, Any]:
    from planexe_dag_factory.report.pdf import render_pdf  # noqa: PLC0415 - as above, and its library is large
    from planexe_dag_factory.report.status import read_status  # noqa: PLC0415

    return {"report.pdf": render_pdf(read_status(run, milestone))}
