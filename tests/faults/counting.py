"""What must hold after a run, whatever was killed in it: nothing twice, nothing lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.keys import load_ring
from planexe_dag_factory.record.verify import verify_run
from tests.faults.mill import calls_beside, read_journal
from tests.faults.people import Taken
from tests.faults.sites import Site

ONCE = ("run-started", "run-ended", "run-sealed")


def losses(run: RunFolder, site: Site, taken: Sequence[Taken], seen: Iterable[tuple[str, str]]) -> list[str]:
    """Say everything that went wrong in a run that has ended; nothing where all is as if nobody had died.

    `seen` are the events that were there at some moment of the run: folder and name.
    """
    effects = [one for one in read_journal(site.journal) if one["run"] == run.name]
    return [
        *_record(run, site.keys),
        *_events(run, seen),
        *_calls(calls(run.name, site), effects),
        *_reports(run, len(site.phases)),
        *_effects(run, effects),
        *_tickets(run),
        *_answers(run, taken),
    ]


def _record(run: RunFolder, keys: Path) -> Iterator[str]:
    found = verify_run(run, load_ring(keys).public)
    yield from (f"the record: {one.where.file}: {one.message}" for one in found.problems if one.severity == "error")
    actions = Counter(event["action"] for event in found.events)
    yield from (f"{action} is on record {actions[action]} times" for action in ONCE if actions[action] != 1)
    if found.state != "sealed":
        yield "the record is not sealed"


def calls(run: str, site: Site) -> list[dict[str, Any]]:
    """Return what the mill was asked for in a run, each time that it was."""
    return [one for one in read_journal(calls_beside(site.journal)) if one["run"] == run]


def describe_calls(asked: Sequence[dict[str, Any]]) -> str:
    """Say how often the mill was asked, and how often for what it had been asked before."""
    times = Counter(one["key"] for one in asked)
    again = sum(times.values()) - len(times)
    return f"the mill was asked {len(asked)} times for {len(times)} assignments: {again} times again under the same key"


def _events(run: RunFolder, seen: Iterable[tuple[str, str]]) -> Iterator[str]:
    for about, name in sorted(seen):
        if not run.exists("audit", about, name):
            yield f"the event {about}/{name} was there, and is lost"


def _calls(asked: Sequence[dict[str, Any]], effects: Sequence[dict[str, Any]]) -> Iterator[str]:
    digests: dict[str, set[str]] = {}
    for one in asked:
        digests.setdefault(one["key"], set()).add(one["digest"])
    yield from (f"the key {key} came with {len(found)} assignments" for key, found in digests.items() if len(found) > 1)
    known = {one["step"] for one in asked}
    yield from (f"{one['step']} was done, and nobody had asked for it" for one in effects if one["step"] not in known)


def _reports(run: RunFolder, milestones: int) -> Iterator[str]:
    places = [("final",), *(("milestones", name, "report") for name in run.names("milestones"))]
    wanted = {"report.html", "report.json", "report.pdf"}
    yield from (f"{'/'.join(place)} has no report" for place in places if not wanted.issubset(run.names(*place)))
    sealed = sum(run.exists("milestones", name, "manifest.json") for name in run.names("milestones"))
    if sealed != milestones:
        yield f"{milestones - sealed} milestones have no snapshot"


def _effects(run: RunFolder, effects: list[dict[str, Any]]) -> Iterator[str]:
    times = Counter(one["step"] for one in effects)
    yield from (f"{step} was done {count} times" for step, count in times.items() if count > 1)
    for step in run.names("steps"):
        result = run.find_json("steps", step, "result.json")
        if result is None:
            yield f"{step} has no result"
        elif result["by"]["kind"] == "agent" and times[step] != 1:
            yield f"{step} has a result of an agent that has done it {times[step]} times"


def _tickets(run: RunFolder) -> Iterator[str]:
    for step in run.names("steps"):
        kinds: Counter[str] = Counter()
        for n in run.names("steps", step, "tickets"):
            ticket = run.find_json("steps", step, "tickets", n, "ticket.json")
            if ticket is None:
                yield f"{step}: ticket {n} is lost"
                continue
            kinds[ticket["kind"]] += 1
            if run.find_json("steps", step, "tickets", n, "answer.json") is None:
                yield f"{step}: ticket {n} was never answered"
        yield from (f"{step}: {count} tickets for one {kind}" for kind, count in kinds.items() if count > 1)


def _answers(run: RunFolder, taken: Sequence[Taken]) -> Iterator[str]:
    kept = {
        (answer["fields"].get("comment"), answer["accepted"])
        for step in run.names("steps")
        for n in run.names("steps", step, "tickets")
        if (answer := run.find_json("steps", step, "tickets", n, "answer.json"))
    }
    for one in taken:
        if (one.words, True) not in kept:
            yield f"the answer {one.words!r} to {one.task_id} ({one.n}) was taken and is lost"
