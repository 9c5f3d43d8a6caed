"""A run folder -> RunStatus: what the record says about every step, as one value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.learning.pace import kind_of_route
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.report.documents import AnswerFile, EstimatesFile, PaceEntry, PlanFile, RiskEntry, RunFile
from planexe_dag_factory.report.evidence import Asked, Evidence, ItemRecord
from planexe_dag_factory.report.figures import read_figures
from planexe_dag_factory.report.forecast import Outlook, SoFar, earned, look_ahead
from planexe_dag_factory.report.model import (
    STATES,
    Assessment,
    Days,
    Decision,
    Learned,
    Money,
    NextStep,
    PhaseStatus,
    Reroute,
    RiskRow,
    RunForecast,
    RunStatus,
    Span,
    Spent,
    State,
    StepStatus,
    Try,
    Wait,
)
from planexe_dag_factory.report.schedule import has_estimates, planned_days, steps_in_order, tasks_in_order
from planexe_dag_factory.spec.codec import load_spec
from planexe_dag_factory.spec.model import DagSpec, GroupSpec, MilestoneSpec, WorkItem

WEIGHT = {"low": 1, "medium": 2, "high": 3}
DAY = 86400
NOT_BEGUN: tuple[State, ...] = ("pending", "queued")


@dataclass(frozen=True)
class Picture:
    """Everything that one report is made from."""

    plan: PlanFile
    spec: DagSpec
    run: RunFile
    evidence: Evidence
    upto: str | None
    at: datetime | None = None

    @cached_property
    def items(self) -> Mapping[str, ItemRecord]:
        return {item: self.evidence.item(item) for item in self.spec.work_items}

    @cached_property
    def planned(self) -> Mapping[str, Days]:
        return planned_days(self.spec)

    @cached_property
    def expected(self) -> Mapping[str, Days]:
        """The planned days, each as long as such work took in earlier runs; the same where there were none."""
        factors = {item: self.paces[kind].factor for item, kind in self._kinds.items() if kind in self.paces}
        return {
            item: Days(days.start, days.start + (days.end - days.start) * factors.get(item, 1.0))
            for item, days in self.planned.items()
        }

    @cached_property
    def paces(self) -> Mapping[str, PaceEntry]:
        """What earlier runs had taught of the estimates of each kind of work in this plan."""
        known = self.evidence.find(EstimatesFile, "estimates.json") or EstimatesFile()
        return {kind: pace for kind, pace in sorted(known.kinds.items()) if kind in self._kinds.values()}

    @cached_property
    def _kinds(self) -> Mapping[str, str]:
        return {item.id: kind_of_route(item.route) for item in self.spec.work_items.values()}

    @cached_property
    def as_of(self) -> datetime:
        """The time of the report: when its manifest was sealed, else `at`, else the last time in the record."""
        if self.evidence.manifest:
            return self.evidence.manifest.at
        if self.at:
            return self.at
        times = (time for item in self.items.values() for time in _times(item))
        return max(times, default=self.run.started_at)

    @cached_property
    def titles(self) -> Mapping[str, str]:
        """Titles of phases and packages by their id."""
        return {group.id: group.title for group in self.spec.groups}

    @cached_property
    def outlook(self) -> Outlook | None:
        """What is left, laid out from now on; None where nothing is left or nothing was estimated."""
        if self.over or not has_estimates(self.spec):
            return None
        so_far = {item: known for item, record in self.items.items() if (known := self._so_far(record))}
        return look_ahead(self.spec, self.expected, so_far, self.day_of(self.as_of))

    def _so_far(self, record: ItemRecord) -> SoFar | None:
        """Say since when somebody works on it; to wait for an approval is not to have begun."""
        if record.result and record.result.status == "done":
            return SoFar(self.day_of(record.result.started_at), self.day_of(record.result.ended_at))
        begun = [asked.ticket.opened_at for asked in record.tickets if asked.ticket.kind != "approval" and asked.open]
        begun += [record.sent_at] if record.sent_at else []
        return SoFar(self.day_of(min(begun))) if begun else None

    def day_of(self, moment: datetime) -> float:
        """Count the days from the start of the run."""
        return max(0.0, (moment - self.run.started_at).total_seconds() / DAY)

    @property
    def over(self) -> bool:
        return self.upto is None and self.evidence.manifest is not None

    def state(self, item: str) -> State:
        return _state(self.items[item], over=self.over)


def read_status(run: RunFolder, upto: str | None, at: datetime | None = None) -> RunStatus:
    """Read how a run stands: after the milestone `upto`, or at its end (None); `at` is now, while it goes on.

    Raises RecordError where the folder cannot be read or has no such milestone.
    """
    picture = _read(run, upto, at)
    phases = tuple(_phase_status(picture, phase) for phase in picture.spec.groups if phase.parent is None)
    steps = [step for phase in phases for step in phase.steps]
    counted = Counter(step.state for step in steps)
    return RunStatus(
        title=picture.spec.title,
        owner=picture.spec.owner,
        summary=picture.spec.summary,
        plan_id=picture.spec.plan_id,
        dag_id=picture.spec.dag_id,
        run_id=picture.run.run_id,
        record=run.name,
        upto=upto,
        over=picture.over,
        started_at=picture.run.started_at,
        as_of=picture.as_of,
        plan_start=picture.plan.start,
        estimated=has_estimates(picture.spec),
        phases=phases,
        waiting=tuple(sorted(_waiting(picture), key=lambda wait: (wait.since, wait.about))),
        next=tuple(_next(picture)),
        decisions=tuple(sorted(_decisions(picture), key=lambda decision: (decision.at, decision.about))),
        rerouted=tuple(_rerouted(steps)),
        risks=tuple(sorted(map(_risk_row, picture.plan.risks), key=lambda row: -row.level)),
        assessments=tuple(sorted(_assessments(picture), key=lambda one: one.at)),
        counts={state: counted[state] for state in STATES if counted[state]},
        forecast=_forecast(picture),
        sealed=picture.evidence.sealed,
    )


def _read(run: RunFolder, upto: str | None, at: datetime | None) -> Picture:
    evidence = Evidence(run, upto, today=at is not None)
    try:
        spec = load_spec(evidence.content("dagspec.json"))
    except ValueError as error:
        raise RecordError(f"dagspec.json in {run.root} cannot be read: {error}") from error
    if upto is not None and upto not in {milestone.id for milestone in spec.milestones}:
        raise RecordError(f"{run.name} has no milestone {upto!r}; it has {[each.id for each in spec.milestones]}")
    return Picture(evidence.read(PlanFile, "plan.json"), spec, evidence.read(RunFile, "run.json"), evidence, upto, at)


def _phase_status(picture: Picture, phase: GroupSpec) -> PhaseStatus:
    milestone = next(milestone for milestone in picture.spec.milestones if milestone.phase == phase.id)
    items = (picture.spec.work_items[step] for step in steps_in_order(picture.spec))
    steps = tuple(_step_status(picture, item) for item in items if item.phase == phase.id)
    spans = [step.actual for step in steps if step.actual]
    return PhaseStatus(
        id=phase.id,
        title=phase.title,
        milestone=milestone.id,
        number=milestone.number,
        critical=milestone.critical,
        steps=steps,
        planned=Days(
            min((step.planned.start for step in steps), default=0.0),
            max((step.planned.end for step in steps), default=0.0),
        ),
        actual=Span(min(span.start for span in spans), max(span.end for span in spans)) if spans else None,
        reached_at=_reached_at(picture, milestone),
    )


def _reached_at(picture: Picture, milestone: MilestoneSpec) -> datetime | None:
    return picture.as_of if milestone.id == picture.upto else picture.evidence.reached(milestone.id)


def _step_status(picture: Picture, item: WorkItem) -> StepStatus:
    record = picture.items[item.id]
    decision, result = record.decisions[-1] if record.decisions else None, record.result
    calibrated = decision.calibrated if decision else None
    confidence = result.confidence if result else decision.confidence if decision else None
    return StepStatus(
        id=item.id,
        title=item.title,
        package=picture.titles.get(item.package or "", ""),
        executor=item.route.executor,
        state=picture.state(item.id),
        who=_who(record, item),
        planned=picture.planned[item.id],
        why=_why(record),
        accepted_by=_accepted_by(record),
        agent=result.agent if result else None,
        confidence=confidence,
        counts_as=calibrated.counts_as if calibrated and confidence is not None else None,
        reviews=calibrated.reviews if calibrated else 0,
        threshold=item.route.threshold if confidence is not None else None,
        gate=item.route.gate.kind if item.route.gate else None,
        actual=_actual(record, picture.as_of),
        waits=tuple(_span(asked, picture.as_of) for asked in record.tickets),
        tried=_tried(record),
        said=result.result if result and result.result else None,
        money=_money(record, item),
        note=_note(record),
        approval_days=_approval_days(record, picture.as_of),
        spent=_spent(record),
        forecast=picture.outlook.days.get(item.id) if picture.outlook else None,
        slack=picture.outlook.slack.get(item.id) if picture.outlook else None,
    )


def _note(record: ItemRecord) -> str:
    """Return what the person who did the work reported; what was said in a review is a decision."""
    result = record.result
    return (result.note or "") if result and result.status == "done" and result.by.kind == "person" else ""


def _approval_days(record: ItemRecord, as_of: datetime) -> float:
    spans = (_span(asked, as_of) for asked in record.tickets if asked.ticket.kind == "approval")
    return sum((span.end - span.start).total_seconds() for span in spans) / DAY


def _spent(record: ItemRecord) -> Spent | None:
    taken = [
        Spent(usage.requests, usage.input_tokens + usage.output_tokens, usage.cost, usage.measured)
        for outcome in record.outcomes
        if (usage := outcome.usage)
    ]
    return sum(taken[1:], taken[0]) if taken else None


def _money(record: ItemRecord, item: WorkItem) -> Money | None:
    gate = item.route.gate
    if gate is None or gate.kind != "budget":
        return None
    approval = record.approval
    if approval is None or approval.decision != "approved":
        return Money(gate.amount, None, gate.currency or "", gate.approver)
    return Money(gate.amount, approval.amount, gate.currency or "", approval.by.label)


def _forecast(picture: Picture) -> RunForecast | None:
    if picture.outlook is None:
        return None
    steps = set(steps_in_order(picture.spec))
    planned = {item: days for item, days in picture.planned.items() if item in steps}
    done = frozenset(item for item in steps if picture.state(item) == "done")
    lost = [item for item in steps_in_order(picture.spec) if picture.state(item) in ("refused", "failed")]
    return RunForecast(
        planned_end=max((days.end for days in planned.values()), default=0.0),
        end=picture.outlook.end,
        critical=tuple(picture.spec.work_items[item].title for item in picture.outlook.critical if item in steps),
        earned=earned(planned, done, picture.day_of(picture.as_of)),
        blocked=tuple(picture.spec.work_items[item].title for item in lost),
        learned=tuple(Learned(kind, pace.factor, pace.n) for kind, pace in picture.paces.items()),
    )


def _state(record: ItemRecord, *, over: bool) -> State:
    if record.result:
        return record.result.status
    if record.approval and record.approval.decision == "rejected":
        return "refused"
    begun = bool(record.assignments or record.tickets or record.decisions)
    if over:
        return "failed" if begun else "skipped"
    if record.open_ticket:
        return "waiting"
    if record.assignments:
        return "running"
    return "queued" if record.approval or begun else "pending"


def _who(record: ItemRecord, item: WorkItem) -> str:
    """Say who did it, else who is waited for, else whose turn it will be."""
    if record.result:
        return record.result.by.label
    if record.open_ticket:
        return record.open_ticket.assignee or item.route.assignee
    if record.assignments:
        return record.assignments[-1].agent
    return item.route.candidates[0].agent if item.route.candidates else item.route.assignee


def _accepted_by(record: ItemRecord) -> str | None:
    """Name the person who accepted an agent's work."""
    if record.result is None or record.result.by.kind != "agent":
        return None
    accepted_by = record.result.accepted_by
    return accepted_by.label if accepted_by and accepted_by.kind == "person" else None


