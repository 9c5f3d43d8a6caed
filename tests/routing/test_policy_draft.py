from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from planexe_dag_factory.compile.build import Build, build_plan
from planexe_dag_factory.routing.people import Assigned, People
from planexe_dag_factory.routing.policy_draft import draft_policy
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.spec.codec import dump_spec

ROOT = Path(__file__).parents[2]
HARBOUR = ROOT / "dags" / "examples" / "harbour_air_watch"
REGISTRY = load_registry(None)


def draft(built: Build, people: People | None = None) -> dict[str, Any]:
    assert built.plan
    assert built.routes
    return draft_policy(built.plan, built.routes, REGISTRY, people)


def built_with(tmp_path: Path, policy: dict[str, Any]) -> Build:
    path = tmp_path / "draft.policy.json"
    path.write_text(json.dumps(policy))
    return build_plan(HARBOUR, REGISTRY, path)


def turned_on(document: dict[str, Any]) -> dict[str, Any]:
    """Take the slashes from every name that has a value behind them."""
    return {
        name.removeprefix("//"): value
        for name, value in document.items()
        if name != "//" and not name.startswith("// ")
    }


def test_as_written_it_is_valid_and_changes_nothing(tmp_path: Path) -> None:
    bare = tmp_path / "bare.policy.json"
    bare.write_text("{}")
    plain = build_plan(HARBOUR, REGISTRY, bare)

    drafted = built_with(tmp_path, draft(plain))

    assert drafted.policy == plain.policy
    assert plain.spec
    assert drafted.spec
    assert dump_spec(drafted.spec) == dump_spec(plain.spec)


def test_each_of_its_rules_and_settings_is_valid_when_it_is_turned_on(tmp_path: Path) -> None:
    document = draft(build_plan(HARBOUR, REGISTRY))
    rules = [turned_on(rule) for rule in document["rules"]]

    drafted = built_with(tmp_path, turned_on(document) | {"rules": rules})

    assert [problem for problem in drafted.problems if problem.severity == "error"] == []
    assert drafted.policy
    assert len(drafted.policy.rules) == len(rules)


def test_it_lists_every_gate_the_doubtful_steps_and_the_roles_that_nobody_stands_for() -> None:
    built = build_plan(HARBOUR, REGISTRY)
    assert built.routes
    gated = {route.step for route in built.routes.values() if route.gate}
    someone = next(route.assignee for route in built.routes.values())
    people = People({someone: Assigned(("ann",))}, {}, Assigned(("dana",)))

    rules = draft(built, people)["rules"]

    assert gated == {rule["step"] for rule in rules if "//gate" in rule}
    roles = {rule["role"] for rule in rules if "role" in rule}
    assert someone not in roles
    doubtful = [rule for rule in rules if rule["//"].count("doubtful")]
    assert all("//executor" in rule or "//action" in rule for rule in doubtful)


@pytest.mark.parametrize("plan", sorted((ROOT.parent / "shared" / "plans").glob("*.zip"))[7:8] or [None])
def test_of_a_real_plan_it_changes_nothing_either(tmp_path: Path, plan: Path | None) -> None:
    if plan is None:
        pytest.skip("no real plans in ../shared")
    built = build_plan(plan, REGISTRY)
    path = tmp_path / "draft.policy.json"
    path.write_text(json.dumps(draft(built)))

    drafted = build_plan(plan, REGISTRY, path)

    assert drafted.spec == built.spec
    assert any(rule["//"].count("doubtful") for rule in draft(built)["rules"])
