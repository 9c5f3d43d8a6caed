"""What PlanExe's report is to say about how its plan goes, in the shapes of its own files.

PlanExe turns Markdown into HTML and lets HTML in it pass. So whatever people and agents wrote is
escaped here until no Markdown and no HTML is left in it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from planexe_dag_factory.errors import PipelineError
from planexe_dag_factory.report.model import RunStatus
from planexe_dag_factory.report.render import headline
from planexe_dag_factory.report.story import Point, RiskChange, Story, tell
from planexe_dag_factory.report.words import called, count, days, join, moment, visible

LINES = 12
"""How many lines each part of the summary has at most."""
LETTERS = 400
FOCUS = "focus_and_context"
_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!])")
"""What PlanExe\'s Markdown lets be escaped: before anything else the backslash would be seen."""


def plain(text: str) -> str:
    """Return text of people, agents and plans on one line, as Markdown that shows it as it stands."""
    line = " ".join(visible(text).split())
    cut = line if len(line) <= LETTERS else line[: LETTERS - 1].rstrip() + "…"
    return _MARKS.sub(r"\\\1", html.escape(cut, quote=False))


def summary_text(before: str, status: RunStatus) -> str:
    """Return the executive summary with how the plan stands in front."""
    parts = [f"## How the plan stands on {moment(status.as_of)}", plain(headline(status))]
    for title, lines in _parts(status):
        parts.append("\n".join([f"### {title}", "", *(f"- {line}" for line in lines)]))
    return "\n\n".join([*parts, before.lstrip()])


def summary_of(said: Any, status: RunStatus) -> dict[str, Any]:
    """Return the same as data: in front of what the plan said of its focus and context."""
    if not isinstance(said, dict):
        raise PipelineError("the executive summary is not a JSON object")
    told = [headline(status), *(f"{title}: {'; '.join(lines)}" for title, lines in _parts(status))]
    now = f"On {moment(status.as_of)}: {' '.join(told)}"
    return {**said, FOCUS: f"{now}\n\n{said.get(FOCUS) or ''}".rstrip()}


def risks_of(register: Any, status: RunStatus) -> dict[str, Any]:
    """Return the risk register with what became of the risks, and with those that carrying out the plan brought."""
    if not isinstance(register, dict) or not isinstance(register.get("risks"), list):
        raise PipelineError("the risk register has no list of risks")
    story = tell(status)
    moved = {_key(one.risk.area, one.risk.description): one for one in story.risks if one.now is not None}
    known = [_changed(risk, moved) for risk in register["risks"] if isinstance(risk, dict)]
    summary = (
        f"As of {moment(status.as_of)}: {headline(status)} {register.get('risk_assessment_summary') or ''}".rstrip()
    )
    return {**register, "risks": [*known, *_arisen(story, status)], "risk_assessment_summary": summary}


def risks_text(register: Mapping[str, Any]) -> str:
    """Return the register as PlanExe words it."""
    rows = []
    for number, risk in enumerate(register["risks"], 1):
        rows.append(f"\n## Risk {number} - {risk.get('risk_area', '')}\n{risk.get('risk_description', '')}")
        rows.append(f"\n**Impact:** {risk.get('potential_impact', '')}")
        rows.append(f"\n**Likelihood:** {str(risk.get('likelihood', '')).capitalize()}")
        rows.append(f"\n**Severity:** {str(risk.get('severity', '')).capitalize()}")
        rows.append(f"\n**Action:** {risk.get('action', '')}")
    return "\n".join([*rows, f"\n## Risk summary\n{register['risk_assessment_summary']}"])


def _parts(status: RunStatus) -> Iterator[tuple[str, list[str]]]:
    story = tell(status)
    since = f" since {moment(story.since)}" if story.since else ""
    for title, points in (
        (f"Done{since}", story.done),
        (f"Decided{since}", story.decided),
        (f"Changed against the plan{since}", story.changed),
        ("Late", story.late),
    ):
        if points:
            yield title, _lines(points)
    if story.accepted:
        yield "Accepted in review", [f"{count(story.accepted, 'work', 'works')} of agents"]
    if status.waiting:
        yield "Waits on", _capped([f"{plain(one.assignee)}: {plain(one.about)}" for one in status.waiting])
    if status.next:
        yield "Next", _capped([f"{plain(one.title)}: {plain(called(one.who))}" for one in status.next])


def _lines(points: Iterable[Point]) -> list[str]:
    return _capped([_line(point) for point in points])


def _line(point: Point) -> str:
    who = f" by {plain(point.who)}" if point.who else ""
    at = f" on {moment(point.at)}" if point.at else ""
    quote = f" (“{plain(point.quote)}”)" if point.quote else ""
    return f"{plain(point.about)}: {plain(point.what)}{who}{at}{quote}"


def _capped(lines: list[str]) -> list[str]:
    rest = len(lines) - LINES
    return [*lines[:LINES], f"and {rest} more, in the report of this milestone"] if rest > 0 else lines


def _changed(risk: dict[str, Any], moved: Mapping[tuple[str, str], RiskChange]) -> dict[str, Any]:
    one = moved.get(_key(str(risk.get("risk_area")), str(risk.get("risk_description"))))
    if one is None or one.now is None:
        return risk
    before = f"; at the milestone before {days(one.before)}" if one.before is not None else ""
    said = f"Assessed while the plan is carried out: it moves the end by {days(one.now)}{before}."
    return {**risk, "action": f"{risk.get('action') or ''} {said}".strip()}


def _arisen(story: Story, status: RunStatus) -> Iterator[dict[str, Any]]:
    """Name what carrying out the plan has brought: what is late, and what was refused, failed or cannot be reached."""
    if story.late:
        critical = status.forecast.critical if status.forecast else ()
        yield {
            "risk_area": "Schedule, as carried out",
            "risk_description": " ".join(f"{_line(point)}." for point in story.late[:LINES]),
            "potential_impact": f"What decides the end now: {join([plain(one) for one in critical[:5]]) or 'nothing'}.",
            "likelihood": "high",
            "severity": "medium",
            "action": "See what is late in the report of this milestone.",
        }
    lost = [step for step in status.steps if step.state in ("refused", "failed", "skipped")]
    if lost:
        yield {
            "risk_area": "Scope, as carried out",
            "risk_description": f"{len(lost)} steps are not done and were refused, failed or left out.",
            "potential_impact": f"{join([plain(step.title) for step in lost[:LINES]])}.",
            "likelihood": "high",
            "severity": "high",
            "action": "Decide whether the plan can do without them.",
        }


def _key(area: str, description: str) -> tuple[str, str]:
    return " ".join(area.split()), " ".join(description.split())
