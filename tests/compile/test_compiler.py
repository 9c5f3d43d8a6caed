from collections.abc import Callable
from dataclasses import replace

import pytest

from planexe_dag_factory.compile.compiler import compile_plan
from planexe_dag_factory.compile.names import check_ids, task_id
from planexe_dag_factory.plan.model import Estimate, Plan, Redline
from planexe_dag_factory.routing.model import (
    HUMAN,
    Agent,
    Candidate,
    Capability,
    Gate,
    Policy,
    Registry,
    Route,
)
from planexe_dag_factory.spec.model import DagSpec, GroupSpec, MilestoneSpec

MakePlan = Callable[..., Plan]
PHASED = Policy()
GATE = Gate("irreversible", "'launch' cannot be undone", "Board")
HUMAN_ROUTE = Route("a", HUMAN, "no agent offers it", 1.0, "Anna")
AGENT_ROUTE = Route("a", "analysis", "'compare'", 0.8, "Anna", (Candidate("analysis", "compare", 0.8),))


def compiled(
    plan: Plan, route: Route = HUMAN_ROUTE, policy: Policy = PHASED, agents: tuple[Agent, ...] = ()
) -> DagSpec:
    routes = {step.id: replace(route, step=step.id) for step in plan.steps}
    return compile_plan(plan, routes, policy, Registry(agents))


@pytest.mark.parametrize(
    ("route", "tasks", "edges"),
    [
        (HUMAN_ROUTE, "a.human", "start>a.human a.human>milestone-one"),
        (
            replace(HUMAN_ROUTE, gate=GATE),
            "a.gate a.human",
            "start>a.gate a.gate>a.human a.human>milestone-one",
        ),
        (
            AGENT_ROUTE,
            "a.work a.check a.human a.done",
            (
                "start>a.work a.work>a.check a.work>a.done a.check>a.human"
                " a.check>a.done a.human>a.done a.done>milestone-one"
            ),
        ),
        (
            replace(AGENT_ROUTE, gate=GATE),
            "a.gate a.work a.check a.human a.done",
            (
                "start>a.gate a.gate>a.work a.work>a.check a.work>a.done a.check>a.human"
                " a.check>a.done a.human>a.done a.done>milestone-one"
            ),
        ),
    ],
)
def test_a_step_is_one_task_for_a_person_and_four_for_an_agent_and_one_more_behind_a_gate(
    plan_of: MakePlan, route: Route, tasks: str, edges: str
) -> None:
    spec = compiled(plan_of({"one": {"p": "a"}}), route)
    assert [task.id for task in spec.tasks] == ["start", *tasks.split(), "milestone-one", "finish"]
    assert [">".join(edge) for edge in spec.edges] == [*edges.split(), "milestone-one>finish"]
    assert all(task.step == task.work_item == "a" for task in spec.tasks if task.id.startswith("a."))


def test_only_a_step_of_several_tasks_has_a_group_of_its_own(plan_of: MakePlan) -> None:
    plan = plan_of({"one": {"p": "a"}})
    outer = (GroupSpec("one", "One"), GroupSpec("p", "P", "one"))
    assert compiled(plan).groups == outer
    assert compiled(plan, AGENT_ROUTE).groups == (*outer, GroupSpec("a", "A", "p"))


def test_a_critical_milestone_is_preceded_by_an_assessment_of_its_risks(plan_of: MakePlan) -> None:
    actions = [Capability("watch", "risk_assessment", name, "") for name in ("score", "assess_milestone")]
    agents = (Agent("watch", "risk_assessment", "http://127.0.0.1:1", capabilities=tuple(actions)),)
    spec = compiled(plan_of({"one": {"p": "a", "q": "b"}}), policy=Policy(critical_phases=("one",)), agents=agents)
    risk = "milestone-one-risk"
    assert [edge for edge in spec.edges if risk in "".join(edge) and not edge[0].startswith(risk)] == [
        ("a.human", f"{risk}.work"),
        ("b.human", f"{risk}.work"),
    ]
    assert (f"{risk}.done", "milestone-one") in spec.edges
    item = spec.work_items[risk]
    assert (item.milestone, item.upstream, item.phase, item.package) == ("milestone-one", ("a", "b"), "one", None)
    assert item.route.candidates == (Candidate("watch", "assess_milestone", 1.0),)
    assert item.route.executor == "risk_assessment"
    assert spec.milestones == (MilestoneSpec("milestone-one", 1, "One", "one", critical=True, work_items=("a", "b")),)
    assert spec.groups[-1] == GroupSpec(risk, "Risks at the end of: One", "one")


