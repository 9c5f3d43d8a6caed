"""Whole DAGs, as they were when somebody last looked at them.

After a change that is meant, write them anew and read the diff:

    UPDATE_GOLDEN=1 .venv/bin/pytest tests/compile/test_golden.py
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from planexe_dag_factory.compile.compiler import compile_plan
from planexe_dag_factory.errors import has_errors
from planexe_dag_factory.plan.model import (
    Dependency,
    Estimate,
    Phase,
    Plan,
    Redline,
    Step,
    WorkPackage,
)
from planexe_dag_factory.plan.read import read_plan
from planexe_dag_factory.routing.model import (
    HUMAN,
    Agent,
    Candidate,
    Capability,
    Gate,
    Policy,
    Registry,
    Route,
    Routes,
)
from planexe_dag_factory.spec.codec import dump_spec, load_spec

GOLDEN = Path(__file__).with_name("golden")
EXAMPLE = Path(__file__).parents[2] / "dags" / "examples" / "harbour_air_watch"

AGENT_WORDS = {"Collect": "data_gathering", "Find": "data_gathering", "Compare": "analysis", "Draft": "reporting"}
ASSESSOR = Agent(
    "risk_assessment",
    "risk_assessment",
    "http://127.0.0.1:1",
    capabilities=(Capability("risk_assessment", "risk_assessment", "assess_milestone", "Assess a milestone"),),
)


def routes_by_first_word(plan: Plan) -> Routes:
    return {step.id: _route(step) for step in plan.steps}


def _route(step: Step) -> Route:
    gate = Gate("budget", "'Purchase' spends money", "Treasurer", 9600.0, "EUR") if "Purchase" in step.title else None
    executor = AGENT_WORDS.get(step.title.split()[0], HUMAN)
    candidates = () if executor == HUMAN else (Candidate(executor, "act", 0.9),)
    return Route(step.id, executor, "by its first word", 0.9, "Coordinator", candidates, gate, gate.why if gate else "")


def garden() -> tuple[Plan, Policy]:
    """Two phases; a critical milestone; a package that waits for the later phase; a dependency left out."""
    beds = (
        Step("draw-beds", "Draft the beds", "design", "beds", "On paper.", ("Gardener",), "u1", Estimate(1, 2, 3)),
        Step("buy-soil", "Purchase the soil", "design", "beds", source_id="u2"),
    )
    paths = (Step("lay-paths", "Lay the paths", "design", "paths"),)
    shed = (Step("compare-sheds", "Compare sheds", "build", "shed"), Step("set-shed", "Set up", "build", "shed"))
    phases = (
        Phase(
            "design",
            "Design",
            (
                WorkPackage("beds", "Beds", "design", beds, estimate=Estimate(3, 5, 10)),
                WorkPackage("paths", "Paths", "design", paths),
            ),
            critical=True,
        ),
        Phase("build", "Build", (WorkPackage("shed", "Shed", "build", shed),)),
    )
    dependencies = (Dependency("shed", "lay-paths"), Dependency("design", "draw-beds"))
    return Plan("garden", "Garden", phases, "A garden.", dependencies, owner="Anna"), Policy()


def refused() -> tuple[Plan, Policy]:
    """A plan that may not run without a senior approval, in one line."""
    steps = (Step("find", "Find it", "all", "work"), Step("do", "Do it", "all", "work"))
    phase = Phase("all", "All", (WorkPackage("work", "Work", "all", steps),))
    redline = Redline(refused=True, verdict="REFUSE", reason="it may do harm")
    return Plan("refused", "Refused", (phase,), redline=redline), Policy(owner="Board", sequencing="waterfall")


def example() -> tuple[Plan, Policy]:
    plan, problems = read_plan(EXAMPLE)
    assert plan
    assert not has_errors(problems)
    return plan, Policy(critical_phases=(plan.phases[0].id,))


@pytest.mark.parametrize("make", [garden, refused, example])
def test_a_plan_compiles_to_the_dag_that_was_looked_at(make: Callable[[], tuple[Plan, Policy]]) -> None:
    plan, policy = make()
    file = GOLDEN / f"{make.__name__}.json"
    spec = compile_plan(plan, routes_by_first_word(plan), policy, Registry((ASSESSOR,)))
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_bytes(dump_spec(spec))
    assert dump_spec(spec).decode() == file.read_text(encoding="utf-8")
    assert load_spec(file.read_bytes()) == spec
