"""Which milestone closes a step, and what it waits for: read each expectation aloud as a schedule."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from planexe_dag_factory.compile.order import order_steps, steps_before
from planexe_dag_factory.plan.model import Plan
from planexe_dag_factory.routing.model import Override, Policy, Rule

MakePlan = Callable[..., Plan]
PHASED = Policy()
WATERFALL = Policy(sequencing="waterfall")
DEPENDENCIES = Policy(sequencing="dependencies")

TWO_PHASES = {"one": {"p": "a b", "q": "c"}, "two": {"r": "d", "s": "e f"}}


def test_a_phase_begins_after_the_milestone_and_its_packages_run_side_by_side(plan_of: MakePlan) -> None:
    order = order_steps(plan_of(TWO_PHASES), PHASED)
    assert order.waits_for == {
        "a": (),
        "b": ("a",),
        "c": (),
        "d": ("milestone-one",),
        "e": ("milestone-one",),
        "f": ("e",),
        "milestone-one": ("b", "c"),
        "milestone-two": ("d", "f"),
    }
    assert order.closes == {"milestone-one": ("a", "b", "c"), "milestone-two": ("d", "e", "f")}
    assert order.problems == ()


def test_waterfall_is_one_line_in_the_order_of_the_plan(plan_of: MakePlan) -> None:
    order = order_steps(plan_of(TWO_PHASES), WATERFALL)
    assert order.waits_for == {
        "a": (),
        "b": ("a",),
        "c": ("b",),
        "d": ("milestone-one",),
        "e": ("d",),
        "f": ("e",),
        "milestone-one": ("c",),
        "milestone-two": ("f",),
    }


def test_by_dependencies_alone_phases_do_not_hold_steps_back(plan_of: MakePlan) -> None:
    order = order_steps(plan_of(TWO_PHASES, [("q", "s"), ("f", "p")]), DEPENDENCIES)
    assert order.waits_for == {
        "a": ("f",),
        "b": ("a",),
        "c": (),
        "d": (),
        "e": ("c",),
        "f": ("e",),
        "milestone-one": ("b",),
        "milestone-two": ("d", "milestone-one"),
    }
    assert order.closes == {"milestone-one": ("a", "b", "c"), "milestone-two": ("d", "e", "f")}


THREE_PHASES = {"one": {"p": "a b", "q": "c"}, "two": {"r": "d"}, "three": {"s": "e", "t": "f"}}


def test_a_package_that_waits_for_a_later_phase_moves_to_its_milestone_with_all_that_waits_for_it(
    plan_of: MakePlan,
) -> None:
    order = order_steps(plan_of(THREE_PHASES, [("s", "p"), ("p", "r")]), PHASED)
    assert order.waits_for == {
        "a": ("e",),
        "b": ("a",),
        "c": (),
        "d": ("b",),
        "e": ("milestone-two",),
        "f": ("milestone-two",),
        "milestone-one": ("c",),
        "milestone-two": ("milestone-one",),
        "milestone-three": ("d", "f"),
    }
    assert order.closes == {
        "milestone-one": ("c",),
        "milestone-two": (),
        "milestone-three": ("a", "b", "d", "e", "f"),
    }
    assert order.problems == ()


def test_a_moved_package_still_waits_for_the_milestone_before_its_own_phase(plan_of: MakePlan) -> None:
    outline = {"one": {"p": "a"}, "two": {"q": "b"}, "three": {"r": "c"}}
    order = order_steps(plan_of(outline, [("r", "q")]), DEPENDENCIES)
    assert order.waits_for["b"] == ("c",)
    order = order_steps(plan_of(outline, [("r", "q")]), PHASED)
    assert order.waits_for["b"] == ("c",)  # and c waits for milestone-two, which waits for milestone-one
    assert order.waits_for["milestone-two"] == ("milestone-one",)


def test_only_the_steps_that_must_wait_move(plan_of: MakePlan) -> None:
    order = order_steps(plan_of(THREE_PHASES, [("e", "b")]), PHASED)
    assert order.closes == {"milestone-one": ("a", "c"), "milestone-two": ("d",), "milestone-three": ("b", "e", "f")}


def test_waterfall_moves_what_waits_for_later_work_and_nothing_else(plan_of: MakePlan) -> None:
    order = order_steps(plan_of(THREE_PHASES, [("s", "p")]), WATERFALL)
    line = ["c", "milestone-one", "d", "milestone-two", "e", "a", "b", "f", "milestone-three"]
    assert order.waits_for == {after: (before,) for before, after in pairwise(line)} | {"c": ()}


def test_a_phase_can_wait_for_a_package_and_a_package_for_a_phase(plan_of: MakePlan) -> None:
    order = order_steps(plan_of(TWO_PHASES, [("one", "s"), ("r", "s")]), DEPENDENCIES)
    assert order.waits_for["e"] == ("b", "c", "d")
    order = order_steps(plan_of(TWO_PHASES, [("s", "one")]), PHASED)
    assert (order.waits_for["a"], order.waits_for["c"]) == (("f",), ("f",))
    assert order.closes == {"milestone-one": (), "milestone-two": ("a", "b", "c", "d", "e", "f")}


def test_a_dependency_within_a_package_changes_the_order_of_its_steps(plan_of: MakePlan) -> None:
    order = order_steps(plan_of({"one": {"p": "a b c"}}, [("c", "a")]), PHASED)
    assert order.waits_for == {"a": ("c",), "b": (), "c": ("b",), "milestone-one": ("a",)}
    assert order.problems == ()


def test_the_order_within_packages_yields_to_dependencies_across_packages(plan_of: MakePlan) -> None:
    order = order_steps(plan_of({"one": {"p": "a b", "q": "c", "r": "d e"}}, [("b", "c"), ("c", "a")]), PHASED)
    assert order.waits_for == {"a": ("c",), "b": (), "c": ("b",), "d": (), "e": ("d",), "milestone-one": ("a", "e")}
    assert order.problems == ()


def test_an_empty_package_phase_or_plan_holds_nothing_up(plan_of: MakePlan) -> None:
    order = order_steps(plan_of({"one": {"p": ""}, "two": {}, "three": {"q": "a"}}, [("p", "q")]), PHASED)
    assert order.waits_for == {
        "a": ("milestone-two",),
        "milestone-one": (),
        "milestone-two": ("milestone-one",),
        "milestone-three": ("a",),
    }
    assert order_steps(plan_of({}), PHASED).waits_for == {}


def test_steps_before_are_found_through_milestones_and_its_own_come_first(plan_of: MakePlan) -> None:
    order = order_steps(plan_of(THREE_PHASES, [("r", "f"), ("s", "q")]), PHASED)
    assert steps_before("e", order) == ("d",)
    assert steps_before("milestone-one", order) == ("b",)
    order = order_steps(plan_of({"one": {"p": "a"}, "two": {"q": "b c", "r": "d"}}, [("a", "c"), ("d", "c")]), PHASED)
    assert steps_before("c", order) == ("b", "d")
    assert steps_before("d", order) == ("a",)


@pytest.mark.parametrize(
    ("dependencies", "left_out", "code", "message"),
    [
        ([], ("a", "a"), "dependency-on-itself", "'A' cannot wait for itself; left out"),
        (
            [("a", "d")],
            ("one", "a"),
            "dependency-on-ancestor",
            "'A' cannot wait for 'One': one is a part of the other; left out",
        ),
        (
            [],
            ("a", "p"),
            "dependency-on-ancestor",
            "'P' cannot wait for 'A': one is a part of the other; left out",
        ),
        (
            [],
            ("a", "nowhere"),
            "unknown-dependency",
            "'nowhere' waits for 'a', but the plan has no 'nowhere'; left out",
        ),
        (
            [("a", "c")],
            ("c", "a"),
            "circular-dependency",
            "'A' cannot wait for 'C', which is only done after it ('C' waits for 'A'); left out",
        ),
        (
            [("p", "q"), ("c", "d")],
            ("r", "a"),
            "circular-dependency",
            "'A' cannot wait for 'R', which is only done after it ('Q' waits for 'P', 'D' waits for 'C'); left out",
        ),
        (
            [("a", "b")],
            ("b", "a"),
            "circular-dependency",
            "'A' cannot wait for 'B', which is only done after it ('B' waits for 'A'); left out",
        ),
    ],
)
def test_an_impossible_dependency_is_named_and_left_out_and_nothing_else_is_lost(
    plan_of: MakePlan, dependencies: list[tuple[str, str]], left_out: tuple[str, str], code: str, message: str
) -> None:
    for stated in ([left_out, *dependencies], [*dependencies, left_out]):
        order = order_steps(plan_of(TWO_PHASES, stated), PHASED)
        (problem,) = order.problems
        assert (problem.severity, problem.code, problem.message) == ("warning", code, message)
        assert order.waits_for == order_steps(plan_of(TWO_PHASES, dependencies), PHASED).waits_for


def test_a_long_circle_is_named_by_its_ends(plan_of: MakePlan) -> None:
    packages: dict[str, Any] = {f"p{number}": f"s{number}" for number in range(10)}
    line = [(f"s{number}", f"s{number + 1}") for number in range(9)]
    (problem,) = order_steps(plan_of({"one": packages}, [*line, ("s9", "s0")]), PHASED).problems
    assert "('S1' waits for 'S0', 'S2' waits for 'S1', " in problem.message
    assert "'S4' waits for 'S3', ..., 'S9' waits for 'S8'); left out" in problem.message
    assert problem.source_id == "uuid-s0"


def rule(sequencing: str, **selector: str) -> Policy:
    return Policy(rules=(Rule(Override(sequencing=sequencing), **selector),))  # type: ignore[arg-type]


@pytest.mark.parametrize("selector", [{"package": "s"}, {"pattern": "[ef]"}])
def test_steps_that_a_rule_puts_by_dependencies_do_not_wait_for_the_phase_before(
    plan_of: MakePlan, selector: dict[str, str]
) -> None:
    order = order_steps(plan_of(TWO_PHASES), rule("dependencies", **selector))
    assert (order.waits_for["e"], order.waits_for["f"]) == ((), ("e",))
    assert order.waits_for["d"] == ("milestone-one",)
    assert order.waits_for["milestone-two"] == ("milestone-one", "d", "f") or "d" in order.waits_for["milestone-two"]
    assert order.closes["milestone-two"] == ("d", "e", "f")


def test_steps_that_a_rule_puts_in_waterfall_follow_each_other(plan_of: MakePlan) -> None:
    order = order_steps(plan_of(TWO_PHASES), rule("waterfall", phase="one"))
    assert [order.waits_for[step] for step in "abc"] == [(), ("a",), ("b",)]
    assert [order.waits_for[step] for step in "def"] == [("milestone-one",), ("milestone-one",), ("e",)]


def test_a_step_or_a_role_can_be_freed_of_a_waterfall(plan_of: MakePlan) -> None:
    free = Rule(Override(sequencing="phased"), step="c")
    order = order_steps(plan_of(TWO_PHASES), Policy(sequencing="waterfall", rules=(free,)))
    assert (order.waits_for["c"], order.waits_for["d"]) == ((), ("milestone-one",))
    assert order.waits_for["e"] == ("d",)


def test_a_rule_that_asks_for_what_holds_anyway_changes_nothing(plan_of: MakePlan) -> None:
    plan = plan_of(TWO_PHASES, [("d", "b")])
    for sequencing in ("phased", "waterfall", "dependencies"):
        said = Policy(sequencing=sequencing, rules=(Rule(Override(sequencing=sequencing), phase="one"),))
        assert order_steps(plan, said) == order_steps(plan, Policy(sequencing=sequencing))
