"""How far a run is: the states of its tasks, read as the states of the plan's steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from planexe_dag_factory.report.model import STATES, State
from planexe_dag_factory.spec.model import DagSpec, MilestoneSpec, TaskSpec, WorkItem
from planexe_dag_factory.ui.wire import MilestoneProgress, OwnReport, PhaseProgress, StepProgress

_STATE_OF_TASK: Mapping[str | None, State] = {
    None: "pending",
    "removed": "pending",
    "scheduled": "queued",
    "queued": "queued",
    "running": "running",
    "restarting": "running",
    "deferred": "running",
    "up_for_retry": "running",
    "up_for_reschedule": "running",
    "awaiting_input": "waiting",
    "success": "done",
    "failed": "failed",
    "upstream_failed": "skipped",
    "skipped": "skipped",
}

_LOUDEST_TASK: tuple[State, ...] = ("failed", "waiting", "running", "queued")
"""A step is what the first of these is that one of its tasks is in: a failure decides it."""

_LOUDEST_STEP: tuple[State, ...] = ("waiting", "running", "queued", "failed", "refused")
"""A phase goes on beside a failed step; it has failed when nothing goes on any more."""


@dataclass(frozen=True, slots=True)
class TaskRow:
    """What a task is doing (Airflow's state), and since when."""

    state: str | None
    since: datetime | None


_NOT_STARTED = TaskRow(state=None, since=None)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known about a run: its tasks by id, the refused work items, the milestones with a report.

    `own_report` says how PlanExe's own report of a milestone stands; `holders` who has the open ticket of a task now.
    """

    tasks: Mapping[str, TaskRow]
    refused: Callable[[str], bool]
    has_report: Callable[[str], bool]
    own_report: Callable[[str], OwnReport | None] = lambda _: None
    holders: Mapping[str, str] = field(default_factory=dict)


def phases_of(spec: DagSpec, facts: RunFacts) -> tuple[PhaseProgress, ...]:
    """Return every phase with its steps and its milestone, in the order of the plan."""
    steps, assessments = _steps_by_phase(spec, facts)
    titles = {group.id: group.title for group in spec.groups}
    before = [
        PhaseProgress(
            id=phase or "start", title="Before the plan starts", state=_state_of(done), milestone=None, steps=done
        )
        for phase, done in steps.items()
        if phase not in {milestone.phase for milestone in spec.milestones}
    ]
    return (
        *before,
        *(
            _phase(spec, milestone, titles, steps.get(milestone.phase, ()), assessments.get(milestone.id), facts)
            for milestone in spec.milestones
        ),
    )


def count_states(phases: Iterable[PhaseProgress]) -> dict[State, int]:
    """Count the steps by state; states that no step is in are left out."""
    counts = Counter(step.state for phase in phases for step in phase.steps)
    return {state: counts[state] for state in STATES if counts[state]}


def open_work(phases: Iterable[PhaseProgress]) -> Iterator[StepProgress]:
    """Yield the steps, and what looks at the risks of milestones: all that may wait for somebody."""
    for phase in phases:
        yield from phase.steps
        if phase.milestone and phase.milestone.assessment:
            yield phase.milestone.assessment


def _phase(  # noqa: PLR0917 - what a phase is made of
    spec: DagSpec,
    milestone: MilestoneSpec,
    titles: Mapping[str, str],
    steps: tuple[StepProgress, ...],
    assessment: StepProgress | None,
    facts: RunFacts,
) -> PhaseProgress:
    task = next(task for task in spec.tasks if task.kind == "milestone" and task.milestone == milestone.id)
    reached = _state_of_task(facts.tasks.get(task.id, _NOT_STARTED))
    return PhaseProgress(
        id=milestone.phase,
        title=titles.get(milestone.phase, milestone.title),
        state="done" if reached == "done" else _state_of((*steps, *([assessment] if assessment else []))),
        milestone=MilestoneProgress(
            id=milestone.id,
            title=milestone.title,
            state=reached,
            report=facts.has_report(milestone.id),
            assessment=assessment,
            own_report=facts.own_report(milestone.id) if reached == "done" else None,
        ),
        steps=steps,
    )


def _steps_by_phase(
    spec: DagSpec, facts: RunFacts
) -> tuple[dict[str, tuple[StepProgress, ...]], dict[str, StepProgress]]:
    """Return the steps of each phase, and the assessment at each milestone."""
    tasks: dict[str, list[TaskSpec]] = {}
    for task in spec.tasks:
        if task.work_item is not None:
            tasks.setdefault(task.work_item, []).append(task)
    titles = {group.id: group.title for group in spec.groups}
    steps: dict[str, list[StepProgress]] = {}
    assessments: dict[str, StepProgress] = {}
    for item_id, own in tasks.items():
        item = spec.work_items[item_id]
        step = _step(item, own, titles, facts)
        if item.milestone is None:
            steps.setdefault(item.phase, []).append(step)
        else:
            assessments[item.milestone] = step
    return {phase: tuple(own) for phase, own in steps.items()}, assessments


def _step(item: WorkItem, tasks: list[TaskSpec], titles: Mapping[str, str], facts: RunFacts) -> StepProgress:
    states = [(task, facts.tasks.get(task.id, _NOT_STARTED)) for task in tasks]
    state = _state_of_step(states)
    task, row = _telling(states, state)
    return StepProgress(
        id=item.id,
        title=item.title,
        package=titles.get(item.package, item.package) if item.package else "",
        executor=item.route.executor,
        gate=item.route.gate.kind if item.route.gate else None,
        state="refused" if state == "failed" and facts.refused(item.id) else state,
        task_id=task.id,
        since=row.since,
        waits_on=facts.holders.get(task.id) or _asked(item, task) if state == "waiting" else None,
    )


def _state_of_step(tasks: list[tuple[TaskSpec, TaskRow]]) -> State:
    """A step is done when its last task is; one between two of its tasks is queued."""
    states = [_state_of_task(row) for _, row in tasks]
    if states[-1] == "done":
        return "done"
    for loud in _LOUDEST_TASK:
        if loud in states:
            return loud
    if "skipped" in states and states[-1] == "skipped":
        return "skipped"
    return "queued" if "done" in states else "pending"


def _state_of_task(row: TaskRow) -> State:
    """A state that Airflow may yet invent counts as running: the task is at least not idle."""
    return _STATE_OF_TASK.get(row.state, "running")


def _telling(tasks: list[tuple[TaskSpec, TaskRow]], state: State) -> tuple[TaskSpec, TaskRow]:
    """Return the task that makes the step what it is: the one to look at, or to answer."""
    matching = [(task, row) for task, row in tasks if _state_of_task(row) == state]
    return matching[-1] if matching else tasks[-1]


def _asked(item: WorkItem, task: TaskSpec) -> str:
    gate = item.route.gate
    return gate.approver if task.kind == "gate" and gate else item.route.assignee


def _state_of(steps: Iterable[StepProgress]) -> State:
    states = {step.state for step in steps}
    for loud in _LOUDEST_STEP:
        if loud in states:
            return loud
    if "done" in states:
        return "done" if states <= {"done", "skipped"} else "running"
    return "skipped" if states == {"skipped"} else "pending"
