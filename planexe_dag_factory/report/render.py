"""RunStatus -> one page of HTML that stands alone, and the same as JSON.

The page holds no script and nothing from elsewhere; the same run folder gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pydantic import TypeAdapter

from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.report import words
from planexe_dag_factory.report.gantt import axes_of, draw_phase, draw_phases
from planexe_dag_factory.report.model import Assessment, RunStatus, State
from planexe_dag_factory.report.plots import draw_figures
from planexe_dag_factory.report.said import ROWS, in_short, markdown, records
from planexe_dag_factory.report.said import tell as tell_result
from planexe_dag_factory.report.status import read_status
from planexe_dag_factory.report.story import Story, expected_end, tell

FORMAT = "planexe-report/1"
STATE_WORDS: Mapping[State, str] = {
    "done": "Done",
    "running": "Running",
    "queued": "About to start",
    "waiting": "Waits on a person",
    "refused": "Refused",
    "failed": "Failed",
    "pending": "To come",
    "skipped": "Not reached",
}
TICKET_WORDS = {
    "work": "Work",
    "review": "Review",
    "approval": "Approval",
    "senior_review": "Senior review",
    "refusal": "Refusal",
}
TRY_WORDS = {
    "completed": "completed it",
    "rejected": "rejected it",
    "failed": "failed",
    "unavailable": "could not be reached",
    "busy": "had no time",
    "set-aside": "was set aside after faults",
    "invalid": "gave an answer that does not hold",
    "untrusted": "sent an outcome that is not trusted",
    "unfit": "could not be given what it needs",
}


@dataclass(frozen=True, slots=True)
class Report:
    """A report as a page and as data, and the status that both were made from."""

    html: str
    json: dict[str, Any]
    status: RunStatus


def render_report(run: RunFolder, upto: str | None) -> Report:
    """Report on a run: after the milestone `upto`, or at its end (None).

    Raises RecordError where the run folder cannot be read or has no such milestone.
    """
    status = read_status(run, upto)
    return Report(html=render_html(status), json=render_json(status), status=status)


def render_json(status: RunStatus) -> dict[str, Any]:
    """Return the whole status as JSON; times are ISO 8601, planned days count from the plan's start."""
    story = TypeAdapter(Story).dump_python(tell(status), mode="json")
    return {"format": FORMAT, **_adapter().dump_python(status, mode="json"), "story": story}


def render_html(status: RunStatus, faces: str = "") -> str:
    """Return the page; `faces` declares the fonts of its PDF."""
    axes = axes_of(status)
    return (
        environment()
        .get_template("report.html")
        .render(
            run=status,
            story=tell(status),
            style=Markup(faces + style()),  # noqa: S704 - our own style sheet
            headline=headline(status),
            overview=_picture(draw_phases(status, axes)),
            charts={phase.id: _picture(draw_phase(phase, axes)) for phase in status.phases},
            plots=[_plots(assessment, status.started_at.date()) for assessment in status.assessments[-1:]],
        )
    )


def _plots(assessment: Assessment, first: date) -> Mapping[str, Markup]:
    drawn = draw_figures(assessment.figures, first) if assessment.figures else {}
    return {name: _picture(svg) for name, svg in drawn.items()}


def _picture(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704 - written by ElementTree, which escapes every text in it


def headline(status: RunStatus) -> str:
    """Say in one sentence how the run stands, when it is to end, and whether anybody is waited for."""
    total, done = len(status.steps), status.counts.get("done", 0)
    end, first = expected_end(status), status.started_at.date()
    lost = [f"{status.counts[state]} {said}" for state, said in _LOST if status.counts.get(state)]
    said = words.join([f"{done} of {words.count(total, 'step')} done", *lost])
    against = f", {words.against_plan(end.difference or 0.0)}" if end else ""
    if status.over and done == total:
        return f"Finished on {words.day_of(status.as_of)}: all {words.count(total, 'step')} done{against}."
    if status.over:
        return f"Ended on {words.day_of(status.as_of)}: {said}."
    parts = [said]
    if status.forecast and status.forecast.blocked:
        parts.append("the end cannot be reached as things stand")
    elif end:
        parts.append(f"expected to end on {words.day_on(first, end.end or 0.0)}{against}")
    waiting = len(status.waiting)
    parts.append(f"{words.count(waiting, 'question')} open to people" if waiting else "nobody is waited for")
    return "; ".join(parts) + "."


_LOST: tuple[tuple[State, str], ...] = (("refused", "refused"), ("failed", "failed"), ("skipped", "not reached"))


def _finalize(value: Any) -> Any:
    """Make every text that a template shows visible; what is markup already has been."""
    return words.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _adapter() -> TypeAdapter[RunStatus]:
    return TypeAdapter(RunStatus)


@cache
def style() -> str:
    return files(__package__).joinpath("templates", "report.css").read_text("utf-8")


@cache
def environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        against_plan=words.against_plan,
        called=words.called,
        count=words.count,
        day_on=words.day_on,
        days=words.days,
        join_words=words.join,
        kind=words.kind,
        lasting=words.lasting,
        markdown=markdown,
        day_of=words.day_of,
        in_short=in_short,
        moment=words.moment,
        money=words.money,
        percent=words.percent,
        reviewed=words.reviewed,
        records=records,
        signed_days=words.signed_days,
        times=words.times,
        told=tell_result,
    )
    environment.globals.update(states=STATE_WORDS, tickets=TICKET_WORDS, tries=TRY_WORDS, rows=ROWS)
    return environment