def test_without_an_agent_for_it_a_person_assesses_the_risks(plan_of: MakePlan) -> None:
    spec = compiled(plan_of({"one": {"p": "a"}}, owner="Bea"), policy=Policy(critical_phases=("one",)))
    route = spec.work_items["milestone-one-risk"].route
    assert (route.executor, route.assignee) == (HUMAN, "Bea")
    assert route.why == (
        "the milestone is critical, so its risks are assessed; no registered agent offers assess_milestone"
    )
    assert ("milestone-one-risk.human", "milestone-one") in spec.edges


def test_a_refused_plan_begins_with_a_senior_approval(plan_of: MakePlan) -> None:
    plan = plan_of({"one": {"p": "a"}}, redline=Redline(refused=True, verdict="REFUSE", reason="it may do harm"))
    spec = compiled(plan, policy=Policy(owner="Board"))
    assert spec.senior_approval == "it may do harm"
    assert spec.edges[:2] == (("start", "plan.gate"), ("plan.gate", "a.human"))
    gate = spec.work_items["plan"].route.gate
    assert gate == Gate("irreversible", "PlanExe's safety gate refused the plan: it may do harm", "Board")
    assert compiled(plan_of({"one": {"p": "a"}})).senior_approval is None


def test_finish_waits_for_whatever_a_failure_elsewhere_would_not_stop(plan_of: MakePlan) -> None:
    spec = compiled(plan_of({"one": {"p": "a b", "q": "c"}, "two": {"r": "d"}}))
    assert [before for before, after in spec.edges if after == "finish"] == ["b.human", "c.human", "milestone-two"]


def test_a_plan_without_steps_goes_from_start_to_finish(plan_of: MakePlan) -> None:
    assert compiled(plan_of({})).edges == (("start", "finish"),)


def test_a_work_item_may_use_what_the_steps_before_it_brought_but_not_without_end(plan_of: MakePlan) -> None:
    many = {f"p{number}": f"a{number}" for number in range(30)}
    spec = compiled(plan_of({"one": many, "two": {"q": "b c"}}, [("a29", "b")]))
    assert spec.work_items["c"].upstream == ("b",)
    assert spec.work_items["b"].upstream == tuple(f"a{number}" for number in range(20))


def test_days_are_the_steps_own_or_an_equal_share_of_its_package(plan_of: MakePlan) -> None:
    plan = plan_of({"one": {"p": "a b"}})
    (phase,) = plan.phases
    (package,) = phase.packages
    first, second = package.steps
    steps = (replace(first, estimate=Estimate(1, 2, 4)), second)
    package = replace(package, steps=steps, estimate=Estimate(3, 5, 7))
    spec = compiled(replace(plan, phases=(replace(phase, packages=(package,)),)))
    assert spec.work_items["a"].days == (1, 2, 4)
    assert spec.work_items["b"].days == (1.5, 2.5, 3.5)


def test_ids_that_the_dag_needs_itself_are_refused(plan_of: MakePlan) -> None:
    outline = {"start": {"milestone-one": "finish plan"}, "one": {"p": "milestone-one-risk"}}
    plan = plan_of(outline)
    assert [problem.message for problem in check_ids(plan)] == [
        "'Start' has the id 'start', which the DAG needs for a task of its own",
        "'Milestone-One' has the id 'milestone-one', which the DAG needs for a task of its own",
        "'Finish' has the id 'finish', which the DAG needs for a task of its own",
        "'Milestone-One-Risk' has the id 'milestone-one-risk', which the DAG needs for a task of its own",
    ]
    refused = replace(plan, redline=Redline(refused=True, verdict="REFUSE"))
    assert "'Plan' has the id 'plan'" in " ".join(problem.message for problem in check_ids(refused))


def test_only_tasks_of_a_work_item_are_named_after_one() -> None:
    assert task_id("a", "gate") == "a.gate"
    with pytest.raises(ValueError, match="a task of kind start belongs to no work item"):
        task_id("a", "start")
