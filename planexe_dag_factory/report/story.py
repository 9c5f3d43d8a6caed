"""What a reader wants to know first: what was done, decided and changed, what is late, what comes next.

Told from a RunStatus alone: since the milestone before, or over the whole run. Titles and reasons are
the plan's and people's words; the rest is ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from planexe_dag_factory.report.model import Decision, PhaseStatus, Reroute, RiskRow, RunStatus, StepStatus, Try
from planexe_dag_factory.report.words import called, day_on, days, lasting, money

AGAINST = ("Reject", "Rejected", "Refuse", "Refused", "Stop")
CORRECTING = ("Correct", "Redo")
ACCEPTING = ("Accept",)
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
LEAST_DAYS = 0.05
"""And no step is late, or waited for an approval, by about an hour."""
DAY = 86400
LOST = {"refused": "was refused", "failed": "failed", "skipped": "was not reached"}


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
class Finish:
    """The end of a phase or (the last) of the plan, in days from the start of the run: as planned, and as it came.

    `end` is the forecast where it is not `reached`; None where there is none.
    """

    title: str
    planned: float
    end: float | None
    reached: bool

    @property
    def difference(self) -> float | None:
        return None if self.end is None else self.end - self.planned


@dataclass(frozen=True, slots=True)
class Tokens:
    """What language models took in a phase."""

    phase: str
    requests: int
    tokens: int
    cost: float | None
    measured: bool


@dataclass(frozen=True, slots=True)
class Story:
    """The short story of a run; `since` is the milestone before (None: the whole run is told).

    What is `decided` comes in the order of its weight, without the `accepted` works of agents, which are counted.
    `phases` and `results` name the phases and steps that belong to this report, by their ids.
    """

    since: datetime | None
    done: tuple[Point, ...]
    decided: tuple[Point, ...]
    accepted: int
    changed: tuple[Point, ...]
    late: tuple[Point, ...]
    timeline: tuple[Point, ...]
    risks: tuple[RiskChange, ...]
    arisen: tuple[str, ...]
    costs: tuple[Cost, ...]
    confidence: tuple[Confidence, ...]
    models: tuple[Tokens, ...]
    finishes: tuple[Finish, ...]
    phases: tuple[str, ...]
    decisions: tuple[Decision, ...]
    rerouted: tuple[Reroute, ...]
    results: tuple[str, ...]


def tell(status: RunStatus) -> Story:
    """Tell the story of a run as of its report."""
    since = _since(status)
    told = [one for one in status.decisions if _after(one.at, since)]
    weighed = tuple(sorted((one for one in told if one.what not in ACCEPTING), key=_weight))
    ended = [step for step in status.steps if not step.actual or _after(step.actual.end, since)]
    titles = {step.title for step in ended}
    return Story(
        since=since,
        done=tuple(_done(status, since)),
        decided=tuple(map(_decided, weighed)),
        accepted=sum(one.what in ACCEPTING for one in told),
        changed=tuple(_changed(status, since)),
        late=tuple(_late(status, since)),
        timeline=tuple(_timeline(status)) if status.over else (),
        risks=tuple(_risks(status)),
        arisen=_arisen(status),
        costs=tuple(_costs(status)),
        confidence=tuple(_confidence(status)),
        models=tuple(_models(status)),
        finishes=tuple(_finishes(status)) if status.estimated else (),
        phases=tuple(_phases(status, since)),
        decisions=weighed,
        rerouted=tuple(one for one in status.rerouted if one.step in titles),
        results=tuple(step.id for step in ended if step.said),
    )


def expected_end(status: RunStatus) -> Finish | None:
    """Say when the whole plan ended or is to end; None where it does neither, or nothing was estimated."""
    last = next(iter(tuple(_finishes(status))[-1:]), None) if status.estimated else None
    return last if last and last.end is not None else None


def _weight(decision: Decision) -> int:
    """Say how early a decision is told: what stopped something, what costs money, what was corrected, the rest."""
    kinds = (decision.what in AGAINST, decision.amount is not None, decision.what in CORRECTING, True)
    return kinds.index(True)


def _phases(status: RunStatus, since: datetime | None) -> Iterator[str]:
    """Name the phases in which something happened since then, and the next one; at the end all of them."""
    quiet = [phase for phase in status.phases if not status.over and not _is_told(phase, status.upto, since)]
    following = next((phase for phase in quiet if phase.done < len(phase.steps)), None)
    yield from (phase.id for phase in status.phases if phase not in quiet or phase is following)


def _is_told(phase: PhaseStatus, upto: str | None, since: datetime | None) -> bool:
    moved = (step.actual and _after(step.actual.end, since) for step in phase.steps)
    return phase.milestone == upto or any(moved)


def _finishes(status: RunStatus) -> Iterator[Finish]:
    for phase in status.phases:
        yield _finish(phase.title, phase.steps, status)
    yield _finish("The whole plan", status.steps, status)


def _finish(title: str, steps: Sequence[StepStatus], status: RunStatus) -> Finish:
    planned = max((step.planned.end for step in steps), default=0.0)
    ends = [end for step in steps if (end := _end_of(step, status)) is not None]
    reached = all(step.state == "done" for step in steps)
    known = len(ends) == len(steps) and (reached or not _is_blocked(status))
    return Finish(title, planned, max(ends, default=0.0) if known else None, reached)


def _is_blocked(status: RunStatus) -> bool:
    """Say whether something was refused, so that nobody can tell when what is open will end."""
    return status.forecast is not None and bool(status.forecast.blocked)


def _end_of(step: StepStatus, status: RunStatus) -> float | None:
    """Say on which day of the run a step ended or is to end."""
    if step.state == "done" and step.actual:
        return (step.actual.end - status.started_at).total_seconds() / DAY
    return step.forecast.end if step.forecast and not status.over else None


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
            yield Point(step.title, f"done by {called(step.who)}{accepted}", step.note, step.actual.end)


def _decided(decision: Decision) -> Point:
    amount = f", {money(decision.amount, decision.currency)}" if decision.amount is not None else ""
    said = SAID.get(decision.what, decision.what) + amount
    return Point(decision.about, said, decision.why, decision.at, decision.who)


def _changed(status: RunStatus, since: datetime | None) -> Iterator[Point]:
    """List what did not go as the plan and its routes had it."""
    for step in status.steps:
        ended = step.actual.end if step.actual else None
        if ended is not None and not _after(ended, since):
            continue
        if step.state in LOST:
            yield Point(step.title, LOST[step.state], step.why, ended)
        yield from _rerouted(step)
        yield from _amount_changed(step)


def _rerouted(step: StepStatus) -> Iterator[Point]:
    first = next((one for one in step.tried if one.status != "completed"), None)
    taken = next((one for one in step.tried if one.status == "completed"), None)
    if first:
        now = _asked(taken) if taken else called(step.who)
        ended = step.actual.end if step.actual else None
        yield Point(step.title, f"went from {_asked(first)} to {now}", at=ended)


def _asked(tried: Try) -> str:
    return f"{called(tried.agent)} ({called(tried.action)})"


def _amount_changed(step: StepStatus) -> Iterator[Point]:
    spent = step.money
    if spent and spent.planned is not None and spent.approved is not None and spent.planned != spent.approved:
        approved = money(spent.approved, spent.currency)
        yield Point(step.title, f"{approved} approved where {spent.planned:,.2f} was planned")


def _late(status: RunStatus, since: datetime | None) -> Iterator[Point]:
    """List what ended after its planned day since then, or is under way and will, the worst first; and the end."""
    if not status.estimated:
        return
    forecast, first = status.forecast, status.started_at.date()
    later = forecast.end - forecast.planned_end if forecast else 0.0
    if forecast and not forecast.blocked and later > NOTABLE * forecast.planned_end:
        planned = day_on(first, forecast.planned_end)
        yield Point("The end of the plan", f"expected {days(later)} after the planned {planned}")
    late = [(step, by) for step in status.steps if _is_new(step, since) and (by := _late_by(step, status))]
    for step, by in sorted(late, key=lambda found: -found[1]):
        ended = "ended" if step.state == "done" else "will end"
        waited = f", and waited {lasting(step.approval_days * DAY)} for its approval"
        said = f"{ended} {days(by)} after the planned {day_on(first, step.planned.end)}"
        yield Point(step.title, said + (waited if step.approval_days > LEAST_DAYS else ""))


def _is_new(step: StepStatus, since: datetime | None) -> bool:
    """Say whether a step has begun, and did not end before."""
    return step.actual is not None and (step.state != "done" or _after(step.actual.end, since))


def _late_by(step: StepStatus, status: RunStatus) -> float:
    end = _end_of(step, status)
    by = 0.0 if end is None else end - step.planned.end
    return by if by > max(LEAST_DAYS, NOTABLE * (step.planned.end - step.planned.start)) else 0.0


def _timeline(status: RunStatus) -> Iterator[Point]:
    """Tell what happened when: start, steps, re-routes, assessments, milestones, what people decided, the end."""
    said = {one.about: one.why for one in status.decisions if one.what in ACCEPTING}
    done = [step for step in status.steps if step.state == "done"]
    ended = {step.title for step in done}
    told = [
        Point(status.title, "the run began", at=status.started_at),
        *(_ended(step, said.get(step.title, "")) for step in done),
        *(point for step in status.steps for point in _rerouted(step) if point.at),
        *(Point(one.milestone, "its risks were assessed", "", one.at, called(one.agent)) for one in status.assessments),
        *(Point(phase.title, "its milestone was reached", at=phase.reached_at) for phase in status.phases),
        *(_decided(one) for one in status.decisions if one.what not in ACCEPTING or one.about not in ended),
        Point(status.title, "the run ended", at=status.as_of),
    ]
    known = (point for point in told if point.at)
    yield from sorted(known, key=lambda point: (point.at or status.as_of, point.what == "the run ended"))


def _ended(step: StepStatus, said: str) -> Point:
    """Tell that a step was done; where a person accepted it, with what they said."""
    accepted = f", and accepted by {step.accepted_by}" if step.accepted_by else ""
    at = step.actual.end if step.actual else None
    return Point(step.title, f"was done{accepted}", said if accepted else "", at, called(step.who))


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


def _arisen(status: RunStatus) -> tuple[str, ...]:
    """List what the last assessment with figures has added to the register."""
    drawn = [one.figures.so_far.events for one in status.assessments if one.figures and one.figures.so_far]
    return drawn[-1] if drawn else ()


def _models(status: RunStatus) -> Iterator[Tokens]:
    for phase in status.phases:
        taken = [step.spent for step in phase.steps if step.spent]
        if taken:
            whole = sum(taken[1:], taken[0])
            yield Tokens(phase.title, whole.requests, whole.tokens, whole.cost, whole.measured)


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
