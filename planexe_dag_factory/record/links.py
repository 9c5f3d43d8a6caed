"""A run that goes on from another: both records say so, and the other is looked at where it lies beside this one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from planexe_agents.signing import digest, verify_document

from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.chain import Chain, Signed
from planexe_dag_factory.record.events import AUDIT, RUN, list_events
from planexe_dag_factory.record.findings import Findings
from planexe_dag_factory.record.folder import RunFolder

BACK, FOLLOWED = "rollback", "rolled-back"
_NAME = re.compile(r"\d{8}T\d{6}Z-(.+)-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Links:
    """A run, its events, the keys that what other records say is verified with, and where findings go."""

    run: RunFolder
    chain: Chain
    keys: Collection[str]
    findings: Findings

    def verify(self) -> None:
        """Find what this record or the other one should say of the two, and does not."""
        for event in self.chain.about(RUN, BACK):
            with self.findings.reading(event.file.path):
                self._goes_on_from(event)
        for event in self.chain.about(RUN, FOLLOWED):
            with self.findings.reading(event.file.path):
                self._is_followed_by(event)
        known = {event.document["details"].get("into") for event in self.chain.about(RUN, FOLLOWED)}
        for name in self._followers():
            if name not in known:
                said = f"says nothing of {name}, which goes on from this run: its event {FOLLOWED!r} is missing"
                self.findings.error("removed", f"{AUDIT}/{RUN}", said)

    def _goes_on_from(self, event: Signed) -> None:
        told = event.document["details"]
        old = self._beside(told["source"], event)
        if old is None:
            return
        if self._has_begun(self.run) and not any(self._told(old, FOLLOWED, into=self.run.name)):
            self._missing(told["source"], f"that this run goes on from it: its event {FOLLOWED!r} is missing")
        seals = _signed(old, RUN if told["milestone"] == "final" else told["milestone"], "snapshot")
        if told["manifest"] not in {mark for one in seals for mark in one["digests"].values()}:
            said = f"goes back to a seal of {told['milestone']} that {told['source']} has no event of"
            self.findings.error("unfounded", event.file.path, said, event.file.stamp)
        self._verify_taken(old, told)

    def _verify_taken(self, old: RunFolder, told: Mapping[str, Any]) -> None:
        """Find results that were taken over otherwise than they were sealed, where the seal is still there."""
        place = ("final",) if told["milestone"] == "final" else ("milestones", told["milestone"])
        manifest = old.find_json(*place, "manifest.json")
        if manifest is None or digest(manifest) != told["manifest"]:
            return
        for event in self.chain.events:
            if event.action == "step-taken-over" and event.document["digests"].items() - manifest["files"].items():
                said = f"takes over what {told['milestone']} of {told['source']} did not seal"
                self.findings.error("unfounded", event.file.path, said, event.file.stamp)

    def _is_followed_by(self, event: Signed) -> None:
        told = event.document["details"]
        new = self._beside(told["into"], event)
        said = {"source": self.run.name, "milestone": told["milestone"]}
        if new is not None and not any(self._told(new, BACK, **said)):
            self._missing(told["into"], f"that it goes on from this run: its event {BACK!r} is missing")

    def _followers(self) -> Iterator[str]:
        """Yield the runs of the same plan beside this one that say they go on from it, and have begun."""
        for name in _names(self.run.above):
            other = self.run.above.below(name)
            if other is None or name == self.run.name or _plan_of(name) != _plan_of(self.run.name):
                continue
            if any(self._told(other, BACK, source=self.run.name)) and self._has_begun(other):
                yield name

    def _beside(self, name: str, event: Signed) -> RunFolder | None:
        other = self.run.above.below(name)
        if other is not None and _names(other, AUDIT):
            return other
        said = f"names the run {name}, whose record does not lie beside this one: what it says of it was not looked at"
        self.findings.warn("unlinked", event.file.path, said, event.file.stamp)
        return None

    def _missing(self, name: str, what: str) -> None:
        self.findings.error("removed", f"../{name}/{AUDIT}/{RUN}", f"does not say {what}")

    def _told(self, run: RunFolder, action: str, **details: str) -> Iterator[Mapping[str, Any]]:
        """Yield the events of another run, about itself, that say this and are signed with a key that may sign here."""
        said = (one for one in _signed(run, RUN, action) if one["key"] in self.keys)
        return (one for one in said if details.items() <= one["details"].items())

    @staticmethod
    def _has_begun(run: RunFolder) -> bool:
        """Say whether a run came so far that both records must say so: what fails before that does nothing else."""
        return any(about != RUN for about in _names(run, AUDIT))


def _signed(run: RunFolder, about: str, action: str) -> Iterator[Mapping[str, Any]]:
    """Yield the events of a kind in another record, whoever signed them; none where it cannot be read."""
    try:
        files = [file for file in list_events(run, about) if file.action == action]
        found = [run.read_json(*file.segments) for file in files]
    except RecordError:
        return
    yield from (one for one in found if isinstance(one, dict) and verify_document(one))


def _names(run: RunFolder, *segments: str) -> list[str]:
    try:
        return run.names(*segments)
    except RecordError:
        return []


def _plan_of(name: str) -> str:
    match = _NAME.fullmatch(name)
    return match[1] if match else ""
