"""The explanation of a plan (`compile.explain`) as one page that its owner reads and prints before it runs.

Like a report, it holds no script and nothing from elsewhere, and the same plan gives the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from planexe_dag_factory.report import words
from planexe_dag_factory.report.render import environment, style
from planexe_dag_factory.routing.assignees import NOBODY_NAMED

Explanation = Mapping[str, Any]


def explanation_page(explained: Explanation) -> str:
    """Return the page; of a plan with errors, one that lists its problems."""
    steps = explained["steps"]
    return (
        environment()
        .get_template("explanation.html")
        .render(
            plan=explained,
            nobody=NOBODY_NAMED,
            style=Markup(style()),  # noqa: S704 - our own style sheet
            headline=_headline(explained),
            by_package=_by_package(steps),
            gated=[step for step in steps if step["approval"]],
            doers=_doers(steps),
            problems=sorted(explained["problems"], key=lambda one: ("error", "warning", "info").index(one["severity"])),
        )
    )


def _headline(explained: Explanation) -> str:
    steps = explained["steps"]
    if not steps:
        return "This plan cannot run yet."
    people = sum(step["executor"] == "human" for step in steps)
    gates = sum(step["approval"] is not None for step in steps)
    return (
        f"{words.count(len(steps), 'step')}: {len(steps) - people} by agents and {people} by people. "
        f"{words.count(gates, 'approval')} on the way."
    )


def _by_package(steps: list[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for step in steps:
        found.setdefault(step["package"], []).append(step)
    return found


def _doers(steps: list[Mapping[str, Any]]) -> list[tuple[str, str, int]]:
    """List who does how many steps, agents first, the busiest first."""
    agents = Counter(f"{step['agent']} / {step['action']}" for step in steps if step["executor"] != "human")
    people = Counter(step["assignee"] for step in steps if step["executor"] == "human")
    return [
        *(("agent", name, count) for name, count in agents.most_common()),
        *(("person", name, count) for name, count in people.most_common()),
    ]
