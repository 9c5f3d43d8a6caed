"""A small run folder, written by hand along docs/architecture.md, at a milestone and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.routing.model import Candidate, Gate, Route
from planexe_dag_factory.spec.codec import dump_spec
from planexe_dag_factory.spec.model import DagSpec, GroupSpec, MilestoneSpec, TaskKind, TaskSpec, WorkItem

ORCHESTRATOR = {"kind": "orchestrator", "id": "planexe-dag-factory"}
MARA = {"kind": "person", "id": "mara", "name": "Mara Lind"}
SCOUT = {"kind": "agent", "id": "scout"}
ANALYST = {"kind": "agent", "id": "analyst"}


def at(clock: str) -> str:
    """A time of the day of the run."""
    return f"2026-03-02T{clock}+00:00"


def work_item(
    name: str,
    title: str,
    phase: str,
    package: str | None,
    days: float | None,
    executor: str,
    gate: Gate | None = None,
    milestone: str | None = None,
) -> WorkItem:
    candidates = () if executor == "human" else (Candidate("scout", "find", 0.9), Candidate("analyst", "assess", 0.8))
    return WorkItem(
        id=name,
        title=title,
        description="",
        phase=phase,
        package=package,
        route=Route(name, executor, "it matches", 0.9, "Site manager", candidates, gate),
        days=(days, days, days) if days else None,
        milestone=milestone,
    )


def milestone(phase: str, number: int, items: tuple[str, ...]) -> MilestoneSpec:
    return MilestoneSpec(f"milestone-{phase}", number, phase.title(), phase, critical=number == 1, work_items=items)


BUDGET = Gate("budget", "'Buy'", "Finance board", 12000.0, "EUR")
ITEMS = (
    work_item("find-sites", "Find sites", "survey", "sites", 4.0, "data_gathering"),
    work_item("rank-sites", "Rank the sites", "survey", "sites", 6.0, "analysis"),
    work_item("visit-sites", "Visit the sites", "survey", "visits", 10.0, "human"),
    work_item(
        "milestone-survey-risk",
        "Risks at the end of: Survey",
        "survey",
        "sites",
        None,
        "risk",
        None,
        "milestone-survey",
    ),
    work_item("buy-sensors", "Buy sensors", "build", "buy", 20.0, "human", BUDGET),
    work_item("install", "Install <b>all</b> sensors", "build", "buy", None, "human"),
    work_item("write-manual", "Write the manual", "build", "manual", 5.0, "reporting"),
)
BLOCKS: Mapping[str, tuple[TaskKind, ...]] = {
    "find-sites": ("work", "check", "human", "done"),
    "rank-sites": ("work", "check", "human", "done"),
    "visit-sites": ("human",),
    "milestone-survey-risk": ("work", "check", "human", "done"),
    "buy-sensors": ("gate", "human"),
    "install": ("human",),
    "write-manual": ("work", "check", "human", "done"),
}
ORDER = (
    ("start", "find-sites"),
    ("find-sites", "rank-sites"),
    ("start", "visit-sites"),
    ("rank-sites", "milestone-survey-risk"),
    ("visit-sites", "milestone-survey-risk"),
    ("milestone-survey-risk", "milestone-survey"),
    ("milestone-survey", "buy-sensors"),
    ("buy-sensors", "install"),
    ("milestone-survey", "write-manual"),
    ("install", "milestone-build"),
    ("write-manual", "milestone-build"),
    ("milestone-build", "finish"),
)


def _tasks() -> list[TaskSpec]:
    tasks = [TaskSpec("start", "start", "Start")]
    for item in ITEMS:
        step = None if item.milestone else item.id
        tasks += [TaskSpec(f"{item.id}.{kind}", kind, item.title, step, item.id) for kind in BLOCKS[item.id]]
    tasks += [TaskSpec(f"milestone-{phase}", "milestone", phase) for phase in ("survey", "build")]
    return [*tasks, TaskSpec("finish", "finish", "Finish")]


def _edges() -> list[tuple[str, str]]:
    first = {name: f"{name}.{kinds[0]}" for name, kinds in BLOCKS.items()}
    last = {name: f"{name}.{kinds[-1]}" for name, kinds in BLOCKS.items()}
    inner = [(f"{name}.{a}", f"{name}.{b}") for name, kinds in BLOCKS.items() for a, b in pairwise(kinds)]
    return [*inner, *((last.get(before, before), first.get(after, after)) for before, after in ORDER)]


def small_spec() -> DagSpec:
    return DagSpec(
        dag_id="harbour",
        plan_id="harbour",
        title="Harbour air sensors",
        summary="Measure the air.",
        owner="Plan owner",
        plan_digest="sha256:1",
        policy_digest="sha256:2",
        registry_digest="sha256:3",
        senior_approval=None,
        groups=(
            GroupSpec("survey", "Survey"),
            GroupSpec("sites", "Sites", "survey"),
            GroupSpec("visits", "Visits", "survey"),
            GroupSpec("build", "Build"),
            GroupSpec("buy", "Purchase", "build"),
            GroupSpec("manual", "Manual", "build"),
        ),
        tasks=tuple(_tasks()),
        edges=tuple(_edges()),
        work_items={item.id: item for item in ITEMS},
        milestones=(
            milestone("survey", 1, ("find-sites", "rank-sites", "visit-sites")),
            milestone("build", 2, ("buy-sensors", "install", "write-manual")),
        ),
    )


PLAN = {
    "format": "planexe-dag/1",
    "id": "harbour",
    "title": "Harbour air sensors",
    "start": "2026-04-01",
    "risks": [
        {"area": "Weather", "description": "Storms.", "likelihood": "low", "severity": "medium", "action": "Wait."},
        {
            "area": "Budget",
            "description": "Too dear.",
            "likelihood": "high",
            "severity": "high",
            "action": "Ask early.",
        },
    ],
    "steps": [],
}


SPREAD = {"mean": 21.5, "p10": 15.0, "p50": 21.0, "p80": 27.0, "p90": 29.5}
COSTS = {"mean": 1.06, "p10": 1.0, "p50": 1.03, "p80": 1.11, "p90": 1.14}
FIGURES: dict[str, Any] = {
    "existential": True,
    "resilience": 0.81,
    "rules": [
        {"rule": "the base scenario succeeds less often than not", "value": 0.42, "limit": 0.5, "fired": True},
        {"rule": "a severe risk may harm people", "value": 0, "limit": 0, "fired": False},
    ],
    "schedule": {
        **SPREAD,
        "planned": 14.0,
        "histogram": [
            {"start": start, "end": start + 5, "count": count}
            for start, count in ((12.0, 90), (17.0, 400), (22.0, 310), (27.0, 200))
        ],
    },
    "cost": {
        **COSTS,
        "planned": 1.0,
        "histogram": [{"start": 1.0, "end": 1.1, "count": 780}, {"start": 1.1, "end": 1.2, "count": 220}],
    },
    "scenarios": [
        {
            "name": name, "kind": kind, "story": f"It goes {name}.", "overrun": over, "slip": over * 2,
            "success": 1 - over, "resilience": 1 - over, "days": SPREAD, "cost": COSTS,
        }
        for name, kind, over in (("as planned", "base", 0.2), ("badly", "adverse", 0.4), ("well", "optimistic", 0.1))
    ],
    "drivers": [
        {"kind": "risk", "title": "Budget: Too dear.", "days_if_well": 18.0, "days_if_badly": 26.5, "correlation": 0.6},
        {"kind": "work", "title": "Purchase", "days_if_well": 20.0, "days_if_badly": 23.0, "correlation": 0.2},
    ],
    "draws": 1000,
    "seed": "7",
    "so_far": {
        "day": 14.0, "ended": 3, "refused": 1, "pace": 1.25, "left": 0.7, "overspent": 0.1,
        "mean_confidence": 0.66, "events": ["More work is refused (33%)"], "late": [],
    },
    "method": {"durations": "beta", "risks": "each strikes or not", "correlation": "none"},
}  # fmt: skip


@dataclass(frozen=True)
class Writer:
    """Writes a run folder as the operators do."""

    run: RunFolder

    @property
    def spec(self) -> DagSpec:
        return small_spec()

    def begin(self, spec: DagSpec | None = None, plan: Mapping[str, Any] = PLAN) -> None:
        self.run.write_json(dict(plan), "plan.json")
        self.run.write_bytes(dump_spec(spec or small_spec()), "dagspec.json")
        header = {"dag_id": "harbour", "run_id": "manual__1", "plan_id": "harbour", "started_at": at("08:00:00")}
        self.run.write_json({**header, "orchestrator_key": "k"}, "run.json")

    def attempt(self, item: str, number: str, agent: str, action: str) -> None:
        self.run.write_json({"agent": agent, "action": action, "inputs": {}}, "steps", item, number, "assignment.json")

    def decide(self, item: str, number: str, decision: str, clock: str, **more: Any) -> None:
        document = {"decision": decision, "why": "so", "at": at(clock), "tried": [], **more}
        self.run.write_json(document, "steps", item, number, "decision.json")

    def ticket(self, item: str, number: str, kind: str, clock: str, **more: Any) -> None:
        document = {"kind": kind, "title": item, "ask": "Please do it.", "why": "A person is needed.", "unblocks": []}
        path = ("steps", item, "tickets", number, "ticket.json")
        self.run.write_json({**document, "opened_at": at(clock), **more}, *path)

    def answer(self, item: str, number: str, option: str, clock: str, **more: Any) -> None:
        document = {"option": option, "by": MARA, "at": at(clock), "accepted": True, "fields": {}, "problems": []}
        self.run.write_json({**document, **more}, "steps", item, "tickets", number, "answer.json")

    def result(self, item: str, by: Mapping[str, str], start: str, end: str, **more: Any) -> None:
        document = {"work_item": item, "status": "done", "by": dict(by), "started_at": at(start), "ended_at": at(end)}
        self.run.write_json({**document, **more}, "steps", item, "result.json")

    def seal(self, clock: str, *folder: str) -> None:
        manifest = {"run": self.run.name, "files": dict(self.run.digests("steps")), "at": at(clock)}
        self.run.write_json(manifest, *folder, "manifest.json")

    def survey(self) -> None:
        """The first phase: an agent, a re-routed and reviewed agent, a person, an assessment."""
        self.begin()
        self.attempt("find-sites", "001", "scout", "find")
        accepted = {"confidence": 0.91, "threshold": 0.7, "agent": "scout"}
        completed = {"agent": "scout", "action": "find", "status": "completed", "reason": ""}
        self.decide("find-sites", "001", "accept", "08:00:20", **accepted, tried=[completed])
        found = {"sites": ["Pier 1", "Pier 2"], "note": "# Findings\n\nTwo **good** sites."}
        self.result(
            "find-sites", SCOUT, "08:00:10", "08:00:20", agent="scout", action="find", accepted_by=ORCHESTRATOR,
            confidence=0.91, result=found,
        )  # fmt: skip
        self.attempt("rank-sites", "001", "scout", "find")
        self.attempt("rank-sites", "002", "analyst", "assess")
        tried = [
            {"agent": "scout", "action": "find", "status": "rejected", "reason": "no figures to rank"},
            {"agent": "analyst", "action": "assess", "status": "completed", "reason": ""},
        ]
        doubt = {"confidence": 0.4, "threshold": 0.7, "agent": "analyst", "tried": tried}
        self.decide("rank-sites", "002", "review", "08:01:00", **doubt)
        self.ticket("rank-sites", "001", "review", "08:01:00", assignee="Site manager")
        comment = {"comment": "Pier 2 is right."}
        self.answer("rank-sites", "001", "Accept", "08:03:00", fields=comment, via="demo reviewer")
        self.result(
            "rank-sites", ANALYST, "08:00:20", "08:03:00", agent="analyst", action="assess", accepted_by=MARA,
            confidence=0.4, result={"best": "Pier 2"}, note="Pier 2 is right.",
        )  # fmt: skip
        self.ticket("visit-sites", "001", "work", "08:00:10", assignee="Site manager")
        self.answer("visit-sites", "001", "Done", "08:04:00", fields={"comment": "Seen both."})
        self.result("visit-sites", MARA, "08:00:10", "08:04:00", accepted_by=MARA, note="Seen both.")
        self.result(
            "milestone-survey-risk", {"kind": "agent", "id": "oracle"}, "08:04:00", "08:04:30", agent="oracle",
            accepted_by=MARA, confidence=0.8, result={"existential": False, "summary": "All is well."},
        )  # fmt: skip
        self.seal("08:05:00", "milestones", "milestone-survey")

    def assess(self, result: Mapping[str, Any]) -> None:
        """Have the first milestone assessed with figures."""
        self.result(
            "milestone-survey-risk", {"kind": "agent", "id": "oracle"}, "08:04:00", "08:04:30", agent="oracle",
            accepted_by=MARA, confidence=0.8, result=dict(result),
        )  # fmt: skip
        self.seal("08:05:00", "milestones", "milestone-survey")

    def assess_twice(self, first: Mapping[str, Any], then: Mapping[str, Any]) -> None:
        """Have both milestones assessed; the id of the second comes before that of the first in the alphabet."""
        last = "milestone-build-risk"
        item = work_item(last, "Risks at the end of: Build", "build", "manual", None, "risk", None, "milestone-build")
        spec = replace(small_spec(), work_items={**small_spec().work_items, last: item})
        self.survey()
        self.begin(spec)
        self.assess(first)
        oracle = {"kind": "agent", "id": "oracle"}
        self.result(last, oracle, "08:06:00", "08:06:30", agent="oracle", confidence=0.8, result=dict(then))

    def build(self) -> None:
        """The second phase: an approval that was given, a refusal, and a step that is never reached."""
        self.ticket("buy-sensors", "001", "approval", "08:05:10", assignee="Finance board")
        self.answer(
            "buy-sensors", "001", "Approve", "08:06:00", fields={"amount": 12000.0, "comment": "Within budget."}
        )
        approval = {"work_item": "buy-sensors", "decision": "approved", "by": MARA, "at": at("08:06:00")}
        self.run.write_json({**approval, "reason": "Within budget."}, "steps", "buy-sensors", "approval.json")
        self.ticket("buy-sensors", "002", "work", "08:06:10", assignee="Site manager", due_at=at("08:06:30"))
        self.attempt("write-manual", "001", "scout", "find")

    def end(self) -> None:
        self.answer("buy-sensors", "002", "Refuse", "08:09:00", fields={"comment": "The supplier is bankrupt."})
        self.result("buy-sensors", MARA, "08:05:10", "08:09:00", status="refused", reason="The supplier is bankrupt.")
        self.seal("08:10:00", "final")


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(RunFolder(tmp_path / "20260302T080000Z-harbour-0a1b2c3d"))
