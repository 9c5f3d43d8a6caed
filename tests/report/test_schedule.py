from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import networkx as nx
from hypothesis import given, settings
from hypothesis import strategies as st

from planexe_dag_factory.report.model import Days
from planexe_dag_factory.report.schedule import has_estimates, planned_days, steps_in_order
from planexe_dag_factory.routing.model import Route
from planexe_dag_factory.spec.model import DagSpec, TaskSpec, WorkItem

DAYS = st.one_of(st.none(), st.floats(0, 1000).map(lambda day: (day, day, day)))


def human_item(name: str, days: tuple[float, float, float] | None) -> WorkItem:
    return WorkItem(name, name, "", "p", None, Route(name, "human", "", 1.0, "Owner"), days=days)


def spec_of(days: list[tuple[float, float, float] | None], edges: list[tuple[int, int]]) -> DagSpec:
    """A DAG of people's steps, 0, 1, 2, ...; every edge leads to a later one."""
    names = [f"s{index}" for index in range(len(days))]
    return DagSpec(
        dag_id="d",
        plan_id="d",
        title="D",
        summary="",
        owner="",
        plan_digest="",
        policy_digest="",
        registry_digest="",
        senior_approval=None,
        groups=(),
        tasks=tuple(TaskSpec(f"{name}.human", "human", name, name, name) for name in names),
        edges=tuple((f"s{before}.human", f"s{after}.human") for before, after in edges),
        work_items={name: human_item(name, each) for name, each in zip(names, days, strict=True)},
        milestones=(),
    )


def test_a_step_begins_when_the_last_before_it_ends() -> None:
    spec = spec_of([(1, 2, 9), (5, 5, 5), (3, 3, 3)], [(0, 2), (1, 2)])
    assert planned_days(spec) == {"s0": Days(0, 2), "s1": Days(0, 5), "s2": Days(5, 8)}


def test_a_step_without_an_estimate_counts_as_the_mean_of_the_others() -> None:
    spec = spec_of([(2, 2, 2), None, (4, 4, 4)], [(0, 1), (1, 2)])
    assert planned_days(spec) == {"s0": Days(0, 2), "s1": Days(2, 5), "s2": Days(5, 9)}


def test_without_any_estimate_a_step_counts_as_a_day() -> None:
    spec = spec_of([None, None], [(0, 1)])
    assert (has_estimates(spec), planned_days(spec)) == (False, {"s0": Days(0, 1), "s1": Days(1, 2)})


def test_an_agents_step_takes_its_days_once_and_an_assessment_none() -> None:
    item = replace(human_item("a", (3, 3, 3)), route=Route("a", "analysis", "", 1.0, "Owner"))
    risk = replace(human_item("r", None), milestone="m")
    tasks = [TaskSpec(f"a.{kind}", kind, "A", "a", "a") for kind in ("gate", "work", "check", "human", "done")]
    spec = replace(
        spec_of([], []),
        tasks=(*tasks, TaskSpec("r.work", "work", "R", None, "r")),
        edges=tuple(pairwise([*(task.id for task in tasks), "r.work"])),
        work_items={"a": item, "r": risk},
    )
    assert planned_days(spec) == {"a": Days(0, 3), "r": Days(3, 3)}


def test_steps_are_listed_in_the_order_of_the_tasks() -> None:
    spec = spec_of([None, None, None], [])
    turned = replace(spec, tasks=tuple(reversed(spec.tasks)))
    assert steps_in_order(turned) == ("s2", "s1", "s0")


@settings(derandomize=True, deadline=None)
@given(st.lists(DAYS, min_size=1, max_size=12).flatmap(lambda days: st.tuples(st.just(days), _edges(len(days)))))
def test_nothing_is_planned_before_what_it_waits_for(
    case: tuple[list[tuple[float, float, float] | None], list[tuple[int, int]]],
) -> None:
    spec = spec_of(*case)
    planned = planned_days(spec)
    for before, after in spec.edges:
        assert planned[after.removesuffix(".human")].start >= planned[before.removesuffix(".human")].end
    longest = nx.dag_longest_path_length(_lasting_edges(spec))
    assert abs(max(days.end for days in planned.values()) - longest) < 1e-6


def _edges(size: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    pairs = [(before, after) for after in range(size) for before in range(after)]
    return st.lists(st.sampled_from(pairs), unique=True) if pairs else st.just([])


def _lasting_edges(spec: DagSpec) -> nx.DiGraph[str]:
    """The same DAG with each step's days on the edges that leave it: its longest path is the plan's length."""
    planned = planned_days(spec)
    weighted: nx.DiGraph[str] = nx.DiGraph()
    for step, days in planned.items():
        followers = [after for before, after in spec.edges if before == f"{step}.human"]
        for after in [*followers, "end"]:
            weighted.add_edge(f"{step}.human", after, weight=days.end - days.start)
    return weighted
