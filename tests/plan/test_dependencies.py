"""What settling keeps can be carried out, and what it leaves out could not have been kept as well."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from planexe_dag_factory.plan.dependencies import MAX_TRIED, Settlement, Stated
from planexe_dag_factory.plan.findings import Findings
from planexe_dag_factory.plan.jsontext import parse_json
from planexe_dag_factory.plan.model import Dependency, Phase, Step, WorkPackage
from planexe_dag_factory.plan.outline import parts_of


def tree(phases: int, packages: int, steps: int) -> tuple[Phase, ...]:
    return tuple(
        Phase(
            f"p{p}",
            "P",
            tuple(
                WorkPackage(
                    f"k{p}{k}", "K", f"p{p}", tuple(Step(f"s{p}{k}{s}", "S", f"p{p}", f"k{p}{k}") for s in range(steps))
                )
                for k in range(packages)
            ),
        )
        for p in range(phases)
    )


PHASES = tree(2, 2, 2)
PARTS = parts_of(PHASES)


def settle(edges: list[tuple[str, str]]) -> tuple[tuple[Dependency, ...], Findings]:
    source, _ = parse_json(b"{}", "x")
    assert source is not None
    findings = Findings(source)
    settlement = Settlement(PARTS, PHASES, findings, "warning")
    return settlement.settle([Stated(after, before, ()) for before, after in edges]), findings


def steps_below(name: str) -> set[str]:
    return {part for part in PARTS if part.startswith("s") and name in lineage(part)}


def lineage(name: str) -> list[str]:
    parent = PARTS[name].parent
    return [name, *(lineage(parent) if parent else [])]


def can_be_carried_out(edges: list[tuple[str, str]]) -> bool:
    """Carry the steps out by hand: again and again, do all whose lineage waits for nothing that is not done."""
    open_steps = {part for part in PARTS if part.startswith("s")}
    while open_steps:
        ready = {
            step
            for step in open_steps
            if not any(after in lineage(step) and steps_below(before) & open_steps for before, after in edges)
        }
        if not ready:
            return False
        open_steps -= ready
    return True


edges_of = st.lists(st.tuples(st.sampled_from(sorted(PARTS)), st.sampled_from(sorted(PARTS))), max_size=12)


@given(edges_of)
@settings(derandomize=True, deadline=None)
def test_what_is_kept_can_be_carried_out_and_what_is_left_out_is_reported(edges: list[tuple[str, str]]) -> None:
    kept, findings = settle(edges)
    pairs = [(dependency.before, dependency.after) for dependency in kept]
    assert can_be_carried_out(pairs)
    left_out = [edge for edge in dict.fromkeys(edges) if edge not in pairs]
    assert len({problem.message for problem in findings.problems}) == len(left_out)
    for edge in left_out:
        assert not can_be_carried_out([*pairs, edge])


@given(edges_of)
@settings(derandomize=True, deadline=None)
def test_the_order_of_the_statements_decides_nothing(edges: list[tuple[str, str]]) -> None:
    assert set(settle(edges)[0]) == set(settle(edges[::-1])[0])


def test_what_is_stated_twice_is_kept_once() -> None:
    kept, findings = settle([("s000", "s111"), ("s000", "s111")])
    assert kept == (Dependency("s000", "s111"),)
    assert findings.problems == []


def test_a_knot_of_many_circles_is_cut_quickly() -> None:
    steps = tuple(Step(f"s{n}", "S", "p", "k") for n in range(1_000))
    phases = (Phase("p", "P", (WorkPackage("k", "K", "p", steps),)),)
    source, _ = parse_json(b"{}", "x")
    assert source is not None
    findings = Findings(source)
    names = [step.id for step in steps]
    both = [Stated(after, before, ()) for before, after in [*pairwise(names), *pairwise(names[::-1])]]
    kept = Settlement(parts_of(phases), phases, findings, "error").settle(both)
    assert [(dependency.before, dependency.after) for dependency in kept] == list(pairwise(names))
    assert len(findings.problems) == 999 > MAX_TRIED
    assert findings.problems[0].message == "a circle: step 's0' waits for step 's1' and step 's1' waits for step 's0'"
    assert findings.problems[-1].message == "part of a circle: step 's998' waits for step 's999'"


def test_a_dependency_without_a_name_is_left_out_by_name() -> None:
    kept, findings = settle([("", "s000"), ("s001", "s000")])
    assert [(each.before, each.after) for each in kept] == [("s001", "s000")]
    assert [(problem.code, problem.message) for problem in findings.problems] == [
        ("unknown-dependency", "step 's000' waits for '', which the plan does not have; this dependency is left out")
    ]
