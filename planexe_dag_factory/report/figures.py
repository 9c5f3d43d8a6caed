"""The figures of a risk assessment, taken from an agent's result: checked and bounded before anything is drawn.

An agent of another make may return other shapes; then there are no figures, and its words are shown
as any others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from planexe_dag_factory.report.documents import RecordFile

LARGEST = 1e6
Figure = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Words = Annotated[str, Field(max_length=400)]


class Spread(RecordFile):
    """A distribution: mean, and the values that 10, 50, 80 and 90 % of the draws do not exceed."""

    mean: Figure
    p10: Figure
    p50: Figure
    p80: Figure
    p90: Figure


class HistogramBin(RecordFile):
    start: Figure
    end: Figure
    count: int = Field(ge=0)


class Distributed(Spread):
    """A distribution beside what was planned."""

    planned: Figure
    histogram: tuple[HistogramBin, ...] = Field(min_length=1, max_length=60)


class Scenario(RecordFile):
    """One way things may go: shares over planned cost and duration, the chance of success, and the resilience."""

    name: Words
    kind: Literal["base", "adverse", "optimistic"]
    story: Words = ""
    overrun: Figure
    slip: Figure
    success: Share
    resilience: Share
    days: Spread | None = None
    cost: Spread | None = None


class Driver(RecordFile):
    """What moves the end: the mean day of the end when it goes well, and when it goes badly."""

    kind: Literal["risk", "work"]
    title: Words
    days_if_well: Figure
    days_if_badly: Figure
    correlation: Figure


class Rule(RecordFile):
    rule: Words
    value: Figure
    limit: Figure
    fired: bool


class Method(RecordFile):
    """How the figures came about, in the agent's words."""

    durations: Words
    risks: Words
    correlation: Words


class SoFar(RecordFile):
    """What happened until the assessment, and what it made of that."""

    day: Figure
    ended: int = Field(ge=0)
    refused: int = Field(ge=0)
    pace: Figure
    left: Share
    overspent: Figure
    mean_confidence: Share | None = None
    events: tuple[Words, ...] = Field((), max_length=20)


class RiskFigures(RecordFile):
    """All that is drawn of an assessment. `schedule` counts days from the first day of the run."""

    resilience: Share
    rules: tuple[Rule, ...] = Field(max_length=40)
    scenarios: tuple[Scenario, ...] = Field(min_length=1, max_length=20)
    schedule: Distributed | None = None
    cost: Distributed | None = None
    drivers: tuple[Driver, ...] = Field((), max_length=20)
    draws: int = Field(0, ge=0)
    seed: Annotated[str, Field(max_length=40)] = ""
    method: Method | None = None
    so_far: SoFar | None = None
    unread: tuple[Words, ...] = Field((), max_length=20)


def read_figures(result: Mapping[str, Any]) -> RiskFigures | None:
    """Take the figures from a result; None where they are not all there."""
    try:
        return RiskFigures.model_validate(result)
    except ValidationError:
        return None