def _why(record: ItemRecord) -> str:
    """Say why a step was refused, in the words of whoever refused it."""
    if record.result:
        return (record.result.reason or "") if record.result.status == "refused" else ""
    rejected = record.approval and record.approval.decision == "rejected"
    return (record.approval.reason or "") if record.approval and rejected else ""


def _actual(record: ItemRecord, as_of: datetime) -> Span | None:
    if record.result:
        return Span(record.result.started_at, record.result.ended_at)
    times = list(_times(record))
    return Span(min(times), as_of) if times else None


def _times(record: ItemRecord) -> Iterator[datetime]:
    if record.result:
        yield from (record.result.started_at, record.result.ended_at)
    if record.sent_at:
        yield record.sent_at
    if record.approval:
        yield record.approval.at
    yield from (decision.at for decision in record.decisions)
    for asked in record.tickets:
        yield asked.ticket.opened_at
        if asked.answer:
            yield asked.answer.at


def _span(asked: Asked, as_of: datetime) -> Span:
    return Span(asked.ticket.opened_at, asked.answer.at if asked.answer else as_of)


def _tried(record: ItemRecord) -> tuple[Try, ...]:
    return tuple(
        Try(tried.agent, tried.action, tried.status, tried.reason or "")
        for decision in record.decisions
        for tried in decision.tried
    )


