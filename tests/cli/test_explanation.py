from typing import Any

from rich.console import Console

from planexe_dag_factory.cli.explanation import explanation_tree

EXPLANATION: dict[str, Any] = {
    "plan_id": "fete",
    "title": "Summer [bold]fete[/bold]",
    "phases": [
        {
            "id": "prepare",
            "title": "Prepare",
            "packages": [{"id": "permits", "title": "Permits"}, {"id": "stalls", "title": "Stalls"}],
            "milestone": "milestone-prepare",
            "critical": True,
            "closes": ["find-rules", "sign-lease"],
        }
    ],
    "steps": [
        {
            "id": "find-rules",
            "title": "Find the rules",
            "phase": "prepare",
            "package": "permits",
            "executor": "data_gathering",
            "agent": "data_gathering",
            "action": "find_evidence",
            "score": 0.875,
            "why": "it reads like 'collect rules'",
            "gate": "none",
            "gate_why": "",
            "assignee": "clerk",
            "approval": None,
            "candidates": [
                {"agent": "data_gathering", "action": "find_evidence", "score": 0.875},
                {"agent": "analysis", "action": "assess", "score": 0.5},
            ],
            "would_change": "A caution above 0.9.",
            "gate_would_change": "",
        },
        {
            "id": "sign-lease",
            "title": "Sign the lease",
            "phase": "prepare",
            "package": "stalls",
            "executor": "human",
            "agent": None,
            "action": None,
            "score": 1.0,
            "why": "signing binds",
            "gate": "budget",
            "gate_why": "it says 'sign'",
            "assignee": "treasurer",
            "approval": {
                "approvers": ["Board"],
                "approvals_needed": 2,
                "amount": 1200.0,
                "currency": "EUR",
                "approver_why": "the policy says so",
            },
            "candidates": [{"agent": "reporting", "action": "draft", "score": 0.2}],
            "would_change": "A rule.",
            "gate_would_change": "No gate.",
        },
    ],
    "problems": [],
}


def test_a_tree_says_who_does_each_step_why_and_what_is_approved_first() -> None:
    console = Console(width=100)
    with console.capture() as shown:
        console.print(explanation_tree(EXPLANATION, why=True))
    lines = [line.rstrip() for line in shown.get().splitlines()]
    assert lines == [
        "Summer [bold]fete[/bold]",
        "├── Prepare",
        "│   ├── Permits",
        "│   │   └── Find the rules",
        "│   │       data_gathering / find_evidence (0.88)  because it reads like 'collect rules'",
        "│   │       then: analysis / assess (0.50)",
        "│   │       to change it: A caution above 0.9.",
        "│   ├── Stalls",
        "│   │   └── Sign the lease",
        "│   │       a person: treasurer  because signing binds",
        "│   │       nearest agents: reporting / draft (0.20)",
        "│   │       budget approval first  because it says 'sign'",
        "│   │       approved by 2 of: Board, EUR 1,200.00: the policy says so",
        "│   │       to change it: A rule. No gate.",
        "│   └── milestone, closes 2 steps, risks are assessed first",
        "└── 2 steps: 1 by agents, 1 by people, 1 approvals",
    ]
