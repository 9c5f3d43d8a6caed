"""The run folders, as the plugin reads them. It writes none: answers go through Airflow alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from planexe_dag_factory.airflow.settings import find_run_folder, open_folder, run_folder
from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.pipeline.folder import REPORT
from planexe_dag_factory.pipeline.state import read_freshness, refreshed_file, refreshed_page
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.spec.codec import load_spec
from planexe_dag_factory.spec.model import DagSpec
from planexe_dag_factory.ui.queries import RunRow
from planexe_dag_factory.ui.wire import OwnReport

FINAL = "final"


@dataclass(frozen=True, slots=True)
class Record:
    """A run folder that has been opened, and the spec that the run follows."""

    folder: RunFolder
    spec: DagSpec

    def is_refused(self, work_item: str) -> bool:
        """Say whether a person refused the step, rather than that something broke."""
        result = self.folder.find_json("steps", work_item, "result.json")
        return result is not None and result.get("status") == "refused"

    def ticket(self, task_id: str) -> Mapping[str, Any] | None:
        """Return the newest ticket that this task opened."""
        item = next((task.work_item for task in self.spec.tasks if task.id == task_id), None)
        if item is None:
            return None
        for number in reversed(self.folder.names("steps", item, "tickets")):
            ticket: dict[str, Any] | None = self.folder.find_json("steps", item, "tickets", number, "ticket.json")
            if ticket is not None and ticket.get("task_id") == task_id:
                return ticket
        return None

    def has_report(self, milestone: str) -> bool:
        return self.folder.exists(*_report(milestone))

    def own_report(self, milestone: str) -> OwnReport | None:
        """Say how PlanExe's own report of a milestone stands."""
        told = read_freshness(self.folder, milestone)
        there = told is not None and refreshed_file(self.folder, milestone, REPORT) is not None
        return OwnReport(**told.as_json(), report=there) if told else None

    def own_page(self, milestone: str, *, whole: bool) -> bytes | None:
        """Return PlanExe's own report of a milestone: as a page without scripts, or the `whole` of it to keep."""
        if milestone not in {one.id for one in self.spec.milestones}:
            return None
        if not whole:
            page = refreshed_page(self.folder, milestone)
            return page.encode() if page is not None else None
        place = refreshed_file(self.folder, milestone, REPORT)
        return self.folder.read_bytes(*place) if place else None

    def report(self, milestone: str, form: str) -> bytes | None:
        """Return a milestone's report, or the final one, as `html`, `pdf` or `json`; None where it is not there."""
        known = {FINAL, *(one.id for one in self.spec.milestones)}
        place = _report(milestone, form)
        return self.folder.read_bytes(*place) if milestone in known and self.folder.exists(*place) else None


def folder_of(run: RunRow) -> RunFolder:
    """Return where a run is recorded, whether anything is there yet or not."""
    return run_folder(run.dag_id, run.run_id, run.run_after)


def find_record(run: RunRow) -> Record | None:
    """Open the record of a run; None until its first task has begun it."""
    return open_record(folder_of(run))


def find_old_record(dag_id: str, run_id: str) -> Record | None:
    """Open the record of a run that is gone from Airflow's database; None where there is none."""
    folder = find_run_folder(dag_id, run_id)
    return open_record(folder) if folder else None


def open_record(folder: RunFolder) -> Record | None:
    """Open the record in a folder; None where nothing has begun it."""
    try:
        return Record(folder, _spec(folder.root))
    except RecordError:
        return None


@lru_cache(maxsize=128)
def _spec(root: str) -> DagSpec:
    """Read the spec of a run once: it never changes after the run has begun. A failure is not kept."""
    return load_spec(open_folder(root).read_bytes("dagspec.json"))


def _report(milestone: str, form: str = "html") -> tuple[str, ...]:
    name = f"report.{form}"
    return (FINAL, name) if milestone == FINAL else ("milestones", milestone, "report", name)
