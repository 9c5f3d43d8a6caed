"""The files of a run, verified against the events that speak of them, and against each other."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from planexe_agents.signing import digest_bytes, is_signed_by, verify_document

from planexe_dag_factory.record.chain import Chain, Signed
from planexe_dag_factory.record.events import AUDIT
from planexe_dag_factory.record.findings import Findings
from planexe_dag_factory.record.manifest import seal_events

SEAL = re.compile(r"milestones/[^/]+/manifest\.json|final/(?:manifest|seal)\.json")
OUTCOME = re.compile(r"steps/([^/]+)/(\d{3,})/outcome\.json")
RESULT = re.compile(r"steps/([^/]+)/result\.json")
APPROVAL = re.compile(r"steps/([^/]+)/approval\.json")
OPENED = ("gate-opened", "approval-taken-over")
ENDED = ("step-done", "step-refused", "step-taken-over")
BEGAN = ("assignment-sent",)
BY_HAND = "marked-in-airflow"


@dataclass(frozen=True, slots=True)
class Named:
    """A file that events speak of: which digests it may have, and the last event that says so."""

    digests: frozenset[str]
    last: Signed


def named_files(chain: Chain) -> Mapping[str, Named]:
    """Return the files that the events speak of.

    The last word counts; of two who wrote at once, neither is the last.
    """
    speaking: dict[str, list[Signed]] = defaultdict(list)
    for event in chain.events:
        for path in event.document["digests"]:
            speaking[path].append(event)
    return {path: _last_word(chain, path, events) for path, events in speaking.items()}


def _last_word(chain: Chain, path: str, events: list[Signed]) -> Named:
    last = events[-1]
    at_once = [event for event in events[:-1] if not chain.precedes(event, last)]
    return Named(frozenset(event.document["digests"][path] for event in (*at_once, last)), last)


def verify_files(files: Mapping[str, bytes], named: Mapping[str, Named], findings: Findings) -> None:
    """Find files that were changed or removed since an event spoke of them, and those of which none speaks."""
    for path, one in named.items():
        event = one.last.file
        if path not in files:
            findings.error("removed", path, f"is not there, and {event.path} speaks of it", event.stamp)
        elif digest_bytes(files[path]) not in one.digests:
            findings.error("changed", path, f"is not what {event.path} speaks of", event.stamp)
    for path in files.keys() - named.keys():
        findings.stranger(path, "is in no event")


def verify_kinds(strange: Iterable[str], named: Mapping[str, Named], findings: Findings) -> None:
    """Find what stands in a file's place, or beside the files, and is none: nobody has opened it."""
    for path in strange:
        findings.error("changed" if path in named else "added", path, "is a link, a pipe or a device, and no file")


def verify_seals(
    run: str, files: Mapping[str, bytes], there: Collection[str], keys: Collection[str], findings: Findings
) -> None:
    """Find what a milestone sealed and is not there any more. `files` are those that hold, `there` all paths."""
    for path in sorted(filter(SEAL.fullmatch, files)):
        manifest = json.loads(files[path])
        if not is_signed_by(manifest, keys):
            findings.error("foreign-key", path, "is not signed with a key that may sign in this run")
            continue
        if manifest["run"] != run:
            findings.error("moved", path, f"sealed the run {manifest['run']!r}")
        if manifest["events"] != seal_events(manifest["files"]):
            findings.error("changed", path, "counts other events than it lists")
        for sealed in manifest["files"].keys() - set(there):
            stamp = sealed.rpartition("/")[2][:21] if sealed.startswith(f"{AUDIT}/") else "~"
            findings.error("removed", sealed, f"is not there, and {path} sealed it", stamp)


def verify_work(
    files: Mapping[str, bytes], agents: Mapping[str, Any], keys: Collection[str], chain: Chain, findings: Findings
) -> None:
    """Verify outcomes with the keys of their agents, results by the outcomes they rest on, and approvals.

    `files` are those that events vouch for, so that each is as the orchestrator wrote it.
    """
    good = dict(_outcomes(files, agents, findings)) if agents else {}
    for path, match in _matching(RESULT, files):
        _verify_result(
            path, files, [good[one] for one in good if one.startswith(f"steps/{match[1]}/")], chain, findings
        )
    for path, match in _matching(APPROVAL, files):
        approval = json.loads(files[path])
        if not is_signed_by(approval, keys):
            findings.error("foreign-key", path, "is not signed with a key that may sign in this run")
        elif approval["work_item"] != match[1]:
            findings.error("moved", path, f"is an approval of {approval['work_item']!r}")


def verify_course(spec: Mapping[str, Any], chain: Chain, findings: Findings) -> None:
    """Verify that nothing began before its gate was open, and that what a milestone closes has ended."""
    items: Mapping[str, Any] = spec.get("work_items", {})
    for name, item in items.items():
        opened = chain.about(name, *OPENED)
        for begun in chain.about(name, *BEGAN) if item["route"].get("gate") else ():
            if not any(one.file.stamp < begun.file.stamp for one in opened):
                findings.error("ungated", begun.file.path, "was sent before its gate was open", begun.file.stamp)
    for milestone in spec.get("milestones", ()):
        for reached in chain.about(milestone["id"], "milestone-reached")[:1]:
            for name in milestone["work_items"]:
                if not chain.about(name, *ENDED, BY_HAND):
                    said = f"nothing says how {name!r} ended, which {reached.file.path} closed"
                    findings.error("removed", f"steps/{name}/result.json", said, reached.file.stamp)


def _outcomes(
    files: Mapping[str, bytes], agents: Mapping[str, Any], findings: Findings
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the outcomes that their agents signed, for the assignments beside them."""
    for path, _ in _matching(OUTCOME, files):
        outcome = json.loads(files[path])
        sent = files.get(path.replace("outcome.json", "assignment.json"), b"")
        key = agents.get(outcome["agent"])
        if key is None:
            findings.error("foreign-key", path, f"is of the agent {outcome['agent']!r}, whose key is not on record")
        elif not verify_document(outcome, key):
            findings.error("foreign-key", path, f"is not signed with the key of {outcome['agent']}")
        elif outcome["assignment_digest"] != digest_bytes(sent):
            findings.error("changed", path, "answers another assignment than the one beside it")
        else:
            yield path, outcome


def _verify_result(
    path: str, files: Mapping[str, bytes], outcomes: Iterable[Mapping[str, Any]], chain: Chain, findings: Findings
) -> None:
    """An agent's result must be that of one of its own outcomes."""
    result = json.loads(files[path])
    if result["by"]["kind"] != "agent":
        return
    said = (result["agent"], result["action"], result["result"], result["confidence"])
    brought = ((one["agent"], one["action"], one["result"], one["confidence"]) for one in outcomes)
    ended = chain.about(path.split("/")[1], *ENDED)
    if said not in list(brought) and (not ended or ended[-1].action != "step-taken-over"):
        findings.error("changed", path, f"is not what {result['agent']} brought")


def _matching(pattern: re.Pattern[str], files: Iterable[str]) -> Iterator[tuple[str, re.Match[str]]]:
    found = ((path, pattern.fullmatch(path)) for path in sorted(files))
    return ((path, match) for path, match in found if match)
