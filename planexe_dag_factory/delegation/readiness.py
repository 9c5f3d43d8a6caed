"""How ready a plan is to be run, measured before anything runs, and what would make it readier.

PlanExe's readiness (its proposal 46): 0.30 evidence, 0.25 capacity, 0.20 gates, 0.15 dependencies and
0.10 finance. Each part is made of measures, a share of things that are as they should be; what each
measures is told in docs/plans.md. What is to be done about it is ordered by what it would gain.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from planexe_agents.signing import SigningKey, canonical

from planexe_dag_factory.compile.build import Build
from planexe_dag_factory.delegation.asked import who_is_asked
from planexe_dag_factory.delegation.assignment import missing_inputs
from planexe_dag_factory.delegation.cards import Health
from planexe_dag_factory.delegation.desk import Named
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.errors import Problem
from planexe_dag_factory.plan.model import Plan
from planexe_dag_factory.plan.native import to_native
from planexe_dag_factory.plan.text import quote
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.routing.amounts import amounts
from planexe_dag_factory.routing.assignees import NOBODY_NAMED
from planexe_dag_factory.routing.model import HUMAN, Gate, Registry, Route, Routes
from planexe_dag_factory.routing.people import Assigned, People, unmapped_roles
from planexe_dag_factory.routing.registry_format import dump_registry
from planexe_dag_factory.spec.codec import dump_spec
from planexe_dag_factory.spec.model import DagSpec, MilestoneSpec

PartName = Literal["evidence", "capacity", "gates", "dependencies", "finance"]
Verdict = Literal["ready", "conditional", "not ready", "invalid"]
WEIGHTS: Mapping[PartName, float] = {
    "evidence": 0.30,
    "capacity": 0.25,
    "gates": 0.20,
    "dependencies": 0.15,
    "finance": 0.10,
}
READY_AT, CONDITIONAL_AT = 0.80, 0.60
LEFT_OUT = frozenset(
    {"unknown-dependency", "self-dependency", "ancestor-dependency", "circle", "circular-dependency", "unequal-lists"}
)
"""Problems that each cost a dependency."""
BUDGET = re.compile(r"(?!.*(?:overrun|overspen|exceed|increas|addition|extra)).*(?:budget|fund)", re.IGNORECASE)
"""A line that says what a plan may cost, and not what a risk would add to it."""
NAMED_AT_MOST = 3
LATER = "$.results"
"""What earlier steps bring; before a run there is none of it."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How many of some things of a plan are as they should be, and what to do about the others.

    `share` is its weight in its part; without any such thing in the plan it is met in full.
    """

    part: PartName
    share: float
    done: int
    total: int
    what: str
    remedy: str

    @property
    def score(self) -> float:
        return self.done / self.total if self.total else 1.0

    @property
    def gain(self) -> float:
        """How much the whole score would rise if all were as they should be."""
        return WEIGHTS[self.part] * self.share * (1 - self.score)


@dataclass(frozen=True, slots=True)
class Readiness:
    """The score of a plan, 0 to 1, with its measures, and everything that was found on the way."""

    measures: tuple[Measure, ...]
    problems: tuple[Problem, ...]

    @property
    def score(self) -> float:
        return sum(weight * self.part(part) for part, weight in WEIGHTS.items()) if self.measures else 0.0

    @property
    def verdict(self) -> Verdict:
        if not self.measures:
            return "invalid"
        rounded = round(self.score, 2)
        return "ready" if rounded >= READY_AT else "conditional" if rounded >= CONDITIONAL_AT else "not ready"

    @property
    def advice(self) -> tuple[Measure, ...]:
        """What would raise the score, the largest gain first."""
        return tuple(sorted((one for one in self.measures if one.gain), key=lambda one: -one.gain))

    def part(self, name: PartName) -> float:
        """Return the score of a part, 0 to 1."""
        return sum(one.share * one.score for one in self.measures if one.part == name)


def assess_readiness(build: Build, people: People | None, health: Collection[Health] | None) -> Readiness:
    """Measure a plan that was built.

    `people` None: no people file, so that a role is a name only. `health` None: the agents were not
    asked. A plan with errors has no measures, only its problems.
    """
    if build.plan is None or build.routes is None or build.spec is None or build.registry is None:
        return Readiness((), build.problems)
    view = _View(build.plan, build.routes, people, health)
    unbuilt = dict(_unbuilt(build.plan, build.spec, build.routes, build.registry))
    apart = not build.policy or build.policy.separate_doer is not False
    alone = (*view.alone(), *view.held_alone(build.spec)) if apart else ()
    problems = (*build.problems, *view.problems(), *alone, *_missing(unbuilt), *_estimates(build.spec))
    measures = (*_evidence(view, unbuilt), *_capacity(view), *_gates(view))
    return Readiness((*measures, *_dependencies(view, build.problems, build.spec), *_finance(view)), problems)


@dataclass(frozen=True, slots=True)
class _View:
    """A plan with what is known of the people and agents behind it."""

    plan: Plan
    routes: Routes
    people: People | None
    health: Collection[Health] | None

    @property
    def by_agents(self) -> Sequence[Route]:
        return [route for route in self.routes.values() if route.executor != HUMAN]

    @property
    def by_people(self) -> Sequence[Route]:
        return [route for route in self.routes.values() if route.executor == HUMAN]

    @property
    def gates(self) -> Sequence[Gate]:
        return [route.gate for route in self.routes.values() if route.gate]

    def stands_for(self, role: str) -> bool:
        """Say whether somebody is known to answer for a role."""
        return self.people.resolve(role).mapped if self.people else role != NOBODY_NAMED

    def decided(self, gate: Gate) -> bool:
        """Say whether enough people are known to approve at a gate."""
        if not all(map(self.stands_for, gate.deciders)):
            return False
        return self.people is None or len(self._deciders(gate, self.people)) >= gate.approvals_needed

    def answers(self, agent: str) -> bool:
        """Say whether an agent answers as the one it was registered as; who was not asked is believed."""
        return self.health is None or any(one.agent == agent and one.state == "ok" for one in self.health)

    def problems(self) -> Iterator[Problem]:
        yield from unmapped_roles(self.routes, self.people) if self.people else ()
        for one in self.health or ():
            if one.state != "ok":
                steps = sum(route.candidates[0].agent == one.agent for route in self.by_agents)
                asked = f"first to be asked in {steps} of the steps"
                message = f"the agent {one.agent} is {one.state}: {'; '.join(one.drift)} ({asked})"
                hint = "start it, or see what `planexe-dag agents check` says"
                yield Problem("warning", f"agent-{one.state}", message, hint=hint)
        for route in self.routes.values():
            if route.gate and not self.decided(route.gate):
                yield self._undecided(route, route.gate)

    def alone(self) -> Iterator[Problem]:
        """Name the steps that one and the same person would have to approve and to do."""
        people = self.people
        for route in self.by_people:
            if people is None or route.gate is None:
                continue
            asked = self._deciders(route.gate, people) | people.members(people.resolve(route.assignee).assigned)
            if len(asked) == 1:
                fault = f"is approved and done by {quote(*asked)} alone, who may not do both"
                hint = "name another approver or assignee, or say `separate_doer: false` in the policy"
                yield Problem("warning", "same-person", f"step {quote(route.step)} {fault}", hint=hint)

    def held_alone(self, spec: DagSpec) -> Iterator[Problem]:
        """Name the milestones that only somebody who works towards them could let the run go on past."""
        for milestone in spec.milestones:
            seniors = self._seniors(spec, milestone) if milestone.critical else frozenset()
            doers = [self._doers(name) for name in milestone.work_items if name in self.routes]
            barred = frozenset().union(*(one for one in doers if len(one) == 1))
            if seniors and seniors <= barred:
                who = " and ".join(map(quote, sorted(seniors)))
                fault = f"is held by a flagged risk until {who} lets it go, who may not: steps of its phase are theirs"
                hint = "name another `senior` in the people file, or say `separate_doer: false` in the policy"
                yield Problem("warning", "same-person", f"milestone {quote(milestone.title)} {fault}", hint=hint)

    def _seniors(self, spec: DagSpec, milestone: MilestoneSpec) -> frozenset[str]:
        """Return the users who would be asked for the senior review of a milestone; none where anybody is."""
        assessed = (item for item in spec.work_items.values() if item.milestone == milestone.id)
        named = (Named("senior", item.route.assignee) for item in assessed)
        return who_is_asked(named, self.people).members if self.people else frozenset()

    def _doers(self, step: str) -> frozenset[str]:
        """Return the users of whom one does a step; none where an agent does it."""
        route = self.routes[step]
        if self.people is None or route.executor != HUMAN:
            return frozenset()
        return self.people.members(self.people.resolve(route.assignee).assigned)

    def _undecided(self, route: Route, gate: Gate) -> Problem:
        deciders = " or ".join(quote(role) for role in gate.deciders)
        if self.people and all(map(self.stands_for, gate.deciders)):
            known = len(self._deciders(gate, self.people))
            fault = f"needs {gate.approvals_needed} approvals, and {deciders} are only {known} people"
            return Problem("warning", "too-few-approvers", f"step {quote(route.step)} {fault}", hint="name more people")
        message = f"step {quote(route.step)} needs an approval, and nobody is known to give it ({deciders})"
        return Problem("warning", "no-approver", message, hint="name an approver or an owner in the policy")

    @staticmethod
    def _deciders(gate: Gate, people: People) -> frozenset[str]:
        named: list[Assigned] = [people.resolve(role).assigned for role in gate.deciders]
        return frozenset().union(*(people.members(one) for one in named))


def _evidence(view: _View, unbuilt: Mapping[str, tuple[str, ...]]) -> Iterator[Measure]:
    agents, steps = len(view.by_agents), len(view.routes)
    told = sum(bool(step.description.strip()) for step in view.plan.steps)
    texts = int(bool(view.plan.documents))
    yield Measure(
        "evidence",
        0.5,
        agents - len(unbuilt),
        agents,
        "agents' steps whose inputs can be built",
        "give what is missing as `inputs`, in the plan or a rule of its policy",
    )
    yield Measure(
        "evidence", 0.3, told, steps, "steps that say more than their title", "describe what such a step is to bring"
    )
    yield Measure(
        "evidence",
        0.2,
        texts,
        1,
        "texts of the plan that agents can search and cite",
        "give the whole run folder or its zip, or `documents` in the plan",
    )


def _capacity(view: _View) -> Iterator[Measure]:
    agents, people, steps = view.by_agents, view.by_people, len(view.routes)
    answering = sum(view.answers(route.candidates[0].agent) for route in agents)
    named = sum(view.stands_for(route.assignee) for route in people)
    yield Measure(
        "capacity",
        len(agents) / steps,
        answering,
        len(agents),
        "agents' steps whose first agent " + ("answers" if view.health is not None else "is registered (not asked)"),
        "start the agents (`planexe-dag up`), and see `planexe-dag agents check`",
    )
    yield Measure(
        "capacity",
        len(people) / steps,
        named,
        len(people),
        "people's steps for which somebody is " + ("in the people file" if view.people else "named"),
        "add their roles to the people file" if view.people else "name an owner or assignees in the policy",
    )


def _gates(view: _View) -> Iterator[Measure]:
    yield Measure(
        "gates",
        1.0,
        sum(map(view.decided, view.gates)),
        len(view.gates),
        "approvals that somebody is known to give",
        "name approvers or an owner in the policy" + (", and add them to the people file" if view.people else ""),
    )


def _dependencies(view: _View, problems: Sequence[Problem], spec: DagSpec) -> Iterator[Measure]:
    lost = sum(problem.code in LEFT_OUT for problem in problems)
    kept = len(view.plan.dependencies)
    estimated = sum(item.days is not None for item in spec.work_items.values() if item.package)
    yield Measure(
        "dependencies", 0.6, kept, kept + lost, "dependencies that hold", "mend those that `validate` says are left out"
    )
    yield Measure(
        "dependencies", 0.4, estimated, len(view.routes), "steps with an estimate", "estimate steps or their packages"
    )


def _finance(view: _View) -> Iterator[Measure]:
    """Measure what is known of the money; a plan that spends none lacks nothing.

    PlanExe names what a plan may cost in its texts, and no amount in a step.
    """
    budget = [gate for gate in view.gates if gate.kind == "budget"]
    named = sum(gate.amount is not None for gate in budget)
    whole = bool(budget) and (named == len(budget) or names_budget(view.plan))
    yield Measure(
        "finance",
        0.5,
        int(whole),
        int(bool(budget)),
        "budgets of the plan, named in its texts or in every step that spends",
        "say in the plan's summary or a document what it may cost: `The budget is EUR 50,000`",
    )
    yield Measure(
        "finance",
        0.5,
        named,
        len(budget),
        "budget approvals over an amount that is named",
        "name the amount in the step: `Buy the ovens for EUR 1,200`",
    )


def names_budget(plan: Plan) -> bool:
    """Say whether a text of the plan names an amount of money where it speaks of what the plan may cost."""
    texts = (plan.summary, *(document.text for document in plan.documents))
    lines = (line for text in texts for line in text.splitlines() if BUDGET.match(line))
    return any(map(amounts, lines))


def _unbuilt(plan: Plan, spec: DagSpec, routes: Routes, registry: Registry) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the steps whose inputs cannot be built for their first candidate, by the rules of a run."""
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder))
        run.write_bytes(dump_spec(spec), "dagspec.json")
        run.write_bytes(canonical(to_native(plan)), "plan.json")
        run.write_bytes(canonical(dump_registry(registry)), "registry.json")
        execution = Execution(run, lambda: registry, SigningKey.generate())
        for route in routes.values():
            first = route.candidates[0] if route.candidates else None
            capability = execution.capability(first.agent, first.action) if first else None
            if capability:
                faults = missing_inputs(execution.step(route.step), capability)
                if found := tuple(fault for fault in faults if not fault.startswith(LATER)):
                    yield route.step, found


def _missing(unbuilt: Mapping[str, tuple[str, ...]]) -> Iterator[Problem]:
    hint = "give it as `inputs`, in the plan or a rule of its policy; else a person gets the step"
    for step, faults in unbuilt.items():
        yield Problem(
            "warning", "missing-inputs", f"the agent's inputs of step {quote(step)}: {'; '.join(faults)}", hint=hint
        )


def _estimates(spec: DagSpec) -> Iterator[Problem]:
    without = [item.title for item in spec.work_items.values() if item.package and item.days is None]
    if without:
        named = ", ".join(map(quote, without[:NAMED_AT_MOST]))
        more = f" and {len(without) - NAMED_AT_MOST} more" if len(without) > NAMED_AT_MOST else ""
        message = f"{len(without)} steps have no estimate: {named}{more}"
        yield Problem(
            "info", "no-estimate", message, hint="estimate them or their packages; reports count the mean else"
        )
