"""How far a run is, as the plugin's API tells it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

RUN_ENDED = ("success", "failed")


class _Message(BaseModel):
    """Only what is shown in a terminal is read; the API may say more."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class StepProgress(_Message):
    id: str
    title: str
    executor: str
    state: str
    waits_on: str | None = None


class MilestoneProgress(_Message):
    assessment: StepProgress | None = None


class PhaseProgress(_Message):
    id: str
    title: str
    state: str
    steps: tuple[StepProgress, ...]
    milestone: MilestoneProgress | None = None

    @property
    def work(self) -> tuple[StepProgress, ...]:
        """The steps, and the look at the risks of the milestone, which is none."""
        assessment = self.milestone.assessment if self.milestone else None
        return (*self.steps, assessment) if assessment else self.steps


class Progress(_Message):
    """A run with its phases; `counts` are its steps by state; `run_dir` is its run folder.

    `report` says whether its final report has been written, which happens just after its end.
    """

    dag_id: str
    run_id: str
    title: str
    state: str
    run_dir: str
    report: bool
    counts: dict[str, int]
    phases: tuple[PhaseProgress, ...]
    open_tickets: int

    @property
    def ended(self) -> bool:
        return self.state in RUN_ENDED

    @property
    def waiting(self) -> tuple[StepProgress, ...]:
        """The steps that wait on a person."""
        return tuple(step for phase in self.phases for step in phase.work if step.state == "waiting")
