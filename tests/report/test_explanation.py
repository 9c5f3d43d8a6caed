from __future__ import annotations

from pathlib import Path

from planexe_dag_factory.compile.build import build_plan
from planexe_dag_factory.compile.explain import explain
from planexe_dag_factory.report.explanation import explanation_page
from planexe_dag_factory.routing.registry import load_registry

HOSTILE = '<script>alert(1)</script>{{ 7 * 7 }}" onload="x'


def page_of(tmp_path: Path, text: str, policy: str = "") -> str:
    (tmp_path / "plan.json").write_text(text)
    if policy:
        (tmp_path / "plan.policy.json").write_text(policy)
    return explanation_page(explain(build_plan(tmp_path / "plan.json", load_registry(None))))


def test_the_page_names_gate_phrase_approver_amount_and_how_many_approve(tmp_path: Path) -> None:
    page = page_of(
        tmp_path,
        '{"title": "Fete", "owner": "Dana", "steps": [{"id": "ovens", "title": "Buy the ovens for EUR 1,200"}]}',
        '{"rules": [{"step": "ovens", "approvers": ["Board", "anna"], "approvals_needed": 2}]}',
    )

    assert "the step buys: &#39;Buy the ovens for EUR 1,200&#39;" in page
    assert "2 of: Board or anna" in page
    assert "EUR 1,200.00" in page
    assert "1 approval on the way." in page
    assert "Plan owner: Dana." in page


def test_what_a_plan_says_is_text_on_the_page_and_nothing_more(tmp_path: Path) -> None:
    said = HOSTILE.replace('"', '\\"')
    steps = f'[{{"id": "s", "title": "{said}", "human_required": true, "assignee": "{said}", "impact": "budget"}}]'
    page = page_of(tmp_path, f'{{"title": "{said}", "owner": "{said}", "steps": {steps}}}')

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}" in page
    assert 'onload="' not in page


def test_a_plan_with_errors_shows_them_and_no_steps(tmp_path: Path) -> None:
    page = page_of(tmp_path, '{"title": "Fete", "steps": [{"id": "a", "title": "A", "depends_on": ["b"]}]}')

    assert "This plan cannot run yet." in page
    assert "Problems to mend first" in page
    assert "Step by step" not in page
