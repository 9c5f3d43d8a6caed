"""Which events speak of which files. An event that speaks of another's file was written by hand, whoever signed it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from planexe_dag_factory.record.chain import Chain, Signed
from planexe_dag_factory.record.events import RUN
from planexe_dag_factory.record.findings import Findings

INPUTS = frozenset({"run.json", "plan.json", "policy.json", "registry.json", "dagspec.json"})
"""What a run begins with, and keeps."""
_PLACES: Mapping[str, tuple[str, ...]] = {
    r"run\.json": ("run-started",),
    r"plan\.json": ("plan-read",),
    r"(?:policy|registry|dagspec)\.json": ("plan-routed",),
    r"estimates\.json": ("estimates-learned",),
    r"steps/(?P<about>[^/]+)/\d+/order\.json": ("candidates-ordered",),
    r"steps/(?P<about>[^/]+)/\d+/assignment\.json": ("assignment-sent",),
    r"steps/(?P<about>[^/]+)/\d+/outcome\.json": ("outcome-received",),
    r"steps/(?P<about>[^/]+)/\d+/failure\.json": ("candidate-failed",),
    r"steps/(?P<about>[^/]+)/\d+/decision\.json": ("outcome-judged",),
    r"steps/(?P<about>[^/]+)/result\.json": ("step-done", "step-refused", "step-taken-over"),
    r"steps/(?P<about>[^/]+)/approval\.json": ("gate-opened", "gate-refused", "approval-taken-over"),
    r"steps/(?P<about>[^/]+)/tickets/\d+/ticket\.json": ("ticket-opened",),
    r"steps/(?P<about>[^/]+)/tickets/\d+/answer\.json": ("ticket-answered",),
    r"steps/(?P<about>[^/]+)/votes/\d+\.json": ("ticket-voted",),
    r"steps/(?P<about>[^/]+)/attachments/[^/]+": ("ticket-attached",),
    r"milestones/(?P<about>[^/]+)/manifest\.json": ("snapshot",),
    r"milestones/(?P<about>[^/]+)/report/[^/]+": ("report-written",),
    r"final/manifest\.json": ("snapshot",),
    r"final/seal\.json": ("run-sealed",),
    r"final/report\.[a-z]+": ("report-written",),
}
_PATTERNS = tuple((re.compile(pattern), actions) for pattern, actions in _PLACES.items())


def verify_places(chain: Chain, findings: Findings) -> None:
    """Find events that speak of a file that is none of theirs, or of another than the run began with."""
    begun: dict[str, str] = {}
    for event in chain.events:
        for path in _strange(event):
            said = f"speaks of {path}, and events of its kind never do"
            findings.error("unfounded", event.file.path, said, event.file.stamp)
        digests = event.document["digests"]
        for path in INPUTS & digests.keys():
            if begun.setdefault(path, digests[path]) != digests[path]:
                said = f"speaks of another {path} than the run began with"
                findings.error("unfounded", event.file.path, said, event.file.stamp)


def has_place(path: str) -> bool:
    """Say whether it is known which events speak of a file."""
    return any(pattern.fullmatch(path) for pattern, _ in _PATTERNS)


def _strange(event: Signed) -> Iterator[str]:
    for path in event.document["digests"]:
        for pattern, actions in _PATTERNS:
            match = pattern.fullmatch(path)
            if match and (event.action not in actions or event.about != match.groupdict().get("about", RUN)):
                yield path
