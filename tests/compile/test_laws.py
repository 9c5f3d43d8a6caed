"""Laws of the order and of the DAG, over random plans with random dependencies, possible or not."""

import random
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planexe_dag_factory.compile.compiler import compile_plan, unawaited
from planexe_dag_factory.compile.order import Order, order_steps
from planexe_dag_factory.plan.model import Dependency, Phase, Plan, Step, WorkPackage
from planexe_dag_factory.routing.model import (
    HUMAN,
    Candidate,
    Gate,
    Override,
    Policy,
    Registry,
    Route,
    Routes,
    Rule,
    Sequencing,
)
from planexe_dag_factory.spec.codec import dump_spec, load_spec
from planexe_dag_factory.spec.model import DagSpec

SEQUENCINGS: tuple[Sequencing, ...] = ("phased", "waterfall", "dependencies")


@st.composite
def plans(draw: st.DrawFn, least: int = 0) -> Plan:
    sizes = draw(st.lists(st.lists(st.integers(least, 3), min_size=least, max_size=3), max_size=4))
    phases = tuple(
        Phase(f"f{f}", f"F{f}", tuple(package(f, p, size) for p, size in enumerate(packages)))
        for f, packages in enumerate(sizes)
    )
    ids = ["unknown", *members(Plan("plan", "Plan", phases))]
    ends = st.tuples(st.sampled_from(ids), st.sampled_from(ids))
    dependencies = tuple(Dependency(*pair) for pair in draw(st.lists(ends, max_size=12)))
    return Plan("plan", "Plan", phases, dependencies=dependencies)


def package(phase: int, number: int, size: int) -> WorkPackage:
    name = f"p{phase}{number}"
    steps = tuple(Step(f"s{phase}{number}{s}", f"S{phase}{number}{s}", f"f{phase}", name) for s in range(size))
    return WorkPackage(name, name.title(), f"f{phase}", steps)


def members(plan: Plan) -> dict[str, set[str]]:
    """Every id of the plan, with the steps that it stands for."""
    found = {step.id: {step.id} for step in plan.steps}
    found |= {part.id: {step.id for step in part.steps} for part in plan.packages}
    return found | {phase.id: {step.id for part in phase.packages for step in part.steps} for phase in plan.phases}


def graph_of(order: Order) -> "nx.DiGraph[str]":
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(order.waits_for)
    graph.add_edges_from((before, after) for after, befores in order.waits_for.items() for before in befores)
    return graph


def possible(plan: Plan, order: Order) -> list[tuple[set[str], set[str]]]:
    """The dependencies that no problem names, as the steps before and the steps after."""
    steps = members(plan)
    reported = " ".join(problem.message for problem in order.problems)
    ends = {(each.before, each.after) for each in plan.dependencies}
    kept = [(before, after) for before, after in ends if not is_reported(before, after, reported)]
    return [(steps[before], steps[after]) for before, after in kept]


def is_reported(before: str, after: str, messages: str) -> bool:
    return any(
        phrase in messages
        for phrase in (
            f"'{after}' waits for '{before}'",
            f"'{after.title()}' cannot wait for '{before.title()}'",
            f"'{after.title()}' cannot wait for itself" if before == after else "no such phrase",
        )
    )


orders = settings(derandomize=True, deadline=None, max_examples=40)
each_sequencing = pytest.mark.parametrize("sequencing", SEQUENCINGS)


@each_sequencing
@orders
@given(plan=plans())
def test_every_step_comes_once_and_nothing_waits_for_itself(sequencing: Sequencing, plan: Plan) -> None:
    order = order_steps(plan, Policy(sequencing=sequencing))
    assert list(order.waits_for) == [step.id for step in plan.steps] + [
        f"milestone-{phase.id}" for phase in plan.phases
    ]
    assert nx.is_directed_acyclic_graph(graph_of(order))


@each_sequencing
@orders
@given(plan=plans())
def test_every_dependency_is_kept_or_reported(sequencing: Sequencing, plan: Plan) -> None:
    order = order_steps(plan, Policy(sequencing=sequencing))
    after_of = {step: nx.descendants(graph_of(order), step) for step in order.waits_for}
    for before, after in possible(plan, order):
        assert all(after <= after_of[step] for step in before)


