"""A refresh as it lies on disk while it goes on: the copy that PlanExe works in, and what was done so far.

    <work>/<run>-<milestone>/stages/<stage>/      job.json process.json pulse.json log.txt ended.json
    <work>/<run>-<milestone>/plan/                the copy; with a worker service `<its run folder>/<run>-<milestone>/`

All that a process which takes over needs lies there.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from planexe_dag_factory.errors import PipelineError
from planexe_dag_factory.pipeline.folder import PlanFolder

Stage = Literal["schedule", "report"]
STAGES: tuple[Stage, ...] = ("schedule", "report")
"""PlanExe runs twice: it lays out its schedule, then writes its report around the charts with the dates in them."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a stage ended; `why` says what brought the end about, where nothing ordinary did."""

    code: int | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class StageFolder:
    """What is known of one stage."""

    path: Path

    def read(self, name: str) -> dict[str, Any] | None:
        """Read a file of the stage; None where it is not there."""
        try:
            document = json.loads((self.path / name).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise PipelineError(f"{self.path / name} cannot be read: {error}") from error
        return document if isinstance(document, dict) else None

    def write(self, name: str, document: Any) -> None:
        """Write a file of the stage, whole or not at all."""
        self.path.mkdir(parents=True, exist_ok=True)
        draft = self.path / f".{name}"
        draft.write_text(json.dumps(document), encoding="utf-8")
        draft.replace(self.path / name)

    def log(self, letters: int = 2000) -> str:
        """Return the end of what was said."""
        path = self.path / "log.txt"
        return path.read_bytes()[-letters:].decode("utf-8", "replace") if path.is_file() else ""


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where one refresh is made: `root` is ours, `plan` is PlanExe's."""

    root: Path
    plan: PlanFolder

    @classmethod
    def of(cls, name: str, work: Path, shared: Path | None) -> Workplace:
        """Return the place of a refresh; `shared` is the run folder of a worker service."""
        return cls(work / name, PlanFolder(shared / name if shared else work / name / "plan"))

    def stage(self, stage: Stage) -> StageFolder:
        return StageFolder(self.root / "stages" / stage)

    def clear(self) -> None:
        """Remove all of it."""
        for path in (self.root, self.plan.path):
            if path.is_symlink():
                path.unlink()
            elif path.exists():
                shutil.rmtree(path)


class Pipeline(Protocol):
    """Something that runs PlanExe's pipeline over a folder: a process, or PlanExe's worker service."""

    @property
    def model(self) -> str | None:
        """The language model that may be asked for what a plan lacks; None: no model may be."""

    async def start(self, place: Workplace, stage: Stage) -> None:
        """Start a stage that was not started yet. Raises PipelineError where that fails."""

    async def look(self, place: Workplace, stage: Stage) -> Ended | None:
        """Say how a stage ended; None while it goes on. Raises PipelineError where nobody can tell any more."""

    async def stop(self, place: Workplace, stage: Stage) -> None:
        """End a stage that goes on."""
