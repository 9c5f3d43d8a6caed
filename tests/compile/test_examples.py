"""The example plans show what they are there to show, by what the agents really compute for them."""

import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from planexe_agents.agents import analysis, data_gathering, reporting, risk_assessment
from planexe_agents.protocol import Assignment, Outcome
from planexe_agents.signing import SigningKey, digest

from planexe_dag_factory.compile.build import Build, build_plan
from planexe_dag_factory.plan.model import Plan
from planexe_dag_factory.routing.model import HUMAN, Registry
from planexe_dag_factory.routing.registry_cards import read_cards

EXAMPLES = Path(__file__).parents[2] / "dags" / "examples"
KEY = SigningKey.from_seed(bytes(32))
AGENTS = {module.agent.id: module.agent for module in (data_gathering, analysis, reporting, risk_assessment)}


@pytest.fixture(scope="module")
def registry() -> Registry:
    cards = {f"http://127.0.0.1:1/{name}": agent.card(KEY.public) for name, agent in AGENTS.items()}
    return Registry(read_cards(cards))


@pytest.fixture(scope="module")
def harbour(registry: Registry) -> Build:
    return build_plan(EXAMPLES / "harbour_air_watch", registry)


def outcomes(build: Build, step: str) -> list[Outcome]:
    """Ask the candidates of a step in order, until one completes it."""
    assert build.routes
    asked = []
    for candidate in build.routes[step].candidates:
        asked.append(outcome(build, step, candidate.agent, candidate.action))
        if asked[-1].status == "completed":
            break
    return asked


def outcome(build: Build, step_id: str, agent: str, action: str) -> Outcome:
    assert build.plan
    assert build.routes
    step = build.plan.step_by_id[step_id]
    resources = {"resources": list(step.resources)} if agent == "reporting" else {}
    assignment = Assignment(
        id="0",
        run="run",
        plan=build.plan.id,
        step=step_id,
        attempt=1,
        agent=agent,
        action=action,
        inputs={"title": step.title, "description": step.description, **resources, **build.routes[step_id].inputs},
        context=context(build),
    )
    answer: Outcome = AGENTS[agent].perform(
        assignment, digest(assignment.model_dump(mode="json")), KEY, threading.Event()
    )
    return answer


def context(build: Build) -> dict[str, Any]:
    assert build.plan
    return {
        "documents": [asdict(document) for document in build.plan.documents],
        "risks": [asdict(risk) for risk in build.plan.risks],
        "estimates": list(estimates(build.plan)),
    }


def estimates(plan: Plan) -> Iterator[dict[str, Any]]:
    for package in plan.packages:
        assert package.estimate
        before = [each.before for each in plan.dependencies if each.after == package.id]
        days = {name: getattr(package.estimate, name) for name in ("days_min", "days_likely", "days_max")}
        yield {"id": package.id, "title": package.title, "depends_on": before, **days}


@pytest.mark.parametrize("name", ["harbour_air_watch", "hello.json"])
def test_an_example_has_no_problems(registry: Registry, name: str) -> None:
    build = build_plan(EXAMPLES / name, registry)
    assert build.problems == ()
    assert build.spec


def test_the_example_has_gates_of_every_kind_and_a_critical_milestone(harbour: Build) -> None:
    assert harbour.routes
    gates = {step: route.gate for step, route in harbour.routes.items() if route.gate}
    assert {step: (gate.kind, gate.approver, gate.amount) for step, gate in gates.items()} == {
        "submit-the-application-for-the-mounting-permit": ("regulatory", "Harbour Master", None),
        "purchase-twelve-sensor-nodes-and-two-gateways-for-eur-9-600": ("budget", "Steering Group", 9600.0),
        "launch-the-public-live-map": ("irreversible", "Steering Group", None),
    }
    assert harbour.spec
    assert [milestone.critical for milestone in harbour.spec.milestones] == [True, False, False]
    assert sum(route.executor == HUMAN for route in harbour.routes.values()) == 6


@pytest.mark.parametrize(
    ("step", "statuses", "accepted"),
    [
        ("collect-the-air-quality-limits-that-apply-to-the-harbour", ["rejected", "completed"], True),
        ("compare-the-candidate-sites-for-the-sensors", ["completed"], True),
        ("estimate-the-schedule-and-its-critical-path", ["completed"], True),
        ("find-evidence-of-generator-noise-at-night-near-the-moorings", ["completed"], False),
        ("draft-the-application-for-the-mounting-permit", ["completed"], True),
        ("compare-the-hosting-offers-for-the-readings", ["rejected"], False),
        ("prioritise-the-risks-that-endanger-the-opening", ["completed"], True),
        ("draft-the-report-on-the-trial-month", ["completed"], False),
        ("draft-the-handbook-for-the-volunteers", ["completed"], True),
    ],
)
def test_what_the_agents_make_of_a_step_of_the_example(
    harbour: Build,
    step: str,
    statuses: list[str],
    accepted: bool,
) -> None:
    assert harbour.routes
    asked = outcomes(harbour, step)
    assert [outcome.status for outcome in asked] == statuses
    sure = asked[-1].status == "completed" and asked[-1].confidence >= harbour.routes[step].threshold
    assert sure == accepted