@orders
@given(plan=plans(), base=st.sampled_from(SEQUENCINGS), asked=st.lists(st.sampled_from(SEQUENCINGS), max_size=4))
def test_however_rules_mix_the_sequencings_there_is_no_circle_and_every_dependency_is_kept(
    plan: Plan, base: Sequencing, asked: list[Sequencing]
) -> None:
    rules = tuple(Rule(Override(sequencing=one), pattern=f"s?{number}*") for number, one in enumerate(asked))
    order = order_steps(plan, Policy(sequencing=base, rules=rules))
    graph = graph_of(order)
    assert nx.is_directed_acyclic_graph(graph)
    assert all(nx.has_path(graph, before, after) for before, after in pairwise(order.closes))
    for milestone, steps in order.closes.items():
        assert set(steps) <= nx.ancestors(graph, milestone)
    after_of = {step: nx.descendants(graph, step) for step in order.waits_for}
    for before, after in possible(plan, order):
        assert all(after <= after_of[step] for step in before)


@orders
@given(plan=plans(least=1))
def test_a_circle_is_reported_only_where_no_order_of_all_steps_could_meet_it(plan: Plan) -> None:
    order = order_steps(plan, Policy(sequencing="dependencies"))
    steps = members(plan)
    stated: nx.DiGraph[str] = nx.DiGraph()
    for before, after in possible(plan, order):
        stated.add_edges_from((early, late) for early in before for late in after)
    titles = {name.title(): name for name in steps}
    for problem in order.problems:
        if problem.code == "circular-dependency":
            after, before = (steps[titles[name]] for name in problem.message.split("'")[1:4:2])
            trial = stated.copy()
            trial.add_edges_from((early, late) for early in before for late in after)
            assert not nx.is_directed_acyclic_graph(trial)


@each_sequencing
@orders
@given(plan=plans())
def test_the_steps_of_a_package_follow_each_other(sequencing: Sequencing, plan: Plan) -> None:
    graph = graph_of(order_steps(plan, Policy(sequencing=sequencing)))
    rank = {node: number for number, node in enumerate(nx.topological_sort(graph))}
    for part in plan.packages:
        chain = sorted((step.id for step in part.steps), key=rank.__getitem__)
        assert all(nx.has_path(graph, before, after) for before, after in pairwise(chain))


@each_sequencing
@orders
@given(plan=plans())
def test_milestones_follow_each_other_and_each_step_is_closed_by_exactly_one(
    sequencing: Sequencing, plan: Plan
) -> None:
    order = order_steps(plan, Policy(sequencing=sequencing))
    graph = graph_of(order)
    assert all(nx.has_path(graph, before, after) for before, after in pairwise(order.closes))
    closed = [step for steps in order.closes.values() for step in steps]
    assert sorted(closed) == sorted(step.id for step in plan.steps)
    for milestone, steps in order.closes.items():
        assert set(steps) <= nx.ancestors(graph, milestone)


@orders
@given(plan=plans())
def test_a_milestone_waits_for_exactly_what_it_and_those_before_it_close(plan: Plan) -> None:
    for sequencing in ("phased", "waterfall"):
        order = order_steps(plan, Policy(sequencing=sequencing))
        graph, closed = graph_of(order), set[str]()
        for milestone, steps in order.closes.items():
            closed |= set(steps)
            assert nx.ancestors(graph, milestone) - set(order.closes) == closed


@orders
@given(plan=plans())
def test_phases_follow_each_other_where_no_dependency_says_otherwise(plan: Plan) -> None:
    order = order_steps(plan, Policy())
    graph, home = graph_of(order), {step.id: step.phase for step in plan.steps}
    stated = graph_of(order_steps(plan, Policy(sequencing="dependencies")))
    number = {phase.id: index for index, phase in enumerate(plan.phases)}
    for early in plan.steps:
        waits = nx.ancestors(stated, early.id) - set(order.closes)
        moved = any(number[home[step]] > number[early.phase] for step in waits)
        assert moved == (early.id not in order.closes[f"milestone-{early.phase}"])
        for late in plan.steps:
            if not moved and number[early.phase] < number[late.phase]:
                assert nx.has_path(graph, early.id, late.id)


@each_sequencing
@orders
@given(plan=plans())
def test_no_edge_is_redundant(sequencing: Sequencing, plan: Plan) -> None:
    graph = graph_of(order_steps(plan, Policy(sequencing=sequencing)))
    assert set(graph.edges) == set(nx.transitive_reduction(graph).edges)


