"""How two snapshots differ: plan, policy, routes, thresholds, inputs, gates, amounts, results and decisions.

Values are compared whole, and told whole: whoever shows them may shorten them. When something happened is no
difference, nor who signed it or in which run: two runs never agree on that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from planexe_agents.signing import digest

from planexe_dag_factory.record.snapshots import Snapshot

DECISIONS = ("approval.json", "answer.json", "decision.json")
ITSELF = frozenset({"at", "given_at", "started_at", "ended_at", "opened_at", "key", "signature", "run"})
"""What two records never agree on."""
WORK = ("title", "description", "phase", "package", "resources", "days", "upstream", "milestone")
ELSEWHERE = frozenset({"phases", "packages", "steps"})
"""What of a plan is compared step by step."""
PLAN = "the plan"

Values = Mapping[str, Any]
"""JSON by what it is about: a step, or the plan."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that two snapshots say differently; None where one says nothing.

    `field` is the path of the value in what is said about a step; empty where only one of them speaks of it.
    """

    part: str
    about: str
    before: Any | None
    after: Any | None
    field: str = ""


def compare(before: Snapshot, after: Snapshot) -> tuple[Difference, ...]:
    """List how two snapshots differ, part by part and value by value."""
    return tuple(
        difference for part, read in PARTS.items() for difference in _differences(part, read(before), read(after))
    )


def _differences(part: str, before: Values, after: Values) -> Iterator[Difference]:
    for about in dict.fromkeys((*before, *after)):
        old, new = before.get(about), after.get(about)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _fields(part, about, dict(_leaves(old)), dict(_leaves(new)))
        elif old != new:
            yield Difference(part, about, old, new)


def _fields(part: str, about: str, old: Values, new: Values) -> Iterator[Difference]:
    for name in dict.fromkeys((*old, *new)):
        if (name in old, old.get(name)) != (name in new, new.get(name)):
            yield Difference(part, about, old.get(name), new.get(name), name)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value that holds no others, by its path: `result.rows[2].name`."""
    if isinstance(value, Mapping) and value:
        for name in sorted(value):
            yield from _leaves(value[name], f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value:
        for number, one in enumerate(value):
            yield from _leaves(one, f"{path}[{number}]")
    else:
        yield path, value


def _plan(snapshot: Snapshot) -> Values:
    plan = snapshot.read_json("plan.json") or {}
    told = {name: value for name, value in plan.items() if name not in ELSEWHERE}
    if isinstance(told.get("documents"), list):
        told["documents"] = {one.get("name", ""): digest(one.get("text", "")) for one in told["documents"]}
    digests = {name: snapshot.spec.get(name) for name in ("plan_digest", "policy_digest", "registry_digest")}
    return {PLAN: {**told, **digests}} | {
        name: {field: item[field] for field in WORK if field in item} for name, item in _items(snapshot)
    }


def _policy(snapshot: Snapshot) -> Values:
    return {PLAN: snapshot.read_json("policy.json") or {}}


def _routes(snapshot: Snapshot) -> Values:
    return {name: _route(item["route"]) for name, item in _items(snapshot)}


def _route(route: Mapping[str, Any]) -> Mapping[str, Any]:
    asked = [f"{one['agent']}.{one['action']}" for one in route["candidates"]]
    return {"executor": route["executor"], "candidates": asked, "assignee": route["assignee"]}


def _thresholds(snapshot: Snapshot) -> Values:
    return {name: {"threshold": item["route"]["threshold"]} for name, item in _items(snapshot)}


def _inputs(snapshot: Snapshot) -> Values:
    return {name: item["route"]["inputs"] for name, item in _items(snapshot) if item["route"].get("inputs")}


def _gates(snapshot: Snapshot) -> Values:
    return {
        name: {field: value for field, value in gate.items() if field not in ("amount", "currency")}
        for name, gate in _with_gates(snapshot)
    }


def _amounts(snapshot: Snapshot) -> Values:
    """Return what each gate is about, and what was approved."""
    return {name: _amount(snapshot, name, gate) for name, gate in _with_gates(snapshot)}


def _amount(snapshot: Snapshot, name: str, gate: Mapping[str, Any]) -> Mapping[str, Any]:
    approval = snapshot.read_json("steps", name, "approval.json") or {}
    return {"planned": gate.get("amount"), "currency": gate.get("currency"), "approved": approval.get("amount")}


def _with_gates(snapshot: Snapshot) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((name, item["route"]["gate"]) for name, item in _items(snapshot) if item["route"].get("gate"))


def _items(snapshot: Snapshot) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from snapshot.spec.get("work_items", {}).items()


def _results(snapshot: Snapshot) -> Values:
    return {path.split("/")[1]: _said(snapshot, path) for path in _sealed(snapshot, "result.json")}


def _decisions(snapshot: Snapshot) -> Values:
    paths = (path for name in DECISIONS for path in _sealed(snapshot, name))
    return {path.removeprefix("steps/").removesuffix(".json"): _said(snapshot, path) for path in paths}


def _said(snapshot: Snapshot, path: str) -> Any:
    told = snapshot.read_json(*path.split("/"))
    return f"changed since it was sealed ({snapshot.files[path]})" if told is None else _without_itself(told)


def _without_itself(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_itself(one) for name, one in value.items() if name not in ITSELF}
    return [_without_itself(one) for one in value] if isinstance(value, list) else value


def _sealed(snapshot: Snapshot, name: str) -> list[str]:
    return sorted(path for path in snapshot.files if path.startswith("steps/") and path.endswith(f"/{name}"))


PARTS: Mapping[str, Callable[[Snapshot], Values]] = {
    "plan": _plan,
    "policy": _policy,
    "route": _routes,
    "threshold": _thresholds,
    "inputs": _inputs,
    "gate": _gates,
    "amount": _amounts,
    "result": _results,
    "decision": _decisions,
}
