"""What the record holds about each work item, as of a milestone's manifest."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from planexe_agents.signing import digest, digest_bytes

from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.events import list_events, read_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.report.documents import (
    AnswerFile,
    ApprovalFile,
    AssignmentFile,
    DecisionFile,
    ManifestFile,
    OutcomeFile,
    RecordFile,
    ResultFile,
    TicketFile,
)
from planexe_dag_factory.report.model import Sealed

File = TypeVar("File", bound=RecordFile)


@dataclass(frozen=True, slots=True)
class Asked:
    """A ticket, and its answer where there is one."""

    ticket: TicketFile
    answer: AnswerFile | None

    @property
    def open(self) -> bool:
        return self.answer is None or not self.answer.accepted


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """All that was written about one work item."""

    assignments: tuple[AssignmentFile, ...] = ()
    decisions: tuple[DecisionFile, ...] = ()
    tickets: tuple[Asked, ...] = ()
    approval: ApprovalFile | None = None
    result: ResultFile | None = None
    outcomes: tuple[OutcomeFile, ...] = ()
    sent_at: datetime | None = None
    """When an agent was first asked, of work that has not ended."""

    @property
    def open_ticket(self) -> TicketFile | None:
        if self.result or not self.tickets:
            return None
        last = self.tickets[-1]
        return last.ticket if last.open else None


class Evidence:
    """A run folder as it stood when `upto` was sealed (None: the end, or now).

    Reading only what the manifest lists, and as it was then, makes a milestone's report the same
    whenever it is made. Where nothing was sealed yet, all that is there counts. Whoever wants to know how a
    run stands today (`today`) reads the same files as they are now: a task that was cleared may work again.
    """

    def __init__(self, run: RunFolder, upto: str | None, *, today: bool = False) -> None:
        self.run = run
        self._today = today
        sealed = ("milestones", upto, "manifest.json") if upto else ("final", "manifest.json")
        self.manifest_path = "/".join(sealed)
        self.manifest = self._parse(ManifestFile, run.read_bytes(*sealed), *sealed) if run.exists(*sealed) else None
        self.sealed = _sealed(run.read_json(*sealed), self.manifest) if self.manifest else None
        files = self.manifest.files if self.manifest else _written(run)
        self._paths = frozenset(tuple(path.split("/")) for path in files)

    def read(self, kind: type[File], *segments: str) -> File:
        """Read one file. Raises RecordError where it is missing, not what it should be, or not what was sealed."""
        return self._parse(kind, self.content(*segments), *segments)

    def content(self, *segments: str) -> bytes:
        """Return one file as it was sealed. Raises RecordError where it is missing or was changed since."""
        content = self.run.read_bytes(*segments)
        if self._is_another(content, *segments):
            raise RecordError(
                f"{'/'.join(segments)} in {self.run.root} is not what {self.manifest_path} lists: it was written again "
                "since, or changed; `planexe-dag audit verify` says which"
            )
        return content

    def find(self, kind: type[File], *segments: str) -> File | None:
        return self.read(kind, *segments) if self.run.exists(*segments) else None

    def item(self, work_item: str) -> ItemRecord:
        """Read everything about one work item."""
        decisions = self._each(DecisionFile, work_item, "decision.json")
        assignments = self._each(AssignmentFile, work_item, "assignment.json")
        result = self._sealed(ResultFile, "steps", work_item, "result.json")
        return ItemRecord(
            assignments=assignments,
            decisions=tuple(sorted(decisions, key=lambda decision: decision.at)),
            tickets=tuple(self._asked(path) for path in self._named(work_item, "ticket.json")),
            approval=self._sealed(ApprovalFile, "steps", work_item, "approval.json"),
            result=result,
            outcomes=self._each(OutcomeFile, work_item, "outcome.json"),
            sent_at=self._sent_at(work_item) if assignments and not result else None,
        )

    def _sent_at(self, work_item: str) -> datetime | None:
        """Read when agents were asked from the names of the events: an assignment does not say."""
        sent = [file for file in list_events(self.run, work_item) if file.action == "assignment-sent"]
        return next((file.at for file in sent if self.manifest is None or file.segments in self._paths), None)

    def reached(self, milestone: str) -> datetime | None:
        """Return when a milestone was sealed, where this was not after the report's own."""
        path = ("milestones", milestone, "manifest.json")
        manifest = self._parse(ManifestFile, self.run.read_bytes(*path), *path) if self.run.exists(*path) else None
        if manifest is None or (self.manifest and manifest.at > self.manifest.at):
            return None
        return manifest.at

    def _each(self, kind: type[File], work_item: str, name: str) -> tuple[File, ...]:
        return tuple(self.read(kind, *path) for path in self._named(work_item, name))

    def _asked(self, ticket: tuple[str, ...]) -> Asked:
        return Asked(self.read(TicketFile, *ticket), self._answer(*ticket[:-1], "answer.json"))

    def _answer(self, *segments: str) -> AnswerFile | None:
        """Read an answer; None where the one that was sealed was not enough, and another has taken its place."""
        if segments not in self._paths:
            return None
        another = self._is_another(self.run.read_bytes(*segments), *segments)
        return None if another and self._was_not_enough(*segments) else self.read(AnswerFile, *segments)

    def _was_not_enough(self, *segments: str) -> bool:
        """Say whether a signed event tells of the sealed answer that it was not accepted."""
        path = "/".join(segments)
        told = (
            event for event in read_events(self.run, segments[1]) if event["digests"].get(path) == self._digest(path)
        )
        return any(event["details"].get("accepted") is False for event in told)

    def _is_another(self, content: bytes, *segments: str) -> bool:
        sealed = self._digest("/".join(segments))
        return sealed is not None and digest_bytes(content) != sealed

    def _digest(self, path: str) -> str | None:
        return self.manifest.files.get(path) if self.manifest and not self._today else None

    def _parse(self, kind: type[File], content: bytes, *segments: str) -> File:
        try:
            return kind.model_validate(json.loads(content))
        except ValueError as error:
            raise RecordError(f"{'/'.join(segments)} in {self.run.root} cannot be read: {error}") from error

    def _sealed(self, kind: type[File], *segments: str) -> File | None:
        return self.read(kind, *segments) if segments in self._paths else None

    def _named(self, work_item: str, name: str) -> Iterable[tuple[str, ...]]:
        return [path for path in self._by_item.get(work_item, ()) if path[-1] == name]

    @cached_property
    def _by_item(self) -> dict[str, list[tuple[str, ...]]]:
        by_item: dict[str, list[tuple[str, ...]]] = {}
        for path in sorted(path for path in self._paths if path[0] == "steps"):
            by_item.setdefault(path[1], []).append(path)
        return by_item


def _sealed(document: Any, manifest: ManifestFile) -> Sealed:
    events = sum(path.startswith("audit/") for path in manifest.files)
    return Sealed(digest(document), len(manifest.files), events)


def _written(run: RunFolder) -> list[str]:
    """List what the steps have written so far; a draft counts for nothing."""
    return [path for path in run.paths("steps") if not path.rpartition("/")[2].startswith(".")]