@each_sequencing
@orders
@given(plan=plans(), seed=st.integers())
def test_the_order_in_which_dependencies_are_listed_has_no_say(sequencing: Sequencing, plan: Plan, seed: int) -> None:
    shuffled = list(plan.dependencies)
    random.Random(seed).shuffle(shuffled)
    policy = Policy(sequencing=sequencing)
    again = Plan(plan.id, plan.title, plan.phases, dependencies=tuple(shuffled))
    assert order_steps(again, policy) == order_steps(plan, policy)


def routes_for(plan: Plan, randomness: random.Random) -> Routes:
    return {step.id: route_for(step.id, randomness) for step in plan.steps}


def route_for(step: str, randomness: random.Random) -> Route:
    gate = Gate("budget", "spends", "Treasurer") if randomness.random() < 1 / 3 else None
    if randomness.random() < 1 / 3:
        return Route(step, HUMAN, "a person's", 1.0, "Anna", gate=gate)
    return Route(step, "analysis", "an agent's", 0.9, "Anna", (Candidate("analysis", "assess", 0.9),), gate)


def compiled(plan: Plan, sequencing: Sequencing, randomness: random.Random) -> DagSpec:
    critical = tuple(phase.id for phase in plan.phases if randomness.random() < 1 / 3)
    policy = Policy(sequencing=sequencing, critical_phases=critical)
    return compile_plan(plan, routes_for(plan, randomness), policy, Registry())


def task_graph(spec: DagSpec) -> "nx.DiGraph[str]":
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(task.id for task in spec.tasks)
    graph.add_edges_from(spec.edges)
    return graph


@each_sequencing
@orders
@given(plan=plans(), randomness=st.randoms(use_true_random=False))
def test_the_dag_leads_from_start_to_finish_through_every_task(
    sequencing: Sequencing, plan: Plan, randomness: random.Random
) -> None:
    spec = compiled(plan, sequencing, randomness)
    graph = task_graph(spec)
    assert nx.is_directed_acyclic_graph(graph)
    assert len(spec.tasks) == len(graph) == len({task.id for task in spec.tasks} - {group.id for group in spec.groups})
    assert [task for task, degree in graph.in_degree if not degree] == ["start"]
    assert [task for task, degree in graph.out_degree if not degree] == ["finish"]
    acting = [task.step for task in spec.tasks if task.kind in {"work", "human"} and task.step]
    assert list(dict.fromkeys(acting)) == [step.id for step in plan.steps]
    assert all(acting.count(step) == (1 if spec.work_items[step].route.executor == HUMAN else 2) for step in acting)


@each_sequencing
@orders
@given(plan=plans(), randomness=st.randoms(use_true_random=False))
def test_every_task_of_what_waits_comes_after_every_task_of_what_it_waits_for(
    sequencing: Sequencing, plan: Plan, randomness: random.Random
) -> None:
    spec = compiled(plan, sequencing, randomness)
    graph = task_graph(spec)
    tasks = {step.id: {task.id for task in spec.tasks if task.step == step.id} for step in plan.steps}
    for before, after in possible(plan, order_steps(plan, Policy(sequencing=sequencing))):
        late = {task for step in after for task in tasks[step]}
        for step in before:
            assert all(late <= nx.descendants(graph, task) for task in tasks[step])


@each_sequencing
@orders
@given(plan=plans(), randomness=st.randoms(use_true_random=False))
def test_the_finish_comes_last_whatever_fails_and_however_long_things_take(
    sequencing: Sequencing, plan: Plan, randomness: random.Random
) -> None:
    """Airflow decides a task as soon as one task before it has failed, while others may still run."""
    order = order_steps(plan, Policy(sequencing=sequencing))
    decided: dict[str, float] = {}
    failed: set[str] = set()
    for node in nx.topological_sort(graph_of(order)):
        faults = [decided[before] for before in order.waits_for[node] if before in failed]
        begins = max((decided[before] for before in order.waits_for[node]), default=0.0)
        decided[node] = min(faults) if faults else begins + randomness.random()
        if faults or randomness.random() < 1 / 4:
            failed.add(node)
    assert max((decided[node] for node in unawaited(order)), default=0.0) == max(decided.values(), default=0.0)


@orders
@given(plan=plans(), randomness=st.randoms(use_true_random=False))
def test_a_spec_is_read_back_equal_and_written_the_same(plan: Plan, randomness: random.Random) -> None:
    spec = compiled(plan, "phased", randomness)
    assert load_spec(dump_spec(spec)) == spec
    assert dump_spec(load_spec(dump_spec(spec))) == dump_spec(spec)
