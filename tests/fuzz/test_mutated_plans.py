"""Mutated plans: each is valid or has a clear problem; none makes us crash, hang or lose a step.

`PLANEXE_MUTATIONS=5000` asks for more than the few hundred of every test run.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
from collections import Counter
from pathlib import Path

import networkx as nx
import pytest

from planexe_dag_factory.compile.build import Build, build_plan, validation
from planexe_dag_factory.compile.explain import explain
from planexe_dag_factory.errors import has_errors
from planexe_dag_factory.plan.native import to_native
from planexe_dag_factory.plan.read import read_plan
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.spec.codec import dump_spec, load_spec
from tests.fuzz.mutations import as_bytes, mutate

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "dags/examples/harbour_air_watch"
POLICY = ROOT / "dags/examples/harbour_air_watch.policy.json"
SHARED = ROOT.parent / "shared/plans"
REGISTRY = load_registry(None)
COUNT = int(os.environ.get("PLANEXE_MUTATIONS", "300"))
SEED = int(os.environ.get("PLANEXE_MUTATIONS_SEED", "2026"))
HANGS_AFTER_S = 60
pytestmark = pytest.mark.timeout(60 + COUNT * 2)


def built(source: Path, said: str) -> Build:
    """Build a plan; name it where it hangs."""

    def hangs(*_: object) -> None:
        raise AssertionError(f"{said} hangs")

    signal.signal(signal.SIGALRM, hangs)
    signal.alarm(HANGS_AFTER_S)
    try:
        return build_plan(source, REGISTRY)
    finally:
        signal.alarm(0)


def check(build: Build, said: str) -> str:
    """Whatever came in, the answer is a DAG that holds every step, or an error with words."""
    json.dumps([validation(build), explain(build)], allow_nan=False)
    for problem in build.problems:
        assert problem.message, said
        assert problem.message.isprintable(), (said, problem.message)
        assert len(problem.message) < 2000, (said, problem.message[:200])
    if build.spec is None:
        assert has_errors(build.problems), said
        return "refused"
    assert build.plan is not None
    assert not has_errors(build.problems), said
    graph: nx.DiGraph[str] = nx.DiGraph(build.spec.edges)
    assert nx.is_directed_acyclic_graph(graph), said
    ids = [task.id for task in build.spec.tasks]
    assert len(ids) == len(set(ids)), said
    assert all(len(task) <= 250 for task in ids), said
    assert {step.id for step in build.plan.steps} == {task.step for task in build.spec.tasks if task.step}, said
    assert load_spec(dump_spec(build.spec)) == build.spec, said
    return "taken"


def test_mutated_runs_of_planexe(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    outcomes: Counter[str] = Counter()
    structured = [file.name for file in sorted(EXAMPLE.glob("*.json")) if file.read_bytes()[:1] in (b"{", b"[")]
    documents = {name: json.loads((EXAMPLE / name).read_bytes()) for name in structured}
    for number in range(COUNT):
        folder = tmp_path / "plan"
        shutil.copytree(EXAMPLE, folder)
        for name in rng.sample(structured, rng.choice((1, 1, 2, 4))):
            content = as_bytes(mutate(documents[name], rng, rng.choice((1, 2, 5))), rng)
            (folder / name).write_bytes(content)
        said = f"seed {SEED}, plan {number}"
        outcomes[check(built(folder, said), said)] += 1
        shutil.rmtree(folder)
    assert min(outcomes["taken"], outcomes["refused"]) > COUNT / 20, outcomes


def test_mutated_plans_of_our_own_format_and_mutated_policies(tmp_path: Path) -> None:
    rng = random.Random(SEED + 1)
    outcomes: Counter[str] = Counter()
    plan, _ = read_plan(EXAMPLE)
    assert plan is not None
    native, policy = to_native(plan), json.loads(POLICY.read_bytes())
    source, overlay = tmp_path / "plan.json", tmp_path / "plan.policy.json"
    for number in range(COUNT):
        times = rng.choice((0, 1, 1, 3))
        source.write_bytes(as_bytes(mutate(native, rng, times), rng))
        overlay.write_bytes(as_bytes(mutate(policy, rng, rng.choice((0, 0, 1, 2))), rng))
        said = f"seed {SEED + 1}, plan {number}"
        outcomes[check(built(source, said), said)] += 1
    assert min(outcomes["taken"], outcomes["refused"]) > COUNT / 20, outcomes


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real plans are not beside the checkout")
def test_mutated_work_breakdowns_of_real_plans(tmp_path: Path) -> None:
    rng = random.Random(SEED + 2)
    outcomes: Counter[str] = Counter()
    trees = [_tree(path) for path in sorted(SHARED.glob("*.zip"))]
    source = tmp_path / "plan.json"
    for number in range(max(1, COUNT // 10)):
        source.write_bytes(as_bytes(mutate(rng.choice(trees), rng, rng.choice((1, 3, 10))), rng))
        said = f"seed {SEED + 2}, plan {number}"
        outcomes[check(built(source, said), said)] += 1
    assert outcomes["taken"], outcomes


def _tree(path: Path) -> object:
    """Read a real plan as our own format holds it."""
    plan, _ = read_plan(path)
    assert plan is not None
    return to_native(plan)
