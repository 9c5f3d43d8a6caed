"""How much of a language model a run may take, where its policy says so, and how much of that is left.

    model/<attempt's mark>+granted+<tokens>.json    before its assignment is sent
    model/<attempt's mark>+taken+<tokens>.json      once its outcome is there
    model/<attempt's mark>+cost+<millionths>.json   and what it cost, by its endpoint, where money is bounded

The names say all that matters: whoever adds up lists one folder and opens nothing, on a disk or an object store.
What is granted counts as taken until the outcome says otherwise, and so for ever where none comes: an agent that
died may have spent it. Two steps that start in the same instant may both see the same rest; more than one grant
each is never given away so. Money is known only afterwards: the attempt that passes its budget ends, the next works
without a model, and what an endpoint does not say the cost of counts as nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from planexe_agents.protocol import Usage
from planexe_agents.signing import digest

from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.record.folder import now

FOLDER = "model"
NAME = re.compile(r"([0-9a-f]{16})\+(granted|taken|cost)\+(\d{1,15})\.json")
MOST = 16_000
"""Tokens for one attempt at a step: two answers, each of which may be asked for again."""
MILLION = 1_000_000
LEAST = 5_000
"""Less than one answer may need is as good as nothing."""


def grant(step: StepRun, attempt: int) -> int | None:
    """Set aside tokens for an attempt and return how many; 0: work without a model; None: there is no budget."""
    budget, money = _budget(step), _money(step)
    if budget is None and money is None:
        return None
    mark = _mark(step, attempt)
    granted, taken, costs = _tally(step)
    if mark in granted:
        return granted[mark]
    spent = money is not None and sum(costs.values()) >= money * MILLION
    if budget is None and not spent:
        return None
    left = 0 if spent or budget is None else budget - sum({**granted, **taken}.values())
    tokens = min(MOST, left) if left >= LEAST else 0
    _write(step, attempt, "granted", tokens)
    return tokens


def settle(step: StepRun, attempt: int, usage: Usage | None) -> None:
    """Note what an attempt took in the end."""
    if _budget(step) is None and _money(step) is None:
        return
    cost = usage.cost if usage and _money(step) is not None else None
    _write(step, attempt, "taken", usage.tokens if usage else 0, cost)


def is_spent(context: Mapping[str, Any]) -> bool:
    """Say whether an assignment with this context told its agent to work without a model."""
    budget = context.get("model_budget")
    return budget is not None and budget["tokens"] == 0


def _budget(step: StepRun) -> int | None:
    return step.execution.policy.get("model_budget_tokens")


def _money(step: StepRun) -> float | None:
    return step.execution.policy.get("model_budget_cost")


def _tally(step: StepRun) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    found: dict[str, dict[str, int]] = {"granted": {}, "taken": {}, "cost": {}}
    for match in filter(None, map(NAME.fullmatch, step.execution.run.names(FOLDER))):
        marks = found[match[2]]
        marks[match[1]] = max(marks.get(match[1], 0), int(match[3]))
    return found["granted"], found["taken"], found["cost"]


def _mark(step: StepRun, attempt: int) -> str:
    return digest([step.id, attempt]).removeprefix("sha256:")[:16]


def _write(step: StepRun, attempt: int, what: str, tokens: int, cost: float | None = None) -> None:
    about = {"work_item": step.id, "attempt": attempt, "at": now()}
    files = {_path(step, attempt, what, tokens): {**about, what: tokens}}
    if cost is not None:
        files[_path(step, attempt, "cost", round(cost * MILLION))] = {**about, "cost": cost}
    step.execution.record(f"model-{what}", step.id, files, after=step.after, tokens=tokens)


def _path(step: StepRun, attempt: int, what: str, number: int) -> str:
    return f"{FOLDER}/{_mark(step, attempt)}+{what}+{min(max(number, 0), 10**15 - 1)}.json"
