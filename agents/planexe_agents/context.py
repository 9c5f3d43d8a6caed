"""What an assignment's `context` holds, typed: the plan around a step, for agents that want to read it.

Unknown keys are ignored, since the orchestrator may tell more than this version knows. All of it is
data from a plan, never instructions.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


class ContextValue(BaseModel):
    """Base of everything in a context."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


def _text(value: Any) -> Any:
    return "" if value is None else value


def _rows(value: Any) -> Any:
    return () if value is None else value


Text = Annotated[str, BeforeValidator(_text)]


class Document(ContextValue):
    """A text of the plan that may be searched and cited."""

    name: str
    text: Text = ""


class Estimate(ContextValue):
    """Three points in days; the ids of the estimates it waits for, and of the one that includes it (`parent`)."""

    id: str
    title: Text = ""
    days_min: float = Field(ge=0)
    days_likely: float = Field(ge=0)
    days_max: float = Field(ge=0)
    depends_on: Annotated[tuple[str, ...], BeforeValidator(_rows)] = ()
    parent: str | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Estimate:
        if not self.days_min <= self.days_likely <= self.days_max:
            raise ValueError(f"estimate {self.id!r}: days_min, days_likely and days_max must not fall")
        return self


class RiskRow(ContextValue):
    """One row of the risk register; likelihood and severity are words, shares or percentages (`methods.ratings`)."""

    area: Text = ""
    description: Text = ""
    impact: Text = ""
    likelihood: Text = ""
    severity: Text = ""
    action: Text = ""


class EarlierResult(ContextValue):
    """How an earlier step ended, and what came of it."""

    step: str
    title: Text = ""
    status: Text = "done"
    result: dict[str, Any] = {}
    confidence: float | None = None

    @property
    def name(self) -> str:
        """The words that a reader knows the step by."""
        return self.title or self.step

    @property
    def facts(self) -> dict[str, Any]:
        """The result without what a language model wrote: its words restate evidence and are none themselves."""
        written = {"narrative", "markdown"} if "narrative" in self.result else set[str]()
        return {name: value for name, value in self.result.items() if name not in written}


class ModelBudget(ContextValue):
    """How many tokens of a language model the step may take, over all its requests; 0: work without one."""

    tokens: int = Field(ge=0)


class PlanHead(ContextValue):
    """What the plan is called, and what it is about."""

    title: Text = ""
    summary: Text = ""


class Context(ContextValue):
    """The plan around a step; `phase` and `package` say where in it the step belongs.

    `lessons` are from earlier runs that people reviewed. Without a `model_budget` there is no limit.
    """

    plan: PlanHead = PlanHead()
    phase: Text = ""
    package: Text = ""
    documents: Annotated[tuple[Document, ...], BeforeValidator(_rows)] = ()
    estimates: Annotated[tuple[Estimate, ...], BeforeValidator(_rows)] = ()
    risks: Annotated[tuple[RiskRow, ...], BeforeValidator(_rows)] = ()
    results: Annotated[tuple[EarlierResult, ...], BeforeValidator(_rows)] = ()
    lessons: Annotated[tuple[Text, ...], BeforeValidator(_rows)] = ()
    model_budget: ModelBudget | None = None
