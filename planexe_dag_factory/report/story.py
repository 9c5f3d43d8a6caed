"""What a reader wants to know first: what was done, decided and changed, what is late, what comes next.

Told from a RunStatus alone: since the milestone before, or over the whole run. Titles and reasons are
the plan's and people's words; the rest is ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from planexe_dag_factory.report.model import Decision, RiskRow, RunStatus, StepStatus
from planexe_dag_factory.report.words import days, signed_days

CORRECTING = ("Correct", "Redo")
SAID = {
    "Accept": "was accepted",
    "Approve": "was approved",
    "Approved": "was approved",
    "Correct": "was corrected",
    "Done": "was done",
    "Proceed": "may go on",
    "Redo": "was sent back",
    "Refuse": "was refused",
    "Refused": "was refused",
    "Reject": "was rejected",
    "Rejected": "was rejected",
    "Stop": "was stopped",
}
NOTABLE = 0.05
"""A step counts as late from 5 % of its planned days on: every clock is a little off."""


@dataclass(frozen=True, slots=True)
class Point:
    """Something about a step or a milestone, in our words; `quote` is in those of a person."""

    about: str
    what: str
    quote: str = ""
    at: datetime | None = None
    who: str = ""


@dataclass(frozen=True, slots=True)
class RiskChange:
    """A risk of the register, and by how many days it moved the end at the assessment before, and does now."""

    risk: RiskRow
    before: float | None
    now: float | None


@dataclass(frozen=True, slots=True)
class Cost:
    """A step that spends money; amounts are None where the plan names none, or nobody approved yet."""

    step: str
    planned: float | None
    approved: float | None
    currency: str
    by: str


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure the agents were in a phase: mean and least of their results, and how many a person looked at."""

    phase: str
    results: int
    mean: float
    least: float
    reviewed: int


@dataclass(frozen=True, slots=True)
class Story:
    """The short story of a run; `since` is the milestone before (None: the whole run is told)."""

    since: datetime | None
    done: tuple[Point, ...]
    decided: tuple[Point, ...]
    changed: tuple[Point, ...]
    late: tuple[Point, ...]
    timeline: tuple[Point, ...]
    risks: tuple[RiskChange, ...]
    costs: tuple[Cost, ...]
    confidence: tuple[Confidence, ...]


def tell(status: RunStatus) -> Story:
    """Tell the story of a run as of its report."""
    since = _since(status)
    return Story(
        since=since,
        done=tuple(_done(status, since)),
        decided=tuple(
            _decided(one) for one in status.decisions if _after(one.at, since) and one.what not in CORRECTING
        ),
        changed=tuple(_changed(status, since)),
        late=tuple(_late(status)),
        timeline=tuple(_timeline(status)) if status.over else (),
        risks=tuple(_risks(status)),
        costs=tuple(_costs(status)),
        confidence=tuple(_confidence(status)),
    )


def _since(status: RunStatus) -> datetime | None:
    """Find the milestone before that of the report; the final report tells the whole run."""
    if status.upto is None:
        return None
    reached = [phase.reached_at for phase in status.phases if phase.reached_at and phase.milestone != status.upto]
    return max((moment for moment in reached if moment < status.as_of), default=None)


def _after(moment: datetime, since: datetime | None) -> bool:
    return since is None or moment > since


def _done(status: RunStatus, since: datetime | None) -> Iterator[Point]:
    for step in status.steps:
        if step.state == "done" and step.actual and _after(step.actual.end, since):
            accepted = f", accepted by {step.accepted_by}" if step.accepted_by else ""
            yield Point(step.title, f"done by {step.who}{accepted}", at=step.actual.end)


def _decided(decision: Decision) -> Point:
    amount = f", {decision.amount:,.2f}" if decision.amount is not None else ""
    said = SAID.get(decision.what, decision.what) + amount
    return Point(decision.about, said, decision.why, decision.at, decision.who)