def _waiting(picture: Picture) -> Iterator[Wait]:
    for item_id, record in picture.items.items():
        ticket = record.open_ticket
        if ticket and not picture.over:
            item = picture.spec.work_items[item_id]
            yield Wait(
                about=item.title,
                kind=ticket.kind,
                ask=ticket.ask,
                why=ticket.why,
                assignee=ticket.assignee or item.route.assignee,
                since=ticket.opened_at,
                due_at=ticket.due_at,
                overdue=ticket.due_at is not None and ticket.due_at < picture.as_of,
                unblocks=ticket.unblocks,
            )


def _next(picture: Picture) -> Iterator[NextStep]:
    """Find the steps that have not begun though everything before them is done, in the plan's order."""
    ready = _ready(picture)
    for step in steps_in_order(picture.spec) if not picture.over else ():
        if step in ready and picture.state(step) in NOT_BEGUN:
            item = picture.spec.work_items[step]
            gate = item.route.gate.kind if item.route.gate else None
            yield NextStep(item.title, picture.titles[item.phase], _who(picture.items[step], item), gate)


def _ready(picture: Picture) -> set[str]:
    item_of = {task.id: task.work_item for task in picture.spec.tasks}
    clear: set[str] = set()
    ready: set[str] = set()
    for task, before in tasks_in_order(picture.spec):
        item = item_of[task]
        if before <= clear:
            if item:
                ready.add(item)
            if item is None or picture.state(item) == "done":
                clear.add(task)
    return ready


