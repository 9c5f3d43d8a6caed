"""The explanation of a plan, as a tree for people."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from rich.text import Text
from rich.tree import Tree

_COLOURS = {"human": "magenta"}


def explanation_tree(explanation: Mapping[str, Any]) -> Tree:
    """Show phases, packages and steps: who does each and why, and what is approved first."""
    steps = {package: tuple(members) for package, members in groupby(explanation["steps"], itemgetter("package"))}
    tree = Tree(Text(explanation["title"], style="bold"), guide_style="dim")
    for phase in explanation["phases"]:
        branch = tree.add(Text(phase["title"], style="bold"))
        for package in phase["packages"]:
            twig = branch.add(Text(package["title"]))
            for step in steps.get(package["id"], ()):
                twig.add(_step(step))
        branch.add(_milestone(phase))
    tree.add(_summary(explanation["steps"]))
    return tree


def _milestone(phase: Mapping[str, Any]) -> Text:
    text = Text(f"milestone, closes {len(phase['closes'])} steps", style="green")
    return text.append(", risks are assessed first") if phase["critical"] else text


def _step(step: Mapping[str, Any]) -> Text:
    text = Text(step["title"], style="bold")
    if step["executor"] == "human":
        who = f"a person: {step['assignee']}"
    else:
        who = f"{step['agent']} / {step['action']} ({step['score']:.2f})"
    text.append(f"\n{who}", style=_COLOURS.get(step["executor"], "cyan"))
    text.append(f"  because {step['why']}", style="dim")
    if step["gate"] != "none":
        text.append(f"\n{step['gate']} approval first", style="yellow")
        text.append(f"  because {step['gate_why']}", style="dim")
    return text


def _summary(steps: list[Mapping[str, Any]]) -> Text:
    people = sum(step["executor"] == "human" for step in steps)
    gates = sum(step["gate"] != "none" for step in steps)
    return Text(
        f"{len(steps)} steps: {len(steps) - people} by agents, {people} by people, {gates} approvals", style="bold"
    )
