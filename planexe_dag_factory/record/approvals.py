"""What is signed for one step of one run, and bound to it: approvals, votes and answers."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from planexe_agents.signing import digest, digest_bytes, is_signed_by

from planexe_dag_factory.record.chain import Chain
from planexe_dag_factory.record.course import OPENED, REFUSED
from planexe_dag_factory.record.events import RUN, actor_of, names_of
from planexe_dag_factory.record.findings import Findings

_SIGNED = re.compile(r"steps/(?P<step>[^/]+)/(?:approval|votes/\d+|tickets/(?P<n>\d+)/answer)\.json")
ADDED, TAKEN_BACK = "ticket-approver-added", "ticket-approver-taken-back"
_MADE_FROM = ("plan", "policy", "registry")


def payload_digest(item: Mapping[str, Any], policy_digest: str) -> str:
    """Return what an approval of a work item is bound to: the work, its route, its gate and the policy.

    `item` is the work item as `dagspec.json` has it.
    """
    route = item["route"]
    gate = route.get("gate")
    return digest(
        {
            "id": item["id"],
            "title": item["title"],
            "description": item["description"],
            "executor": route["executor"],
            "actions": [f"{candidate['agent']}.{candidate['action']}" for candidate in route["candidates"]],
            "inputs": dict(route["inputs"]),
            "gate": [gate["kind"], gate["why"]] if gate else None,
            "policy": policy_digest,
        }
    )


@dataclass(frozen=True, slots=True)
class Signatures:
    """By what documents of a run are verified: its name, its spec as JSON, the keys that may sign, its events."""

    run: str
    spec: Mapping[str, Any]
    keys: Collection[str]
    chain: Chain

    @property
    def items(self) -> Mapping[str, Any]:
        items: Mapping[str, Any] = self.spec.get("work_items", {})
        return items

    def bound_to(self, step: str) -> dict[str, str]:
        """Return what an approval or a vote must say, worked out anew from the spec."""
        bound = {"run": self.run, "work_item": step}
        if step in self.items:
            policy = self.spec["policy_digest"]
            bound |= {
                "plan_digest": self.spec["plan_digest"],
                "payload_digest": payload_digest(self.items[step], policy),
            }
        return bound


def verify_spec(files: Mapping[str, bytes], spec: Mapping[str, Any], findings: Findings) -> None:
    """Verify that the spec was made from the plan, the policy and the registry beside it."""
    for name in _MADE_FROM if spec else ():
        beside = files.get(f"{name}.json")
        if beside is not None and spec.get(f"{name}_digest") != digest_bytes(beside):
            findings.error("changed", "dagspec.json", f"was made from another {name}.json than the one beside it", "")


def verify_signed(files: Mapping[str, bytes], by: Signatures, findings: Findings) -> None:
    """Verify approvals, votes and answers: signed, for this run and step, and approvals also by whom and how many."""
    for path in sorted(files):
        if match := _SIGNED.fullmatch(path):
            with findings.reading(path):
                _verify(path, match, json.loads(files[path]), by, findings)


def _verify(path: str, match: re.Match[str], document: Mapping[str, Any], by: Signatures, findings: Findings) -> None:
    bound: dict[str, Any] = {"n": int(match["n"])} if match["n"] else by.bound_to(match["step"])
    bound |= {"run": by.run, "work_item": match["step"]}
    different = next((name for name, value in bound.items() if document.get(name) != value), None)
    if not is_signed_by(document, by.keys):
        findings.error("foreign-key", path, "is not signed with a key that may sign in this run")
    elif different:
        findings.error("moved", path, f"was given for another {different.replace('_', ' ')}")
    elif path.endswith("/approval.json"):
        for said in _faults(document, match["step"], by):
            findings.error("ungated", path, said)


def _faults(approval: Mapping[str, Any], step: str, by: Signatures) -> Iterator[str]:
    """Say what is wrong with an approval that is signed and bound to its step."""
    last = by.chain.about(step, *OPENED, REFUSED)[-1]
    decision = "rejected" if last.action == REFUSED else "approved"
    if approval["decision"] != decision:
        yield f"says {approval['decision']!r}, and {last.file.path} says {decision!r}"
    if last.action in ("gate-opened", REFUSED) and approval["by"].get("id") != last.document["actor"].get("id"):
        yield f"is by somebody else than {last.file.path}"
    if approval["decision"] == "approved":
        yield from _too_few(approval, step, by)


def _too_few(approval: Mapping[str, Any], step: str, by: Signatures) -> Iterator[str]:
    """Count the different people: those whom the policy wants, and one for each approver whom somebody added."""
    votes: Sequence[Mapping[str, Any]] = approval.get("votes") or [approval]
    given = [names_of(actor_of(vote["by"])) for vote in votes]
    policy = ((by.items.get(step) or {"route": {}})["route"].get("gate") or {}).get("approvals_needed", 1)
    added = {one["mark"] for one in approval.get("added", ())} | _added(step, by.chain)
    needed = policy + len(added)
    if len(set(given)) < needed:
        yield f"has {len(set(given))} of the {needed} different people who must approve"
    elif not added <= {mark for vote in votes for mark in vote.get("stands_for") or ()}:
        yield "has no vote of an approver whom somebody added"
    starters = [one.document["actor"] for one in by.chain.about(RUN, "run-started")[:1]]
    began = frozenset[str]().union(*(names_of(actor_of(who)) for who in starters if who.get("kind") == "person"))
    if not all(began.isdisjoint(names) for names in given):
        yield "is by whoever started the run, and somebody else must approve"


def _added(step: str, chain: Chain) -> set[str]:
    """Return the digests of the events that made another approval necessary before the gate was opened."""
    opened = chain.about(step, *OPENED)[-1].file.stamp
    before = [one for one in chain.about(step, ADDED, TAKEN_BACK) if one.file.stamp < opened]
    taken_back = {one.document["details"]["added"] for one in before if one.action == TAKEN_BACK}
    return {one.file.digest for one in before if one.action == ADDED} - taken_back
