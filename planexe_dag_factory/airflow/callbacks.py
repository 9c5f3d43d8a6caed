"""What a milestone brings when it is reached: a sealed snapshot and a report. Neither can undo it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from airflow.sdk import Context

from planexe_dag_factory.airflow.settings import execution_of
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.delegation.lifecycle import FINAL, seal, seal_run
from planexe_dag_factory.record.events import RUN
from planexe_dag_factory.record.folder import RunFolder, now

log = logging.getLogger(__name__)
ATTEMPTS = 3
Render = Callable[[RunFolder, str | None], Mapping[str, Any]]
"""Renders a part of a report, of a milestone or of the end; returns its files by name."""


def report_milestone(context: Context) -> None:
    """Seal what the run holds and render the milestone's report from it (`on_success_callback`)."""
    milestone = str(getattr(context["task"], "milestone"))  # noqa: B009 - Airflow types it as any operator
    execution = execution_of(context)
    seal(execution, milestone)
    write_report(execution, milestone)


def report_end(execution: Execution) -> None:
    """Seal the run, however it ended, render the final report from it, and close the record."""
    seal(execution, None)
    write_report(execution, None)
    seal_run(execution)


def write_report(execution: Execution, milestone: str | None) -> None:
    """Render a report into the run folder, trying again; a failure is kept beside it and shown, never raised.

    The page and its data come first: they are there even where no PDF can be made of them.
    """
    place = f"milestones/{milestone}/report" if milestone else FINAL
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
            said = {"error": str(error), "attempt": attempt, "at": now()}
            execution.record("report-failed", milestone or RUN, {f"{place}/error.json": said})
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
