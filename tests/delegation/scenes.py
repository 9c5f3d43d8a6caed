"""A run under way, without Airflow: a folder with a spec of one step, and an agent that answers from a script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from planexe_agents.protocol import Assignment, Outcome
from planexe_agents.signing import SigningKey, digest

from planexe_dag_factory.delegation.execution import Execution, StepRun
from planexe_dag_factory.delegation.history import FOLDER
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.routing.model import Agent, Candidate, Capability, Gate, Registry, Route
from planexe_dag_factory.routing.registry_format import dump_registry
from planexe_dag_factory.spec.codec import dump_spec
from planexe_dag_factory.spec.model import DagSpec, WorkItem

OUTPUT: Mapping[str, Any] = {
    "type": "object",
    "required": ["answer"],
    "properties": {"answer": {"type": "integer"}, "existential": {"type": "boolean"}},
}
INPUT: Mapping[str, Any] = {
    "type": "object",
    "required": ["title"],
    "properties": {"title": {"type": "string"}, "documents": {"type": "array"}, "budget": {"type": "number"}},
}
NEEDS_BUDGET: Mapping[str, Any] = {**INPUT, "required": ["title", "budget"]}
PLAN = {
    "documents": [{"name": "tides.md", "text": "The tide table of the harbour"}, {"name": "b.md", "text": "Elsewhere"}],
    "packages": [
        {"id": "p1", "title": "P1", "estimate": {"days_min": 1, "days_likely": 2, "days_max": 3}},
        {"id": "p2", "title": "P2", "estimate": {"days_min": 1, "days_likely": 2, "days_max": 3}},
    ],
    "dependencies": [{"before": "p1", "after": "p2"}],
}


@dataclass
class ScriptedAgents:
    """Agents that sign with real keys and answer what the script says, in order of the calls."""

    keys: dict[str, SigningKey]
    script: list[Any]
    root: Path
    asked: list[Assignment] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    async def ask(self, agent: Agent, assignment: Assignment) -> Outcome:
        self.asked.append(assignment)
        said = self.script.pop(0)
        if isinstance(said, BaseException):
            raise said
        return outcome(assignment, self.keys[agent.id], **said)

    async def wait(self, seconds: float) -> None:
        """Let time pass: what the agents' histories say becomes so much older."""
        self.waited.append(seconds)
        age(self.root, seconds + 0.001)


def age(root: Path, seconds: float) -> None:
    """Make all that agents were asked below a run root so many seconds older."""
    for file in sorted((root / FOLDER).glob("*/*.json")):
        stamp, rest = file.name.split("+", 1)
        older = datetime.fromisoformat(f"{stamp[:15]}.{stamp[15:]}") - timedelta(seconds=seconds)
        file.rename(file.with_name(f"{older:%Y%m%dT%H%M%S%f}+{rest}"))


def outcome(assignment: Assignment, key: SigningKey, **said: Any) -> Outcome:
    """Return what an agent answers: completed with confidence 0.9, unless said otherwise."""
    told = {"status": "completed", "result": {"answer": 42}, "confidence": 0.9, **said}
    return Outcome(
        assignment=assignment.id,
        assignment_digest=digest(assignment.model_dump(mode="json")),
        agent=assignment.agent,
        action=assignment.action,
        started_at="2026-01-01T00:00:00Z",
        ended_at="2026-01-01T00:00:01Z",
        **told,
    ).signed(key)


ROUTE = Route(
    step="survey",
    executor="analysis",
    why="it computes",
    score=0.9,
    assignee="Harbour master",
    candidates=(Candidate("first", "compute", 0.9), Candidate("second", "compute", 0.5)),
)
GATE = Gate("budget", "pays 1,000 EUR", "Treasurer", 1000.0, "EUR", approver_why="the policy names it")
ITEM = WorkItem("survey", "Survey the tides", "Read the tide table", "phase", "p1", ROUTE)
NEXT = WorkItem("next", "Publish them", "", "phase", "p1", replace(ROUTE, step="next"), upstream=("survey",))


@dataclass
class Scene:
    """What a test works on."""

    step: StepRun
    agents: ScriptedAgents

    def again(self, **changes: Any) -> StepRun:
        """Open the step anew, as another process would; `changes` are to the registry."""
        execution = self.step.execution
        today = changes.get("registry", execution.registry)
        return Execution(execution.run, lambda: today, execution.key).step(self.step.id)


def make_scene(
    folder: Path,
    script: list[Any] | None = None,
    item: WorkItem = ITEM,
    *,
    inputs: Mapping[str, Any] = INPUT,
    side_effects: str = "none",
    senior_approval: str | None = None,
    others: tuple[WorkItem, ...] = (),
    root: str | None = None,
) -> Scene:
    """Open a run: `script` is what the agents answer, `item` the step, `inputs` the agents' input schema.

    Its folder lies below `folder`, or below `root`, which may be in an object store.
    """
    keys = {name: SigningKey.generate() for name in ("first", "second")}
    agents = tuple(
        Agent(
            name,
            "analysis",
            "http://127.0.0.1:1",
            public_key=key.public,
            capabilities=(_capability(name, inputs, side_effects),),
        )
        for name, key in keys.items()
    )
    items = {one.id: one for one in (item, NEXT, *others)}
    spec = DagSpec(
        dag_id="harbour",
        plan_id="harbour",
        title="Harbour",
        summary="A harbour",
        owner="Owner",
        plan_digest="sha256:1",
        policy_digest="sha256:2",
        registry_digest="sha256:3",
        senior_approval=senior_approval,
        groups=(),
        tasks=(),
        edges=(),
        work_items=items,
        milestones=(),
    )
    run = RunFolder(f"{root or folder}/run")
    run.write_bytes(dump_spec(spec), "dagspec.json")
    run.write_json(PLAN, "plan.json")
    run.write_json(dump_registry(Registry(agents)), "registry.json")
    execution = Execution(run, lambda: Registry(agents), SigningKey.generate())
    return Scene(execution.step(item.id), ScriptedAgents(keys, script or [], folder))


def _capability(agent: str, inputs: Mapping[str, Any], side_effects: str) -> Capability:
    return Capability(
        agent, "analysis", "compute", "Computes", input_schema=inputs, output_schema=OUTPUT, side_effects=side_effects
    )
