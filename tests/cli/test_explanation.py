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
        },
    ],
    "problems": [],
}


def test_a_tree_says_who_does_each_step_why_and_what_is_approved_first() -> None:
    console = Console(width=100)
    with console.capture() as shown:
        console.print(explanation_tree(EXPLANATION))
    lines = [line.rstrip() for line in shown.get().splitlines()]
    assert lines == [
        "Summer [bold]fete[/bold]",
        "├── Prepare",
        "│   ├── Permits",
        "│   │   └── Find the rules",
        "│   │       data_gathering / find_evidence (0.88)  because it reads like 'collect rules'",
        "│   ├── Stalls",
        "│   │   └── Sign the lease",
        "│   │       a person: treasurer  because signing binds",
        "│   │       budget approval first  because it says 'sign'",
        "│   └── milestone, closes 2 steps, risks are assessed first",
        "└── 2 steps: 1 by agents, 1 by people, 1 approvals",
    ]