def _changed(status: RunStatus, since: datetime | None) -> Iterator[Point]:
    """List what did not go as the plan and its routes had it."""
    for step in status.steps:
        ended = step.actual.end if step.actual else None
        if ended is not None and not _after(ended, since):
            continue
        if step.state in ("refused", "failed", "skipped"):
            said = {"refused": "was refused", "failed": "failed", "skipped": "was not reached"}[step.state]
            yield Point(step.title, said, step.why, ended)
        yield from _rerouted(step)
        yield from _amount_changed(step)
    for decision in status.decisions:
        if decision.what in CORRECTING and _after(decision.at, since):
            yield _decided(decision)


def _rerouted(step: StepStatus) -> Iterator[Point]:
    first = next((one for one in step.tried if one.status != "completed"), None)
    taken = next((one for one in step.tried if one.status == "completed"), None)
    if first:
        now = f"{taken.agent} ({taken.action})" if taken else step.who
        ended = step.actual.end if step.actual else None
        yield Point(step.title, f"went from {first.agent} ({first.action}) to {now}", at=ended)


def _amount_changed(step: StepStatus) -> Iterator[Point]:
    money = step.money
    if money and None not in (money.planned, money.approved) and money.planned != money.approved:
        yield Point(
            step.title, f"{money.approved:,.2f} {money.currency} approved where {money.planned:,.2f} was planned"
        )


def _late(status: RunStatus) -> Iterator[Point]:
    """List the steps that took longer than planned, or already do, the worst first; and the end, if it will be late."""
    if not status.estimated:
        return
    forecast = status.forecast
    if forecast and forecast.end - forecast.planned_end > NOTABLE * forecast.planned_end:
        yield Point("The end of the plan", f"forecast {signed_days(forecast.end - forecast.planned_end)}")
    late = (step for step in status.steps if step.late_days > NOTABLE * (step.planned.end - step.planned.start))
    for step in sorted(late, key=lambda step: -step.late_days):
        planned = days(step.planned.end - step.planned.start)
        yield Point(step.title, f"{signed_days(step.late_days)} over its {planned}")


def _timeline(status: RunStatus) -> Iterator[Point]:
    """Tell what happened when: start, milestones, what people decided, what was refused, the end."""
    told = [Point(status.title, "the run began", at=status.started_at)]
    told += [
        Point(phase.title, "its milestone was reached", at=phase.reached_at)
        for phase in status.phases
        if phase.reached_at
    ]
    told += [_decided(decision) for decision in status.decisions]
    told.append(Point(status.title, "the run ended", at=status.as_of))
    yield from sorted(told, key=lambda point: (point.at or status.as_of, point.what == "the run ended"))


def _risks(status: RunStatus) -> Iterator[RiskChange]:
    """Set the register beside what the last two assessments made of it."""
    swings = [
        {
            driver.title: driver.days_if_badly - driver.days_if_well
            for driver in one.figures.drivers
            if driver.kind == "risk"
        }
        for one in status.assessments
        if one.figures
    ]
    before, now = ({}, {}, *swings)[-2:]
    for risk in status.risks:
        yield RiskChange(risk, _swing(risk, before), _swing(risk, now))


def _swing(risk: RiskRow, swings: dict[str, float]) -> float | None:
    """Find a risk among the drivers, which are titled `area: first words…`."""
    whole = f"{risk.area}: {' '.join(risk.description.split())}" if risk.area else " ".join(risk.description.split())
    return next((swing for title, swing in swings.items() if whole.startswith(title.removesuffix("…"))), None)


def _costs(status: RunStatus) -> Iterator[Cost]:
    for step in status.steps:
        if step.money:
            yield Cost(step.title, step.money.planned, step.money.approved, step.money.currency, step.money.approver)


def _confidence(status: RunStatus) -> Iterator[Confidence]:
    for phase in status.phases:
        sure = [step.confidence for step in phase.steps if step.confidence is not None]
        if sure:
            reviewed = sum(step.accepted_by is not None for step in phase.steps)
            yield Confidence(phase.title, len(sure), sum(sure) / len(sure), min(sure), reviewed)
