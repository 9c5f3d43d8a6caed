"""The course of a run: nothing happened that was not allowed by what was on record before, whoever signed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from planexe_dag_factory.record.chain import Chain, Signed
from planexe_dag_factory.record.events import MARKED, RUN
from planexe_dag_factory.record.findings import Findings

PLAN = "plan"
"""The work item of the senior approval that a refused plan needs before anything else."""
OPENED = ("gate-opened", "approval-taken-over")
REFUSED = "gate-refused"
ENDED = ("step-done", "step-refused", "step-taken-over")
_HELD = ("assignment-sent", "step-done")
"""What a gate holds back."""


def verify_course(spec: Mapping[str, Any], chain: Chain, findings: Findings) -> None:
    """Verify that each event could follow those before it about the same thing, and what milestones closed."""
    items: Mapping[str, Any] = spec.get("work_items", {})
    senior = spec.get("senior_approval") is not None
    for name, events in chain.by_about.items():
        for at, event in enumerate(events):
            rule = _RULES.get(event.action)
            said = rule(event, events[:at], chain) if rule else None
            if said:
                findings.error("unfounded", event.file.path, said, event.file.stamp)
            if event.action in _HELD and name in items and (said := _held(event, items[name], chain, senior=senior)):
                findings.error("ungated", event.file.path, said, event.file.stamp)
    _verify_milestones(spec, chain, findings)


def _held(event: Signed, item: Mapping[str, Any], chain: Chain, *, senior: bool) -> str | None:
    """Say which gate was not open when an agent was asked, or the step was done."""
    if item["route"].get("gate") and not _is_open(event.about, event, chain):
        return "was sent before its gate was open" if event.action == "assignment-sent" else "was done without approval"
    if senior and event.about != PLAN and not _is_open(PLAN, event, chain):
        return "comes before the plan was approved"
    return None


def _is_open(gate: str, event: Signed, chain: Chain) -> bool:
    """Say whether a gate was open at an event; one that a person was asked before keeps open for them."""
    known = [one.action for one in chain.about(gate, *OPENED, REFUSED) if one.file.stamp < event.file.stamp]
    if event.action == "assignment-sent":
        known = known[-1:]
    return any(action in OPENED for action in known)


def _sent_before(event: Signed, before: Sequence[Signed], _: Chain) -> str | None:
    return _told_before(event, before, "assignment-sent", "attempt", "answers what nobody was sent")


def _opened_before(event: Signed, before: Sequence[Signed], _: Chain) -> str | None:
    return _told_before(event, before, "ticket-opened", "n", "is about a ticket that was not open")


def _told_before(event: Signed, before: Sequence[Signed], action: str, what: str, said: str) -> str | None:
    known = [one.document["details"].get(what) for one in before if one.action == action]
    return None if event.document["details"].get(what) in known else said


def _answered_before(event: Signed, before: Sequence[Signed], _: Chain) -> str | None:
    """A person decides by an answer that was accepted; the orchestrator by an outcome that was."""
    actor = event.document["actor"]
    if actor.get("kind") == "person":
        answered = (one.document for one in before if one.action == "ticket-answered")
        by = {one["actor"].get("id") for one in answered if one["details"].get("accepted") is True}
        return None if actor.get("id") in by else "is of somebody whose answer is not on record before it"
    judged = [one.document["details"].get("decision") for one in before if one.action == "outcome-judged"]
    return None if judged[-1:] == ["accept"] else "accepts what was not judged to be beyond doubt"


def _gone_back_before(event: Signed, _: Sequence[Signed], chain: Chain) -> str | None:
    details = event.document["details"]
    for one in chain.about(RUN, "rollback"):
        told = one.document["details"]
        if one.file.stamp < event.file.stamp and all(told.get(name) == details.get(name) for name in _SOURCE):
            return None
    return "takes over from a run that this one does not go on from"


_SOURCE = ("source", "milestone")
_RULES: Mapping[str, Callable[[Signed, Sequence[Signed], Chain], str | None]] = {
    "outcome-received": _sent_before,
    "ticket-answered": _opened_before,
    "ticket-voted": _opened_before,
    "gate-opened": _answered_before,
    "gate-refused": _answered_before,
    "step-done": _answered_before,
    "step-refused": _answered_before,
    "step-taken-over": _gone_back_before,
    "approval-taken-over": _gone_back_before,
    "approval-void": _gone_back_before,
}


def _verify_milestones(spec: Mapping[str, Any], chain: Chain, findings: Findings) -> None:
    """Verify that whatever a milestone closed has ended; and before it, where its first event says it was reached."""
    for milestone in spec.get("milestones", ()):
        for reached in chain.about(milestone["id"], "milestone-reached")[:1]:
            is_first = chain.about(milestone["id"])[0] is reached
            for name in milestone["work_items"]:
                ended = chain.about(name, *ENDED, MARKED)
                if not ended or (is_first and ended[0].file.stamp > reached.file.stamp):
                    said = f"nothing says how {name!r} ended, which {reached.file.path} closed"
                    findings.error("removed", f"steps/{name}/result.json", said, reached.file.stamp)