def _decisions(picture: Picture) -> Iterator[Decision]:
    for item_id, record in picture.items.items():
        item = picture.spec.work_items[item_id]
        gate = item.route.gate
        currency = (gate.currency or "") if gate else ""
        answered = [asked for asked in record.tickets if asked.answer and not asked.open]
        yield from (
            _answered(item.title, asked.ticket.kind, asked.answer, currency)
            for asked in answered
            if asked.answer and (asked.ticket.kind, asked.answer.option) != ("work", "Done")
        )
        if not answered:
            yield from _unanswered(item.title, record, currency)


def _answered(title: str, kind: str, answer: AnswerFile, currency: str) -> Decision:
    amount = answer.fields.get("amount")
    return Decision(
        at=answer.at,
        who=answer.by.label,
        about=title,
        kind=kind,
        what=answer.option,
        why=str(answer.fields.get("comment") or ""),
        amount=float(amount) if isinstance(amount, int | float) else None,
        via=answer.via,
        currency=currency if isinstance(amount, int | float) else "",
    )


def _unanswered(title: str, record: ItemRecord, currency: str) -> Iterator[Decision]:
    """Find what was decided without an accepted answer: a ticket that timed out, say."""
    if record.approval:
        approval = record.approval
        what = approval.decision.capitalize()
        why, amount = approval.reason or "", approval.amount
        spent = currency if amount is not None else ""
        yield Decision(approval.at, approval.by.label, title, "approval", what, why, amount, currency=spent)
    elif record.result and record.result.status == "refused":
        result = record.result
        yield Decision(result.ended_at, result.by.label, title, "refusal", "Refused", result.reason or "")


def _rerouted(steps: Iterable[StepStatus]) -> Iterator[Reroute]:
    for step in steps:
        if any(tried.status != "completed" for tried in step.tried):
            yield Reroute(step.title, step.tried, step.who)


def _risk_row(risk: RiskEntry) -> RiskRow:
    level = WEIGHT.get(risk.likelihood, 2) * WEIGHT.get(risk.severity, 2)
    return RiskRow(risk.area, risk.description, risk.likelihood, risk.severity, risk.action, level)


def _assessments(picture: Picture) -> Iterator[Assessment]:
    titles = {milestone.id: milestone.title for milestone in picture.spec.milestones}
    for item_id, item in picture.spec.work_items.items():
        record = picture.items[item_id]
        result = record.result
        if item.milestone and result:
            yield Assessment(
                milestone=titles[item.milestone],
                agent=result.agent or result.by.label,
                existential=result.result.get("existential") is True,
                confidence=result.confidence,
                said=result.result,
                at=record.decisions[-1].at if record.decisions else result.ended_at,
                figures=read_figures(result.result),
                accepted_by=_accepted_by(record),
            )
