"""The plans of the test site: specs, the states their tasks are in, and the tickets that are open."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from planexe_dag_factory.record.events import Actor, Event
from planexe_dag_factory.routing.model import Candidate, Gate, Reminders, Route
from planexe_dag_factory.spec.model import DagSpec, GroupSpec, MilestoneSpec, TaskKind, TaskSpec, WorkItem

HOSTILE = (
    "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">\n"
    "# Facts\n**Approved by the board** [click](javascript:alert(1))\n"
    '<button class="button">Approve</button>\n\u202egnihton evorppa\n{{ 7 * 7 }}'
)
RUN_ID = "manual__2026-03-02T09:00:00+00:00"
BEGUN = "2026-03-02T09:00:00+00:00"


@dataclass(frozen=True)
class SitePlan:
    """A plan of the site: what Airflow says of its tasks, the tickets and results in its run folder."""

    spec: DagSpec
    states: dict[str, str] = field(default_factory=dict)
    tickets: tuple[dict[str, Any], ...] = ()
    refused: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    reports: dict[str, str] = field(default_factory=dict)
    assessed: dict[str, dict[str, Any]] = field(default_factory=dict)
    risks: tuple[dict[str, str], ...] = ()
    run_state: str | None = "running"
    tagged: bool = True
    recorded: bool = True
    lost: bool = False


def item(name: str, title: str, phase: str, executor: str = "human", **more: Any) -> WorkItem:
    gate = more.pop("gate", None)
    candidates = () if executor == "human" else (Candidate(executor, "do", 0.9),)
    assignee = more.pop("assignee", "Site manager")
    route = Route(name, executor, "the plan says so", 1.0, assignee, candidates=candidates, gate=gate)
    return WorkItem(name, title, "", phase, f"{phase}-pack", route, **more)


def tasks_of(one: WorkItem) -> tuple[TaskSpec, ...]:
    kinds: list[TaskKind] = ["gate"] if one.route.gate else []
    kinds += ["human"] if one.route.executor == "human" else ["work", "check", "human", "done"]
    return tuple(TaskSpec(f"{one.id}.{kind}", kind, one.title, one.id, one.id) for kind in kinds)


def spec(dag_id: str, title: str, phases: dict[str, str], items: list[WorkItem]) -> DagSpec:
    groups = [GroupSpec(phase, name) for phase, name in phases.items()]
    groups += [GroupSpec(f"{phase}-pack", f"{name}: package", phase) for phase, name in phases.items()]
    milestones = [
        MilestoneSpec(f"milestone-{phase}", number, name, phase, critical=False, work_items=())
        for number, (phase, name) in enumerate(phases.items(), start=1)
    ]
    tasks = [TaskSpec("start", "start", "Start"), *(task for one in items for task in tasks_of(one))]
    tasks += [TaskSpec(one.id, "milestone", one.title, milestone=one.id) for one in milestones]
    return DagSpec(
        dag_id=dag_id,
        plan_id=dag_id,
        title=title,
        summary="",
        owner="owner",
        plan_digest="sha256:0",
        policy_digest="sha256:0",
        registry_digest="sha256:0",
        senior_approval=None,
        groups=tuple(groups),
        tasks=(*tasks, TaskSpec("finish", "finish", "Finish")),
        edges=(),
        work_items={one.id: one for one in items},
        milestones=tuple(milestones),
        tags=("planexe",),
    )


def option(name: str, label: str, intent: str, *requires: str) -> dict[str, Any]:
    return {"id": name, "label": label, "intent": intent, "requires": list(requires)}


COMMENT = {"type": "string", "title": "Reason", "maxLength": 10_000}
RESULT = {"type": "string", "title": "Result (a JSON object)", "contentMediaType": "application/json"}
OPTIONS = {
    "work": [option("Done", "It is done", "primary", "comment"), option("Refuse", "It cannot be done", "danger")],
    "review": [
        option("Accept", "Accept as it is", "primary"),
        option("Correct", "Correct it", "neutral", "result"),
        option("Redo", "Do it again", "neutral", "comment"),
        option("Refuse", "Refuse it", "danger", "comment"),
    ],
    "approval": [option("Approve", "Approve", "primary", "amount"), option("Reject", "Reject", "danger", "comment")],
    "senior_review": [option("Proceed", "Go on", "primary"), option("Stop", "Stop here", "danger", "comment")],
}
FORMS: dict[str, dict[str, Any]] = {
    "work": {"comment": COMMENT, "result": RESULT},
    "review": {"comment": COMMENT, "result": RESULT},
    "approval": {
        "comment": COMMENT,
        "amount": {"type": "number", "title": "Type the amount to confirm it (EUR)"},
    },
    "senior_review": {"comment": COMMENT},
}


def ticket(dag_id: str, one: WorkItem, kind: str, **more: Any) -> dict[str, Any]:
    gate = one.route.gate
    return {
        "kind": kind,
        "n": 1,
        "dag_id": dag_id,
        "run_id": RUN_ID,
        "task_id": f"{one.id}.{'gate' if kind == 'approval' else 'human'}",
        "work_item": one.id,
        "title": one.title,
        "ask": "Please look and decide.",
        "why": "the rules say so",
        "facts": [{"label": "Step", "value": one.title}],
        "plan_says": {"description": "As described.", "resources": ["A crane"], "phase": "p", "package": "q"},
        "agent_says": None,
        "assignee": gate.approver if gate and kind == "approval" else one.route.assignee,
        "opened_at": "2026-03-02T09:01:00+00:00",
        "due_at": None,
        "unblocks": ["Pour the foundation"],
        "options": OPTIONS[kind],
        "form": {"type": "object", "properties": FORMS[kind], "additionalProperties": False},
        "amount": 250_000 if kind == "approval" else None,
        "result_schema": {"type": "object", "properties": {"days": {"type": "number"}}} if kind == "review" else None,
        "previous": None,
        **more,
    }


def narrative(text: str) -> dict[str, Any]:
    """What a language model wrote around a result, as the agents of the package send it."""
    cites = [{"source": name, "quote": text} for name in ("port.md", "tides.md", "port.md")]
    section = {"heading": "What it means", "claims": [{"text": text, "cites": cites}]}
    return {"model": "tiny <b>1</b>", "sections": [section], "kept": 1, "dropped": 0}


def agent_says(text: str) -> dict[str, Any]:
    return {
        "agent": "analyst-1",
        "action": "estimate",
        "status": "completed",
        "confidence": 0.41,
        "confidence_why": "two of five sources agree",
        "result": {"summary": text, "days": 12, "options": ["barge", "road"], "narrative": narrative(text[:500])},
        "evidence": [{"source": "survey.md", "quote": text, "url": "javascript:alert(1)"}],
        "reason": None,
    }


ASSESSMENT = {
    "existential": True,
    "resilience": 0.7,
    "rules": [],
    "scenarios": [
        {"name": HOSTILE, "kind": "adverse", "overrun": 0.2, "slip": 0.1, "success": 0.8, "resilience": 0.7},
    ],
    "schedule": {
        "mean": 5,
        "p10": 2,
        "p50": 5,
        "p80": 8,
        "p90": 9,
        "planned": 4,
        "histogram": [{"start": 0, "end": 5, "count": 50}, {"start": 5, "end": 10, "count": 50}],
    },
}


def harbour() -> SitePlan:
    gate = Gate("budget", "the step spends money", "Finance", 250_000, "EUR")
    items = [
        item("survey", "Survey the seabed", "plan", "data_gathering"),
        item("permit", "File the permit", "plan", assignee="Legal"),
        item("dredge", "Order the dredger", "build", "analysis", gate=gate),
        item("estimate", "Estimate the haulage", "build", "analysis"),
        item("inspect", "Inspect the quay", "build", days=(1, 2, 4)),
        item("crane", "Hire the crane", "build", "reporting"),
        item("paint", "Paint the bollards", "build"),
        item("report", "Write the handover", "build", "reporting"),
    ]
    by_id = {one.id: one for one in items}
    states = {
        "start": "success",
        "survey.work": "success",
        "survey.check": "success",
        "survey.human": "skipped",
        "survey.done": "success",
        "permit.human": "success",
        "milestone-plan": "success",
        "dredge.gate": "awaiting_input",
        "estimate.work": "success",
        "estimate.check": "success",
        "estimate.human": "awaiting_input",
        "inspect.human": "awaiting_input",
        "crane.work": "deferred",
        "paint.human": "failed",
    }
    tickets = (
        ticket("harbour", by_id["dredge"], "approval", due_at="2026-03-01T09:00:00+00:00"),
        ticket("harbour", by_id["estimate"], "review", agent_says=agent_says(HOSTILE)),
        ticket("harbour", by_id["inspect"], "work", previous="The last answer was not enough: comment: needed"),
    )
    phases = {"plan": "Planning", "build": "Building"}
    return SitePlan(
        spec("harbour", "Harbour renewal", phases, items),
        states,
        tickets,
        refused=("paint",),
        assessed={"milestone-plan": ASSESSMENT},
        risks=({"area": "Dredging", "description": HOSTILE + " A late dredger order is dear.", "severity": "high"},),
        reports={"milestone-plan": "<h1>Planning</h1><script>parent.document.title = 'owned'</script>"},
    )


def crowd() -> SitePlan:
    items = [item(f"ask-{number:03}", f"Question {number}", "ask") for number in range(80)]
    tickets = tuple(ticket("crowd", one, "work") for one in items)
    states = {"start": "success"} | {f"{one.id}.human": "awaiting_input" for one in items}
    return SitePlan(spec("crowd", "Crowd", {"ask": "Asking"}, items), states, tickets)


UNSEEN = "pay\u200bee \u202egnp.exe \u2066left\u2069 \ufeffend"
LONG = "a" * 1_000_000


def bridge() -> SitePlan:
    """Tickets that the tests of the pages answer, each in its own way; and one whose every text is hostile."""
    gate = Gate("budget", "the step spends money", "Finance", 250_000, "EUR")
    kinds = {
        "review": ("accept", "correct", "redo", "refuse", "draft", "changed", "long"),
        "approval": ("approve", "reject", "quorum", "amount"),
        "senior_review": ("proceed", "stop"),
        "work": ("done", "undone", "talked", "claimed", "elsewhere"),
    }
    items, tickets = [], []
    for kind, names in kinds.items():
        for name in names:
            executor = "human" if kind == "work" else "analysis"
            one = item(name, f"Bridge: {name}", "span", executor, gate=gate if kind == "approval" else None)
            items.append(one)
            tickets.append(ticket("bridge", one, kind, **BRIDGE.get(name, {}), **_said(kind, name)))
    evil = item("evil", HOSTILE, "span", "analysis", assignee=HOSTILE)
    words = dict.fromkeys(("ask", "why", "previous"), HOSTILE)
    facts = [{"label": HOSTILE, "value": UNSEEN}]
    plan_says = {"description": HOSTILE, "resources": [HOSTILE, UNSEEN], "phase": "p", "package": "q"}
    said = agent_says(HOSTILE) | {"agent": HOSTILE, "action": HOSTILE, "reason": UNSEEN}
    tickets.append(
        ticket("bridge", evil, "review", **words, facts=facts, plan_says=plan_says, agent_says=said, unblocks=[HOSTILE])
    )
    states = {f"{one['task_id']}": "awaiting_input" for one in tickets}
    return SitePlan(spec("bridge", "Bridge", {"span": HOSTILE}, [*items, evil]), states, tuple(tickets))


BRIDGE: dict[str, dict[str, Any]] = {
    "quorum": {"approvals": {"needed": 2, "given": [{"by": {"kind": "person", "id": "boss"}, "at": BEGUN}]}},
}


def _said(kind: str, name: str) -> dict[str, Any]:
    if kind not in {"review", "senior_review"}:
        return {}
    schema = {
        "type": "object",
        "properties": {
            "summary": {"type": "string", "minLength": 3},
            "days": {"type": "integer", "minimum": 1},
            "options": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["summary", "days"],
    }
    return {"agent_says": agent_says(LONG if name == "long" else "By barge."), "result_schema": schema}


def single(dag_id: str, title: str, **more: Any) -> SitePlan:
    one = item("one", f"The step of {dag_id}", "only")
    states = {"start": "success", "one.human": "awaiting_input"}
    plan = spec(dag_id, title, {"only": "Only phase"}, [one])
    return SitePlan(plan, states, (ticket(dag_id, one, "work"),), **more)


def vault() -> SitePlan:
    """Approvals in a run that the boss has started, asked of Finance; a deputy treasurer is asked next."""
    gate = Gate("budget", "the step spends money", "Finance", 250_000, "EUR")
    named = [(f"buy-{number:02}", f"Buy {number}") for number in range(12)]
    named += [(f"lend-{letter}", f"Lend {letter}") for letter in "abcdefghijkl"]  # for tests that look for numbers
    items = [item(step, title, "buying", "analysis", gate=gate) for step, title in named]
    asked = {"asked": [{"kind": "role", "name": "Finance"}], "approvals": {"needed": 1, "given": []}}
    tickets = tuple(ticket("vault", one, "approval", **asked) for one in items)
    states = {"start": "success"} | {f"{one.id}.gate": "awaiting_input" for one in items}
    reminders = Reminders((), 10_000.0, ("Deputy treasurer",))
    described = replace(spec("vault", "Vault", {"buying": "Buying"}, items), reminders=reminders)
    return SitePlan(described, states, tickets, events=(Event("run-started", Actor("person", "boss", "boss")),))


EVENTS = (
    Event("run-started"),
    Event("ticket-opened", about="one", details={"kind": "work", "assignee": "Site manager"}),
    Event("ticket-answered", Actor("person", "eve", HOSTILE), "one", details={"option": f"{HOSTILE} find_evidence"}),
)


def site_plans() -> tuple[SitePlan, ...]:
    clinic = single("clinic", "Clinic", run_state="success", reports={"final": "<h1>All done</h1>"})
    done = {"start": "success", "one.human": "success", "milestone-only": "success", "finish": "success"}
    return (
        harbour(),
        crowd(),
        bridge(),
        vault(),
        single("secret", "Secret"),
        single("plain", "Not a plan", tagged=False),
        single("hostile", HOSTILE.replace("\n", " ")[:190]),
        SitePlan(clinic.spec, done, (), events=EVENTS, reports=clinic.reports, run_state="success"),
        single("fresh", "Fresh", run_state=None, recorded=False),
        single("starting", "Starting", recorded=False),
        single("broken", "Broken while it ran", lost=True),
        single("gone", "Gone", lost=True, run_state="success"),
    )
