"""The sixteen plans that PlanExe publishes, through the whole pipeline."""

import functools
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import networkx as nx
import pytest

from planexe_dag_factory.compile.build import Build, build_plan
from planexe_dag_factory.plan.model import Plan
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.spec.codec import dump_spec, load_spec
from planexe_dag_factory.spec.model import DagSpec

PLANS = sorted((Path(__file__).parents[3] / "shared" / "plans").glob("*.zip"))
each_plan = pytest.mark.parametrize("source", PLANS, ids=lambda source: source.stem)
pytestmark = pytest.mark.skipif(not PLANS, reason="../shared/plans is missing")


@functools.cache
def built(source: Path) -> Build:
    return build_plan(source, load_registry(None))


def spec_of(source: Path) -> tuple[Plan, DagSpec]:
    build = built(source)
    assert build.plan
    assert build.spec, [str(problem) for problem in build.problems if problem.severity == "error"]
    return build.plan, build.spec


def task_graph(spec: DagSpec) -> "nx.DiGraph[str]":
    graph: nx.DiGraph[str] = nx.DiGraph(spec.edges)
    assert set(graph) == {task.id for task in spec.tasks}
    return graph


@each_plan
def test_each_step_is_in_the_dag_once_and_closed_by_one_milestone(source: Path) -> None:
    plan, spec = spec_of(source)
    assert nx.is_directed_acyclic_graph(task_graph(spec))
    acting = [task.step for task in spec.tasks if task.kind == "work"]
    acting += [task.step for task in spec.tasks if task.kind == "human" and task.step not in acting]
    steps = sorted(step.id for step in plan.steps)
    assert sorted(step for step in acting if step) == steps
    assert sorted(step for milestone in spec.milestones for step in milestone.work_items) == steps


@each_plan
def test_every_dependency_of_the_plan_is_kept_and_none_is_reported_as_impossible(source: Path) -> None:
    """The reader has already left out, and reported, what no order could meet."""
    plan, spec = spec_of(source)
    graph = task_graph(spec)
    steps = {step.id: {step.id} for step in plan.steps}
    steps |= {package.id: {step.id for step in package.steps} for package in plan.packages}
    steps |= {phase.id: {step.id for part in phase.packages for step in part.steps} for phase in plan.phases}
    tasks: dict[str, set[str]] = {}
    for task in spec.tasks:
        tasks.setdefault(task.step or "", set()).add(task.id)
    codes = {problem.code for problem in built(source).problems}
    assert not codes & {"circular-dependency", "dependency-on-itself", "dependency-on-ancestor"}
    for dependency in plan.dependencies:
        late = {task for step in steps[dependency.after] for task in tasks[step]}
        for step in steps[dependency.before]:
            assert all(late <= nx.descendants(graph, task) for task in tasks[step])


@each_plan
def test_a_spec_is_small_and_read_back_equal(source: Path) -> None:
    _, spec = spec_of(source)
    content = dump_spec(spec)
    assert load_spec(content) == spec
    assert len(content) < 1_000_000
    assert len(spec.edges) < 3 * len(spec.tasks)


@pytest.mark.parametrize("source", PLANS[:3], ids=lambda source: source.stem)
def test_a_folder_gives_the_dag_of_its_zip(source: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(source) as archive:
        archive.extractall(tmp_path)
    (folder,) = (path for path in tmp_path.iterdir() if path.name != "__MACOSX")
    build = build_plan(folder, load_registry(None))
    _, spec = spec_of(source)
    assert build.spec
    assert (build.spec.tasks, build.spec.edges, build.spec.work_items) == (spec.tasks, spec.edges, spec.work_items)


def test_two_processes_with_other_hash_seeds_compile_the_same_bytes() -> None:
    program = (
        "import sys; from pathlib import Path; from planexe_agents.signing import digest_bytes;"
        "from planexe_dag_factory.compile.build import build_plan;"
        "from planexe_dag_factory.routing.registry import load_registry;"
        "from planexe_dag_factory.spec.codec import dump_spec;"
        "registry = load_registry(None);"
        "[print(digest_bytes(dump_spec(build_plan(Path(each), registry).spec))) for each in sys.argv[1:]]"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", program, *map(str, PLANS)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for seed in ("1", "2")
    ]
    assert said[0] == said[1]
    assert len(said[0]) == len(PLANS)
