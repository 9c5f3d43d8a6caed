"""The explanation of a plan, as a tree for people."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from rich.text import Text
from rich.tree import Tree

from planexe_dag_factory.report import words

OTHERS_SHOWN = 3
_COLOURS = {"human": "magenta"}


def explanation_tree(explanation: Mapping[str, Any], *, why: bool = False) -> Tree:
    """Show phases, packages and steps: who does each and why, and what is approved first.

    `why` adds what would change it.
    """
    steps = {package: tuple(members) for package, members in groupby(explanation["steps"], itemgetter("package"))}
    tree = Tree(Text(explanation["title"], style="bold"), guide_style="dim")
    for phase in explanation["phases"]:
        branch = tree.add(Text(phase["title"], style="bold"))
        for package in phase["packages"]:
            twig = branch.add(Text(package["title"]))
            for step in steps.get(package["id"], ()):
                twig.add(_step(step, why=why))
        branch.add(_milestone(phase))
    tree.add(_summary(explanation["steps"]))
    learned = explanation.get("learned", {})
    if any(learned.values()):
        tree.add(_learned(learned))
    return tree


def _learned(learned: Mapping[str, Any]) -> Text:
    """Say what earlier runs have taught of the agents and the kinds of work of this plan."""
    text = Text("what earlier runs have taught", style="bold")
    for one in learned["calibration"]:
        text.append(f"\n{one['agent']} / {one['action']}: {words.reviewed(one)}")
    for one in learned["paces"]:
        done = words.count(one["n"], "step")
        text.append(f"\n{words.kind(one['kind'])} takes {words.times(one['factor'])} what is planned ({done} done)")
    return text


def _milestone(phase: Mapping[str, Any]) -> Text:
    text = Text(f"milestone, closes {len(phase['closes'])} steps", style="green")
    return text.append(", risks are assessed first") if phase["critical"] else text


def _step(step: Mapping[str, Any], *, why: bool) -> Text:
    text = Text(step["title"], style="bold")
    if step["executor"] == "human":
        who = f"a person: {step['assignee']}"
    else:
        who = f"{step['agent']} / {step['action']} ({step['score']:.2f})"
    text.append(f"\n{who}", style=_COLOURS.get(step["executor"], "cyan"))
    text.append(f"  because {step['why']}", style="dim")
    text.append(_others(step), style="dim")
    if step["gate"] != "none":
        text.append(f"\n{step['gate']} approval first", style="yellow")
        text.append(f"  because {step['gate_why']}", style="dim")
        text.append(_approval(step["approval"]), style="yellow")
    if why:
        text.append(f"\nto change it: {step['would_change']}", style="dim italic")
        text.append(f" {step['gate_would_change']}" if step["approval"] else "", style="dim italic")
        if step.get("calibration"):
            text.append(f"\nlearned: {words.reviewed(step['calibration'])}", style="dim italic")
    return text


def _others(step: Mapping[str, Any]) -> str:
    """Name who else could do a step, best first: the agents that come next, or those nearest to a person's step."""
    human = step["executor"] == "human"
    others = step["candidates"] if human else step["candidates"][1:]
    named = ", ".join(f"{one['agent']} / {one['action']} ({one['score']:.2f})" for one in others[:OTHERS_SHOWN])
    if not named:
        return ""
    return f"\n{'nearest agents' if human else 'then'}: {named}"


def _approval(approval: Mapping[str, Any]) -> str:
    """Say who approves, over which amount, and why it is they."""
    who = " or ".join(approval["approvers"])
    several = f"{approval['approvals_needed']} of: " if approval["approvals_needed"] > 1 else ""
    amount = f", {approval['currency']} {approval['amount']:,.2f}" if approval["amount"] is not None else ""
    return f"\napproved by {several}{who}{amount}: {approval['approver_why']}"


def _summary(steps: list[Mapping[str, Any]]) -> Text:
    people = sum(step["executor"] == "human" for step in steps)
    gates = sum(step["gate"] != "none" for step in steps)
    return Text(
        f"{len(steps)} steps: {len(steps) - people} by agents, {people} by people, {gates} approvals", style="bold"
    )
