"""From a path to a DagSpec: reads, routes, orders and compiles, and collects every problem on the way."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from planexe_dag_factory.compile.compiler import compile_plan
from planexe_dag_factory.compile.names import check_ids
from planexe_dag_factory.compile.order import order_steps
from planexe_dag_factory.errors import Problem, has_errors
from planexe_dag_factory.plan.model import Plan
from planexe_dag_factory.plan.read import read_plan
from planexe_dag_factory.routing.model import Policy, Registry, Routes
from planexe_dag_factory.routing.policy import read_policy
from planexe_dag_factory.routing.policy_file import policy_path
from planexe_dag_factory.routing.route import route_plan
from planexe_dag_factory.spec.model import DagSpec


@dataclass(frozen=True)
class Build:
    """How far a plan got, and every problem that was met; `spec` is None where one of them is an error."""

    plan: Plan | None = None
    policy: Policy | None = None
    routes: Routes | None = None
    spec: DagSpec | None = None
    problems: tuple[Problem, ...] = ()
    registry: Registry | None = None


def build_plan(source: Path, registry: Registry, policy: Path | None = None) -> Build:
    """Build the plan at `source` with the overlay beside it, or with the one given.

    Never raises for what a plan or an overlay holds: all of it is in `problems`.
    """
    plan, read = read_plan(source)
    if plan is None:
        return Build(problems=read, registry=registry)
    overlay = policy or policy_path(source)
    chosen, policed = read_policy(overlay if policy or overlay.exists() else None, plan)
    routes, routed = route_plan(plan, registry, chosen)
    order = order_steps(plan, chosen)
    problems = (*read, *check_ids(plan), *policed, *routed, *order.problems)
    if has_errors(problems):
        return Build(plan, chosen, routes, None, problems, registry)
    try:
        spec = compile_plan(plan, routes, chosen, registry, order)
    except ValueError as error:
        return Build(plan, chosen, routes, None, (*problems, _not_json(error)), registry)
    return Build(plan, chosen, routes, spec, problems, registry)


def _not_json(error: ValueError) -> Problem:
    return Problem(
        "error",
        "not-canonical-json",
        f"the plan holds what canonical JSON cannot: {error}",
        hint="keep whole numbers below 2^53, and texts free of lone surrogates",
    )


def validation(build: Build) -> dict[str, Any]:
    """Return what `planexe-dag validate --json` prints."""
    return {
        "ok": build.spec is not None,
        "plan_id": build.plan.id if build.plan else None,
        "steps": len(build.plan.steps) if build.plan else 0,
        "problems": [problem_json(problem) for problem in build.problems],
    }


def problem_json(problem: Problem) -> dict[str, Any]:
    """Write a problem as JSON; `source_id` only where it concerns a task of PlanExe's."""
    document = asdict(problem)
    source_id = document.pop("source_id")
    return {**document, "source_id": source_id} if source_id else document
