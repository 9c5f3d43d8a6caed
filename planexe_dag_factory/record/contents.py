"""The files of a run, verified against the events that speak of them, and against each other."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from planexe_agents.signing import digest_bytes, verify_document

from planexe_dag_factory.record.chain import Chain, Signed
from planexe_dag_factory.record.course import ENDED
from planexe_dag_factory.record.findings import Findings

OUTCOME = re.compile(r"steps/([^/]+)/(\d{3,})/outcome\.json")
RESULT = re.compile(r"steps/([^/]+)/result\.json")


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
    at_once = [] if chain.saw_all(last) else [event for event in events[:-1] if not chain.precedes(event, last)]
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


def verify_work(files: Mapping[str, bytes], agents: Mapping[str, Any], chain: Chain, findings: Findings) -> None:
    """Verify outcomes with the keys of their agents, and results by the outcomes and the events they rest on.

    `files` are those that events vouch for, so that each is as the orchestrator wrote it.
    """
    good = dict(_outcomes(files, agents, findings)) if agents else {}
    for path, match in _matching(RESULT, files):
        outcomes = [good[one] for one in good if one.startswith(f"steps/{match[1]}/")]
        with findings.reading(path):
            _verify_result(path, json.loads(files[path]), outcomes, chain, findings)


def _outcomes(
    files: Mapping[str, bytes], agents: Mapping[str, Any], findings: Findings
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the outcomes that their agents signed, for the assignments beside them."""
    for path, _ in _matching(OUTCOME, files):
        with findings.reading(path):
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
    path: str, result: Mapping[str, Any], outcomes: Iterable[Mapping[str, Any]], chain: Chain, findings: Findings
) -> None:
    """Verify that a result is of its step and of whoever ended it; an agent's is that of one of its own outcomes."""
    step = path.split("/")[1]
    ended = chain.about(step, *ENDED)[-1]
    if result["work_item"] != step:
        findings.error("moved", path, f"is the result of {result['work_item']!r}")
    elif ended.action == "step-taken-over":
        return
    elif (f"step-{result['status']}", result["accepted_by"] or result["by"]) != (
        ended.action,
        ended.document["actor"],
    ):
        findings.error("changed", path, f"says otherwise than {ended.file.path} who ended the step, and how")
    elif result["by"]["kind"] == "agent":
        said = (result["agent"], result["action"], result["result"], result["confidence"])
        if said not in [(one["agent"], one["action"], one["result"], one["confidence"]) for one in outcomes]:
            findings.error("changed", path, f"is not what {result['agent']} brought")


def _matching(pattern: re.Pattern[str], files: Iterable[str]) -> Iterator[tuple[str, re.Match[str]]]:
    found = ((path, pattern.fullmatch(path)) for path in sorted(files))
    return ((path, match) for path, match in found if match)
