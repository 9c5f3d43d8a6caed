"""What is taken of mutated and of made-up plans is a DAG that Airflow can serialise, with nothing lost.

`PLANEXE_MUTATIONS=5000` asks for more than the few of every test run.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from airflow.serialization.serialized_objects import DagSerialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planexe_dag_factory.airflow.render import render
from planexe_dag_factory.compile.build import Build
from planexe_dag_factory.plan.native import to_native
from planexe_dag_factory.plan.read import read_plan
from tests.fuzz.mutations import HOSTILE, as_bytes, mutate
from tests.fuzz.test_mutated_plans import EXAMPLE, ROOT, built, check

COUNT = int(os.environ.get("PLANEXE_MUTATIONS", "300"))
SEED = int(os.environ.get("PLANEXE_MUTATIONS_SEED", "2026")) + 30
HELLO = ROOT / "dags/examples/hello.json"
pytestmark = pytest.mark.timeout(120 + COUNT * 2)


def check_rendered(build: Build, said: str) -> str:
    """Check what was built, and that Airflow takes a DAG that was: it comes back with the same tasks and edges."""
    became = check(build, said)
    if build.spec is None:
        return became
    dag = render(build.spec, {})
    document = DagSerialization.to_dict(dag)
    json.dumps(document, allow_nan=False)
    again = DagSerialization.from_dict(document)
    assert {task.id for task in build.spec.tasks} == set(again.task_ids), said
    edges = {(up, down) for up in again.task_ids for down in again.get_task(up).downstream_task_ids}
    assert edges == set(build.spec.edges), said
    return "rendered"


def test_mutated_plans_become_dags_that_airflow_takes(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    outcomes: Counter[str] = Counter()
    plan, _ = read_plan(EXAMPLE)
    assert plan is not None
    small, large = json.loads(HELLO.read_bytes()), to_native(plan)
    source = tmp_path / "plan.json"
    for number in range(COUNT):
        source.write_bytes(as_bytes(mutate(small if number % 20 else large, rng, rng.choice((1, 1, 2, 3))), rng))
        said = f"seed {SEED}, plan {number}"
        outcomes[check_rendered(built(source, said), said)] += 1
    assert min(outcomes["rendered"], outcomes["refused"]) > COUNT / 20, outcomes


WORDS = st.text(max_size=60) | st.sampled_from(HOSTILE).map(lambda text: text[:300]) | st.just("Buy it for EUR 1,000")
IDS = st.sampled_from(("a", "b", "c", "finish", "start", "x.work", "A", "ä")) | st.text(min_size=1, max_size=20)


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    """Make up a plan of our own format whose parts are of the right kind: most are valid, but for their references."""
    phases = draw(st.lists(IDS, min_size=1, max_size=4, unique=True))
    steps = draw(st.lists(IDS, min_size=1, max_size=8, unique=True))
    return {
        "format": "planexe-dag/1",
        "id": draw(IDS),
        "title": draw(WORDS),
        "phases": [{"id": phase, "title": draw(WORDS), "critical": draw(st.booleans())} for phase in phases],
        "steps": [draw(_step(one, phases, steps)) for one in steps],
    }


def _step(name: str, phases: list[str], steps: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"id": st.just(name), "title": WORDS, "phase": st.sampled_from(phases)},
        optional={
            "description": WORDS,
            "human_required": st.booleans(),
            "depends_on": st.lists(st.sampled_from(steps), max_size=2, unique=True),
            "impact": st.sampled_from(("none", "budget", "legal", "irreversible")),
            "resources": st.lists(WORDS, max_size=2),
            "confidence_threshold": st.floats(0, 1),
        },
    )


@settings(
    derandomize=True,
    deadline=None,
    max_examples=max(30, COUNT // 5),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=plans())
def test_made_up_plans_become_dags_or_have_a_problem(plan: dict[str, Any], tmp_path: Path) -> None:
    source = tmp_path / "plan.json"
    source.write_text(json.dumps(plan))
    check_rendered(built(source, "a made-up plan"), json.dumps(plan)[:2000])
