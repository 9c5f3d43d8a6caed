"""A PlanExe run folder on disk: its files known by their words, links never followed.

What PlanExe numbers `026-2-schedule_gantt_dhtmlx.html` today had another number before, so every file
is found by what stands after the number, as the reader of plans does.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planexe_dag_factory.errors import PipelineError
from planexe_dag_factory.plan.archive import words_of

START = "start_time.json"
DURATIONS = "task_durations.json"
WBS = "wbs_project_level1_and_level2_and_level3.json"
RISKS = "identify_risks_raw.json"
RISKS_TEXT = "identify_risks.md"
ASSUMPTIONS_TEXT = "consolidate_assumptions_full.md"
SUMMARY = "executive_summary_raw.json"
SUMMARY_TEXT = "executive_summary.md"
GANTT = "schedule_gantt_dhtmlx.html"
GANTT_OVERVIEW = "schedule_gantt_mermaid.html"
GANTT_TABLE = "schedule_gantt_machai.csv"
REPORT = "report.html"
COMPLETE = "pipeline_complete.txt"
EXPECTED = "expected_filenames1.json"

CHARTS = (GANTT, GANTT_OVERVIEW, GANTT_TABLE)
INPUTS = (START, DURATIONS, WBS, RISKS, RISKS_TEXT, ASSUMPTIONS_TEXT, SUMMARY, SUMMARY_TEXT)
"""What a refresh brings up to date before PlanExe runs."""
LITTER = (EXPECTED, "log.txt", "track_activity.jsonl", "pipeline_stop_requested.txt")
"""What a run of the pipeline leaves behind beside the plan."""
LARGEST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PlanFolder:
    """A copy of a plan's run folder, in which PlanExe works."""

    path: Path

    def names(self) -> set[str]:
        """Name the regular files."""
        return {file.name for file in self._files()}

    def find(self, words: str) -> Path | None:
        """Find a file by its words; of several the one with the highest number, as PlanExe counts."""
        found = sorted((file.name for file in self._files() if words_of(file.name) == words), key=_number)
        return self.path / found[-1] if found else None

    def read_text(self, words: str) -> str:
        """Read a file. Raises PipelineError where it is not there, not text, or far too large."""
        file = self.find(words)
        if file is None:
            raise PipelineError(f"PlanExe's folder has no file whose name ends in {words!r}")
        try:
            if file.stat().st_size > LARGEST:
                raise PipelineError(f"{file.name} has {file.stat().st_size:,} bytes; at most {LARGEST:,} are read")
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PipelineError(f"{file.name} cannot be read: {error}") from error

    def read_json(self, words: str) -> Any:
        """Read a JSON file. Raises PipelineError where it cannot be used."""
        try:
            return json.loads(self.read_text(words))
        except (ValueError, RecursionError) as error:
            raise PipelineError(f"the file that ends in {words!r} is not JSON: {error}") from error

    def write_text(self, words: str, text: str) -> None:
        """Write a file that is there in its place: PlanExe knows it by its whole name."""
        file = self.find(words)
        if file is None:
            raise PipelineError(f"PlanExe's folder has no file whose name ends in {words!r}")
        file.write_text(text, encoding="utf-8")

    def write_json(self, words: str, document: Any) -> None:
        """Write a JSON file as PlanExe does."""
        self.write_text(words, json.dumps(document, indent=2))

    def remove(self, words: Collection[str]) -> None:
        """Remove the files of these words, so that PlanExe makes them again."""
        for file in list(self._files()):
            if words_of(file.name) in words:
                file.unlink()

    def _files(self) -> Iterator[Path]:
        return (file for file in self.path.iterdir() if file.is_file() and not file.is_symlink())


def _number(name: str) -> tuple[list[int], str]:
    number = name.removesuffix(words_of(name))
    return [int(part) for part in number.split("-") if part], name
