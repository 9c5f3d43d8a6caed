"""What the record holds about each work item, as of a milestone's manifest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from planexe_agents.signing import digest
from pydantic import ValidationError

from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.report.documents import (
    AnswerFile,
    ApprovalFile,
    AssignmentFile,
    DecisionFile,
    ManifestFile,
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

    @property
    def open_ticket(self) -> TicketFile | None:
        if self.result or not self.tickets:
            return None
        last = self.tickets[-1]
        return last.ticket if last.open else None


class Evidence:
    """A run folder as it stood when `upto` was sealed (None: the end, or now).

    Reading only what the manifest lists makes a milestone's report the same whenever it is made.
    Where nothing was sealed yet, all that is there counts.
    """

    def __init__(self, run: RunFolder, upto: str | None) -> None:
        self.run = run
        sealed = ("milestones", upto, "manifest.json") if upto else ("final", "manifest.json")
        self.manifest = self.find(ManifestFile, *sealed) if run.exists(*sealed) else None
        self.sealed = _sealed(run.read_json(*sealed), self.manifest) if self.manifest else None
        files = self.manifest.files if self.manifest else _written(run)
        self._paths = frozenset(tuple(path.split("/")) for path in files)

    def read(self, kind: type[File], *segments: str) -> File:
        """Read one file. Raises RecordError where it is missing or not what it should be."""
        try:
            return kind.model_validate(self.run.read_json(*segments))
        except ValidationError as error:
            raise RecordError(f"{'/'.join(segments)} in {self.run.root} cannot be read: {error}") from error

    def find(self, kind: type[File], *segments: str) -> File | None:
        return self.read(kind, *segments) if self.run.exists(*segments) else None

    def item(self, work_item: str) -> ItemRecord:
        """Read everything about one work item."""
        decisions = self._each(DecisionFile, work_item, "decision.json")
        return ItemRecord(
            assignments=self._each(AssignmentFile, work_item, "assignment.json"),
            decisions=tuple(sorted(decisions, key=lambda decision: decision.at)),
            tickets=tuple(self._asked(path) for path in self._named(work_item, "ticket.json")),
            approval=self._sealed(ApprovalFile, "steps", work_item, "approval.json"),
            result=self._sealed(ResultFile, "steps", work_item, "result.json"),
        )

    def reached(self, milestone: str) -> datetime | None:
        """Return when a milestone was sealed, where this was not after the report's own."""
        manifest = self.find(ManifestFile, "milestones", milestone, "manifest.json")
        if manifest is None or (self.manifest and manifest.at > self.manifest.at):
            return None
        return manifest.at

    def _each(self, kind: type[File], work_item: str, name: str) -> tuple[File, ...]:
        return tuple(self.read(kind, *path) for path in self._named(work_item, name))

    def _asked(self, ticket: tuple[str, ...]) -> Asked:
        return Asked(self.read(TicketFile, *ticket), self._sealed(AnswerFile, *ticket[:-1], "answer.json"))

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
