"""What a milestone's assignment says of the run so far, and what it means for the rest of the plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from planexe_agents.methods.remaining import Part, pace_of
from planexe_agents.methods.scenarios import SEVERITY, Hazard

SO_FAR = "so far"
STUMBLES = "More work is refused or failed at before it is done"


class WorkSoFar(BaseModel):
    """One step: what was planned and what came. Days count from the first day of the run.

    `refusals` is how often an agent or a person refused it or failed at it, `amount` what was planned
    to be spent and `approved` what a person approved.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    step: str
    title: str = ""
    package: str | None = None
    planned_days: float = Field(default=0.0, ge=0)
    started_day: float | None = Field(default=None, ge=0)
    ended_day: float | None = Field(default=None, ge=0)
    status: Literal["done", "refused", "open"] = "open"
    refusals: int = Field(default=0, ge=0)
    confidence: float | None = Field(default=None, ge=0, le=1)
    amount: float | None = Field(default=None, ge=0)
    approved: float | None = Field(default=None, ge=0)
    currency: str | None = None

    @property
    def part(self) -> Part:
        """The step as the schedule sees it: what was refused is still to be done."""
        return Part(self.planned_days, self.started_day, self.ended_day if self.status == "done" else None)

    @property
    def late_days(self) -> float:
        """By how many days it took longer than planned; 0 where it did not, or has not ended."""
        if self.started_day is None or self.ended_day is None:
            return 0.0
        return max(0.0, self.ended_day - self.started_day - self.planned_days)


class Progress(BaseModel):
    """How many steps are there, how many ended how so far, `day` of the last that is known, and each step."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    steps: int = Field(default=0, ge=0)
    done: int = Field(default=0, ge=0)
    refused: int = Field(default=0, ge=0)
    failed: int = Field(default=0, ge=0)
    mean_confidence: float | None = Field(default=None, ge=0, le=1)
    day: float = Field(default=0.0, ge=0)
    work: tuple[WorkSoFar, ...] = ()

    @property
    def failed_share(self) -> float:
        """The share of ended steps that were refused or failed, 0 to 1."""
        ended = self.done + self.refused + self.failed
        return (self.refused + self.failed) / ended if ended else 0.0

    @property
    def stumbled_share(self) -> float:
        """The share of done steps that somebody refused or failed at before, 0 to 1."""
        done = [row for row in self.work if row.status == "done"]
        return sum(row.refusals > 0 for row in done) / len(done) if done else 0.0

    @property
    def pace(self) -> float:
        """Days taken over days planned of what is done, at least 1."""
        return pace_of(row.part for row in self.work)

    @property
    def left(self) -> float:
        """The share of planned days that is not done, 0 to 1; 1 where no step is known."""
        planned = sum(row.planned_days for row in self.work)
        open_days = sum(row.planned_days for row in self.work if row.status != "done")
        return open_days / planned if planned else 1.0

    @property
    def overspent(self) -> float:
        """What was approved beyond plan, as a share of all that was planned to be approved.

        Of several currencies the worst, as nobody told their rates.
        """
        currencies = {row.currency or "" for row in self.work if row.amount}
        return max((_overspent(self.work, currency) for currency in sorted(currencies)), default=0.0)

    def parts(self) -> dict[str, list[Part]]:
        """The steps of each package, for the schedule."""
        parts: dict[str, list[Part]] = {}
        for row in self.work:
            if row.package:
                parts.setdefault(row.package, []).append(row.part)
        return parts

    def hazards(self) -> tuple[Hazard, ...]:
        """What happened so far, as risks of what comes: refusals come again, doubtful results prove wrong.

        Work that was done after somebody refused it or failed at it took more than was planned, and may again.
        """
        doubt = 1 - self.mean_confidence if self.mean_confidence is not None else 0.0
        found = (
            Hazard(SO_FAR, self.failed_share, SEVERITY["high"], mitigated=False, title="More work is refused"),
            Hazard(SO_FAR, self.stumbled_share, SEVERITY["medium"], mitigated=False, title=STUMBLES),
            Hazard(SO_FAR, doubt, SEVERITY["medium"], mitigated=False, title="A result that was accepted proves wrong"),
        )
        return tuple(hazard for hazard in found if hazard.probability > 0)


def _overspent(work: Sequence[WorkSoFar], currency: str) -> float:
    rows = [row for row in work if row.amount and (row.currency or "") == currency]
    beyond = sum(row.approved - row.amount for row in rows if row.approved is not None and row.amount)
    return beyond / sum(row.amount or 0.0 for row in rows)
