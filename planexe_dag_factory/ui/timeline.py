"""Where a run stands against its plan: what is late, what may start next, the picture, and the other runs.

The plan counts in days; they are counted from the start of the run, for a plan's own first day is
seldom the day on which somebody starts it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.report.figures import RiskFigures, read_figures
from planexe_dag_factory.report.gantt import axes_of, draw_phase, draw_phases
from planexe_dag_factory.report.model import RunStatus, State, StepStatus
from planexe_dag_factory.report.plots import draw_figures
from planexe_dag_factory.report.status import read_status
from planexe_dag_factory.ui.wire import Message

RiskPicture = Literal["finish", "drivers", "cost", "scenarios"]
_OPEN: tuple[State, ...] = ("pending", "queued", "running", "waiting")


class LateStep(Message):
    """A step that should have ended by now: `due` is when, `late_s` how long ago that was."""

    id: str
    title: str
    phase: str
    state: State
    who: str
    due: datetime
    late_s: float


class ReadyStep(Message):
    """A step that nothing but its turn holds back; `who` is to do it."""

    title: str
    phase: str
    who: str
    gate: str | None


class PhaseTime(Message):
    """When a phase was to end, and when its milestone was reached.

    `existential`: its risk assessment says that all is at stake. Where that brought figures, `resilience` is 0 to 1,
    and `pictures` name what can be drawn.
    """

    id: str
    due: datetime | None
    reached_at: datetime | None
    late_s: float
    existential: bool
    resilience: float | None
    pictures: tuple[RiskPicture, ...]


class Timeline(Message):
    """A run against its plan. Nothing is late where the plan estimates nothing (`estimated`)."""

    as_of: datetime
    estimated: bool
    phases: tuple[PhaseTime, ...]
    late: tuple[LateStep, ...]
    ready: tuple[ReadyStep, ...]


def read_timeline(run: RunFolder, ended_at: datetime | None) -> Timeline:
    """Compare the record of a run with its plan. Raises RecordError where the record cannot be read."""
    status = _status(run, ended_at)
    return Timeline(
        as_of=status.as_of,
        estimated=status.estimated,
        phases=tuple(_phase_times(run, status)),
        late=tuple(sorted(_late(status), key=lambda step: -step.late_s)) if ended_at is None else (),
        ready=tuple(ReadyStep(title=one.title, phase=one.phase, who=one.who, gate=one.gate) for one in status.next),
    )


def draw(run: RunFolder, ended_at: datetime | None, phase: str | None) -> str | None:
    """Draw planned against actual as SVG: all phases, or one and its steps; None where it has no such phase."""
    status = _status(run, ended_at)
    axes = axes_of(status)
    if phase is None:
        return draw_phases(status, axes)
    return next((draw_phase(one, axes) for one in status.phases if one.id == phase), None)


def draw_risk(run: RunFolder, milestone: str, name: str) -> str | None:
    """Draw one of the pictures of a milestone's risk assessment; None where it brought no such figures."""
    figures = read_figures(_assessment(run, milestone))
    started = datetime.fromisoformat(run.read_json("run.json")["started_at"])
    return draw_figures(figures, started.date()).get(name) if figures else None


def _status(run: RunFolder, ended_at: datetime | None) -> RunStatus:
    return read_status(run, None, ended_at or datetime.now(UTC))


def _phase_times(run: RunFolder, status: RunStatus) -> Iterator[PhaseTime]:
    for phase in status.phases:
        due, assessed = _due(status, phase.planned.end), _assessment(run, phase.milestone)
        figures = read_figures(assessed)
        yield PhaseTime(
            id=phase.id,
            due=due,
            reached_at=phase.reached_at,
            late_s=_seconds_past(due, phase.reached_at or status.as_of),
            existential=assessed.get("existential") is True,
            resilience=figures.resilience if figures else None,
            pictures=_pictures(figures) if figures else (),
        )


def _assessment(run: RunFolder, milestone: str) -> Mapping[str, Any]:
    """Read what the risk assessment at a milestone brought; nothing where there is none (yet)."""
    result = run.find_json("steps", f"{milestone}-risk", "result.json") or {}
    found: Mapping[str, Any] = result.get("result") or {}
    return found


def _pictures(figures: RiskFigures) -> tuple[RiskPicture, ...]:
    there: dict[RiskPicture, object] = {
        "finish": figures.schedule,
        "drivers": figures.drivers,
        "cost": figures.cost,
        "scenarios": figures.scenarios,
    }
    return tuple(name for name, found in there.items() if found)


def _late(status: RunStatus) -> Iterator[LateStep]:
    for phase in status.phases:
        for step in phase.steps:
            due = _due(status, step.planned.end)
            late_s = _seconds_past(due, status.as_of)
            if due and late_s > 0 and step.state in _OPEN:
                yield _late_step(step, phase.title, due, late_s)


def _late_step(step: StepStatus, phase: str, due: datetime, late_s: float) -> LateStep:
    return LateStep(id=step.id, title=step.title, phase=phase, state=step.state, who=step.who, due=due, late_s=late_s)


def _due(status: RunStatus, day: float) -> datetime | None:
    return status.started_at + timedelta(days=day) if status.estimated else None


def _seconds_past(due: datetime | None, moment: datetime) -> float:
    return max(0.0, (moment - due).total_seconds()) if due else 0.0
