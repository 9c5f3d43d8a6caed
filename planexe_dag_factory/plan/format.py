"""Our own plan format as pydantic models: the border that files cross, and the source of the published JSON Schema.

The models check names and types. What spans several fields, or needs a better message than a type
check can give, is checked by `native`; its rules are written into the schema by hand here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from planexe_dag_factory.plan.ids import ID_PATTERN
from planexe_dag_factory.plan.model import Impact, SourceFormat

FORMAT = "planexe-dag/1"

NewId = Annotated[str, Field(json_schema_extra={"pattern": ID_PATTERN})]
Days = Annotated[float, Field(json_schema_extra={"minimum": 0})]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class EstimateFormat(_Strict):
    """How long something takes, in days, as three points in rising order."""

    days_min: Days = Field(description="If all goes well.", examples=[2])
    days_likely: Days = Field(description="Most likely.", examples=[3])
    days_max: Days = Field(description="If much goes wrong.", examples=[8])
    delay_risks: str = Field(default="", description="What may delay it.")
    mitigation: str = Field(default="", description="What is done against that.")


class PhaseFormat(_Strict):
    """A part of the plan that ends in a milestone. Phases follow each other in the order of the list."""

    id: NewId = Field(description="Unique among phases, packages and steps.", examples=["survey"])
    title: str = Field(description="One line.", examples=["Survey the site"])
    critical: bool = Field(default=False, description="Whether the milestone at its end asks for a risk assessment.")
    estimate: EstimateFormat | None = None
    source_id: str | None = Field(default=None, description="Its id in the file it was made from.")


class PackageFormat(_Strict):
    """Steps that belong together and follow each other. Packages of a phase run side by side."""

    id: NewId = Field(description="Unique among phases, packages and steps.", examples=["seabed"])
    title: str = Field(description="One line.", examples=["Seabed"])
    phase: str | None = Field(default=None, description="Id of the phase it is in.", examples=["survey"])
    estimate: EstimateFormat | None = None
    source_id: str | None = Field(default=None, description="Its id in the file it was made from.")


class StepFormat(_Strict):
    """One piece of work, for an agent or a person."""

    id: NewId = Field(description="Unique among phases, packages and steps.", examples=["survey-seabed"])
    title: str = Field(description="One line that says what is done.", examples=["Survey the seabed"])
    phase: str | None = Field(default=None, description="Id of its phase; a phase that is not listed is made.")
    package: str | None = Field(default=None, description="Id of its package; a package that is not listed is made.")
    description: str = Field(default="", description="What is to be done, in full.")
    resources: list[str] = Field(default=[], description="Who or what is needed.", examples=[["Surveyor", "Boat"]])
    depends_on: list[str] = Field(
        default=[], description="Ids of steps, packages or phases that must end before.", examples=[["get-permit"]]
    )
    estimate: EstimateFormat | None = None
    human_required: bool | None = Field(
        default=None,
        description="true: a person does it. false: never a person at first. Left out: decided by matching.",
    )
    action: str | None = Field(
        default=None, description="The agent's action that does it, instead of matching.", examples=["find_evidence"]
    )
    inputs: dict[str, JsonValue] = Field(
        default={}, description="Input of the action.", examples=[{"question": "How deep is the harbour?"}]
    )
    impact: Impact | None = Field(
        default=None,
        description="What an approval must be given for before the step starts; left out: decided by rules.",
    )
    confidence_threshold: Annotated[float, Field(json_schema_extra={"minimum": 0, "maximum": 1})] | None = Field(
        default=None, description="An outcome of less confidence goes to a person for review.", examples=[0.8]
    )
    assignee: str | None = Field(
        default=None, description="The person or group that is asked.", examples=["Site manager"]
    )
    approver: str | None = Field(default=None, description="The person or group that approves.", examples=["Finance"])
    due_days: Annotated[float, Field(json_schema_extra={"exclusiveMinimum": 0})] | None = Field(
        default=None, description="Days that a person has to answer.", examples=[2]
    )
    source_id: str | None = Field(default=None, description="Its id in the file it was made from.")


class DependencyFormat(_Strict):
    """`after` cannot begin before `before` has ended; each is the id of a step, package or phase."""

    before: str = Field(examples=["survey-seabed"])
    after: str = Field(examples=["build-quay"])
    reason: str = Field(default="", examples=["The foundation depends on the ground."])


class RiskFormat(_Strict):
    """One row of the risk register."""

    area: str = Field(examples=["Weather"])
    description: str = Field(examples=["Storms stop the work at sea."])
    impact: str = Field(default="", description="What it would do.")
    likelihood: Literal["low", "medium", "high", "unknown"] = "medium"
    severity: Literal["low", "medium", "high", "unknown"] = "medium"
    action: str = Field(default="", description="What is done about it.")


class RoleFormat(_Strict):
    """Somebody that the plan names."""

    title: str = Field(examples=["Site manager"])
    kind: Literal["team", "body", "stakeholder"] = Field(
        default="team", description="A member of the team, a body of the governance, or a primary stakeholder."
    )
    description: str = ""


class EscalationFormat(_Strict):
    """Who decides on an issue."""

    issue: str = Field(examples=["More than 10,000 EUR over budget"])
    level: str = Field(description="Who decides.", examples=["Steering committee"])
    process: str = Field(default="", description="How they decide.")
    rationale: str = ""


class DocumentFormat(_Strict):
    """A text that agents may search and cite."""

    name: str = Field(examples=["assumptions.md"])
    text: str


class RedlineFormat(_Strict):
    """The verdict of a safety gate; a refused plan runs only with a senior approval."""

    refused: bool
    verdict: str = Field(examples=["ALLOW"])
    reason: str = ""


class PlanFormat(_Strict):
    """A plan for planexe-dag-factory. Only `title`, and `id` and `title` of each step, are required."""

    model_config = ConfigDict(
        title="Plan",
        json_schema_extra={
            "examples": [
                {
                    "title": "New quay",
                    "steps": [
                        {"id": "survey-seabed", "title": "Survey the seabed"},
                        {"id": "build-quay", "title": "Build the quay", "depends_on": ["survey-seabed"]},
                    ],
                }
            ]
        },
    )

    format: Literal["planexe-dag/1"] = Field(default="planexe-dag/1", description="The version of this format.")
    id: Annotated[str | None, Field(json_schema_extra={"pattern": ID_PATTERN})] = Field(
        default=None, description="Names the DAG; left out, it is made from the title.", examples=["new-quay"]
    )
    title: str = Field(description="One line.", examples=["New quay"])
    summary: str = Field(default="", description="What the plan is for.")
    start: str | None = Field(
        default=None,
        description="The day it starts.",
        examples=["2026-03-01"],
        json_schema_extra={"format": "date"},
    )
    owner: str | None = Field(default=None, description="Who answers for the plan.", examples=["Port authority"])
    phases: list[PhaseFormat] = Field(default=[], description="Where given, all of them.")
    packages: list[PackageFormat] = Field(default=[], description="Where given, all of them.")
    steps: list[StepFormat] = Field(description="In the order of the plan.", json_schema_extra={"minItems": 1})
    dependencies: list[DependencyFormat] = Field(
        default=[], description="Dependencies with a reason; `depends_on` of a step is the short form."
    )
    risks: list[RiskFormat] = []
    roles: list[RoleFormat] = []
    escalations: list[EscalationFormat] = []
    documents: list[DocumentFormat] = []
    redline: RedlineFormat | None = None
    source_format: SourceFormat = Field(default="native", description="The format it was first read from.")
    extra: dict[str, JsonValue] = Field(default={}, description="Whatever else belongs to the plan; kept as it is.")
