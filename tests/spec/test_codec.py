import json
from dataclasses import replace

import pytest

from planexe_dag_factory.routing.model import Candidate, Gate, Route
from planexe_dag_factory.spec.codec import dump_spec, load_spec
from planexe_dag_factory.spec.model import DagSpec, GroupSpec, MilestoneSpec, TaskSpec, WorkItem

GATE = Gate("budget", "buys sensors", "Treasurer", 1200.0, "EUR")
ROUTE = Route(
    "buy", "analysis", "matches", 0.8, "Treasurer", (Candidate("analysis", "compare", 0.8),), GATE, inputs={"a": None}
)
SPEC = DagSpec(
    dag_id="harbour",
    plan_id="harbour",
    title="Harbour \N{WATER WAVE}",
    summary="",
    owner="Anna",
    plan_digest="sha256:1",
    policy_digest="sha256:2",
    registry_digest="sha256:3",
    senior_approval=None,
    groups=(GroupSpec("one", "One"), GroupSpec("p", "P", "one")),
    tasks=(TaskSpec("start", "start", "Start"), TaskSpec("buy.gate", "gate", "Buy", "buy", "buy", None, "p")),
    edges=(("start", "buy.gate"),),
    work_items={"buy": WorkItem("buy", "Buy", "", "one", "p", ROUTE, ("Anna",), (1.0, 2.0, 3.0), ("ask",))},
    milestones=(MilestoneSpec("milestone-one", 1, "One", "one", True, ("buy",)),),  # noqa: FBT003 - a row of data
    tags=("planexe",),
)
WRITTEN = """{
"dag_id": "harbour",
"edges": [
 ["start", "buy.gate"]
],
"extra": null,
"groups": [
 {"id": "one", "parent": null, "title": "One"},
 {"id": "p", "parent": "one", "title": "P"}
],
"milestones": [
 {"critical": true, "id": "milestone-one", "number": 1, "phase": "one", "title": "One", "work_items": ["buy"]}
],
"owner": "Anna",
"plan_digest": "sha256:1",
"plan_id": "harbour",
"policy_digest": "sha256:2",
"registry_digest": "sha256:3",
"reminders": null,
"senior_approval": null,
"summary": "",
"tags": [
 "planexe"
],
"tasks": [
 {"id": "start", "kind": "start", "title": "Start"},
 {"group": "p", "id": "buy.gate", "kind": "gate", "step": "buy", "title": "Buy", "work_item": "buy"}
],
"title": "Harbour \\ud83c\\udf0a",
"version": 1,
"work_items": {
 "buy": %s
}
}
"""
WORK_ITEM = (
    '{"days": [1.0, 2.0, 3.0], "description": "", "id": "buy", "milestone": null, "package": "p", "phase": "one", '
    '"resources": ["Anna"], '
    '"route": {"assignee": "Treasurer", "candidates": [{"action": "compare", "agent": "analysis", "score": 0.8}], '
    '"due_days": null, "executor": "analysis", "gate": {"amount": 1200.0, "approvals_needed": 1, '
    '"approver": "Treasurer", "approver_why": "", "approvers": [], "currency": "EUR", "kind": "budget", '
    '"raised_by": "words", "why": "buys sensors"}, '
    '"gate_why": "", "inputs": {"a": null}, "score": 0.8, "step": "buy", "threshold": 0.7, '
    '"why": "matches"}, "title": "Buy", "upstream": ["ask"]}'
)


def test_a_spec_is_written_with_one_task_edge_or_work_item_a_line() -> None:
    assert dump_spec(SPEC).decode() == WRITTEN % WORK_ITEM


def test_what_was_written_is_read_back_equal() -> None:
    assert load_spec(dump_spec(SPEC)) == SPEC


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", dump_spec(SPEC)[:-40], dump_spec(replace(SPEC, version=2))])
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"DagSpec"):
        load_spec(content)


def test_rows_are_json_whatever_the_text_says() -> None:
    hostile = replace(SPEC, title='"},\n{{ 7*7 }}\x00</script>\N{RIGHT-TO-LEFT OVERRIDE}')
    assert json.loads(dump_spec(hostile))["title"] == hostile.title
    assert load_spec(dump_spec(hostile)) == hostile
