"""Every field of a rule corrects what was derived, by every selector: from the file to the route."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from planexe_dag_factory.plan.model import Phase, Plan, Step, WorkPackage
from planexe_dag_factory.routing.model import Route
from planexe_dag_factory.routing.policy import RuleFormat, read_policy
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.routing.route import route_plan
from planexe_dag_factory.routing.selectors import SELECTORS

CHOSEN = Step("buy-ovens", "Buy the ovens", "build", "kitchen", resources=("Master baker",), inputs={"kept": 1})
OTHER = Step("pay-rent", "Pay the rent", "run", "office", resources=("Accountant",))
PLAN = Plan(
    "bakery",
    "Bakery",
    (
        Phase("build", "Build", (WorkPackage("kitchen", "Kitchen", "build", (CHOSEN,)),)),
        Phase("run", "Run", (WorkPackage("office", "Office", "run", (OTHER,)),)),
    ),
    owner="Dana",
)
SELECTED = {"step": "buy-ovens", "package": "kitchen", "phase": "build", "pattern": "*OVENS", "role": "baker"}
SAID: dict[str, tuple[Any, Any]] = {
    "executor": ("analysis", lambda route: route.executor),
    "action": ("analysis.assess", lambda route: f"{route.candidates[0].agent}.{route.candidates[0].action}"),
    "agent": ("reporting", lambda route: route.candidates[0].agent),
    "inputs": ({"new": 2}, lambda route: {name: value for name, value in route.inputs.items() if name != "kept"}),
    "gate": ("irreversible", lambda route: route.gate.kind),
    "threshold": (0.95, lambda route: route.threshold),
    "assignee": ("Ann", lambda route: route.assignee),
    "approver": ("Ben", lambda route: route.gate.approver),
    "approvers": (["Ben", "Cid"], lambda route: list(route.gate.approvers)),
    "approvals_needed": (2, lambda route: route.gate.approvals_needed),
    "due_days": (3.5, lambda route: route.due_days),
}


def routes(tmp_path: Path, rule: dict[str, Any] | None) -> dict[str, Route]:
    path = tmp_path / "bakery.policy.json"
    path.write_text(json.dumps({"rules": [rule] if rule else []}))
    policy, unread = read_policy(path, PLAN)
    found, unrouted = route_plan(PLAN, load_registry(None), policy)
    assert (unread, unrouted) == ((), ())
    return dict(found)


def test_every_field_of_a_rule_is_tried_here_but_the_order_which_is_tried_where_it_is_made() -> None:
    assert {*SAID, "sequencing"} == set(RuleFormat.model_fields) - set(SELECTORS)
    assert set(SELECTED) == set(SELECTORS)


@pytest.mark.parametrize("selector", SELECTORS)
@pytest.mark.parametrize("field", SAID)
def test_a_field_corrects_what_its_selector_selects_and_nothing_else(tmp_path: Path, selector: str, field: str) -> None:
    value, of = SAID[field]
    before = routes(tmp_path, None)

    after = routes(tmp_path, {selector: SELECTED[selector], field: value})

    assert of(after["buy-ovens"]) == value
    assert before["buy-ovens"] != after["buy-ovens"]
    assert before["pay-rent"] == after["pay-rent"]
