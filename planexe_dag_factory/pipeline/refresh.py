"""Bringing PlanExe's own report up to date: prepared, carried on by whoever watches, and taken in.

Each part may be done again from the start after a crash: what was done lies in the workplace.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from planexe_dag_factory.errors import PipelineError
from planexe_dag_factory.pipeline import folder as files
from planexe_dag_factory.pipeline.actuals import bars_of
from planexe_dag_factory.pipeline.gantt import put_dates, script_of
from planexe_dag_factory.pipeline.job import STAGES, Ended, Pipeline, Stage, Workplace
from planexe_dag_factory.pipeline.source import PACKED, unpack_source
from planexe_dag_factory.pipeline.state import PLACE
from planexe_dag_factory.pipeline.update import STALE, bring_up_to_date
from planexe_dag_factory.plan.archive import words_of
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.report.status import read_status

LOOK_S = 1.0
LARGEST_FILE = 32 * 1024 * 1024
TAKEN = (*files.INPUTS, *files.CHARTS, files.REPORT)
"""What a refresh leaves in the run folder: what was written for PlanExe, and what PlanExe made of it."""
REDONE = {"schedule": STALE, "report": (files.REPORT, files.COMPLETE, *files.LITTER)}
LACKING = 4
"""How many missing files a message names."""

Wait = Callable[[float], Awaitable[None]]


def prepare(run: RunFolder, milestone: str, place: Workplace) -> None:
    """Make the copy that PlanExe is to work in. Raises PipelineError where that cannot be."""
    place.clear()
    folder = unpack_source(run.read_bytes(PLACE, PACKED), place.plan.path)
    status = read_status(run, milestone)
    with _understood():
        bring_up_to_date(folder, status, bars_of(status, run.read_json("plan.json")))


async def carry_on(run: RunFolder, milestone: str, place: Workplace, pipeline: Pipeline, wait: Wait) -> None:
    """Let PlanExe do its stages, from where they are. Raises PipelineError where one fails."""
    for stage in STAGES:
        folder = place.stage(stage)
        if folder.read("done.json"):
            continue
        if folder.read("began.json") is None:
            place.plan.remove(REDONE[stage])
            folder.write("began.json", {"names": sorted(place.plan.names())})
            await pipeline.start(place, stage)
        _check(await _ended(place, stage, pipeline, wait), place, stage)
        if stage == "schedule":
            await asyncio.to_thread(_date, run, milestone, place)
        folder.write("done.json", {})


def _date(run: RunFolder, milestone: str, place: Workplace) -> None:
    with _understood():
        put_dates(place.plan, bars_of(read_status(run, milestone), run.read_json("plan.json")))


@contextmanager
def _understood() -> Iterator[None]:
    """Let no file of PlanExe bring anything down by its shape: models wrote many of them."""
    try:
        yield
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError, csv.Error) as error:
        raise PipelineError(f"PlanExe's files are not in a form that is known here: {error!r}") from error


async def _ended(place: Workplace, stage: Stage, pipeline: Pipeline, wait: Wait) -> Ended:
    while (ended := await pipeline.look(place, stage)) is None:
        try:
            _check_version(place, stage, pipeline)
        except PipelineError:
            await pipeline.stop(place, stage)
            raise
        await wait(LOOK_S)
    return ended


def _check_version(place: Workplace, stage: Stage, pipeline: Pipeline) -> None:
    """Let PlanExe make nothing that a model would have to write: its plan was made by another version of it."""
    if pipeline.model or place.plan.find(files.EXPECTED) is None:
        return
    try:
        expected = place.plan.read_json(files.EXPECTED)
    except PipelineError:
        return  # it is being written
    if not isinstance(expected, list):
        return
    began = set((place.stage(stage).read("began.json") or {}).get("names", ()))
    lacking = sorted(name for name in map(str, expected) if name not in began and words_of(name) not in STALE)
    if lacking:
        shown = ", ".join(lacking[:LACKING]) + (", ..." if len(lacking) > LACKING else "")
        raise PipelineError(
            f"another version of PlanExe made this plan: {len(lacking)} files are missing that this one would write "
            f"with a language model ({shown}). Use the PlanExe that made it, or name a model in [planexe] planexe_model"
        )


def _check(ended: Ended, place: Workplace, stage: Stage) -> None:
    log = place.stage(stage).log()
    said = f"; it said last: {log[-600:].strip()}" if log.strip() else ""
    if ended.why:
        raise PipelineError(f"PlanExe was ended: {ended.why}{said}")
    if ended.code != 0:
        raise PipelineError(f"PlanExe ended with {ended.code}{said}")
    missing = [words for words in (*files.CHARTS, files.REPORT, files.COMPLETE) if place.plan.find(words) is None]
    if missing:
        raise PipelineError(f"PlanExe made no {', '.join(missing)}{said}")


def take_in(milestone: str, place: Workplace) -> dict[str, bytes]:
    """Return what a refresh made, by its path in the run folder.

    Raises PipelineError where PlanExe's report is not one, or does not hold the dates.
    """
    if place.plan.path.is_symlink():
        raise PipelineError(f"{place.plan.path} was made a link")
    taken: dict[str, bytes] = {}
    for words in TAKEN:
        file = place.plan.find(words)
        if file is None:
            raise PipelineError(f"PlanExe's folder has no file whose name ends in {words!r}")
        taken[f"{PLACE}/{milestone}/{file.name}"] = _content(file)
    if script_of(place.plan) not in place.plan.read_text(files.REPORT):
        raise PipelineError("PlanExe's report does not hold the dates of its own Gantt chart")
    return taken | logs_of(milestone, place)


def logs_of(milestone: str, place: Workplace) -> dict[str, bytes]:
    """Return what PlanExe said, by its path in the run folder."""
    said = {stage: place.stage(stage).path / "log.txt" for stage in STAGES}
    return {f"{PLACE}/{milestone}/{stage}-log.txt": path.read_bytes() for stage, path in said.items() if path.is_file()}


def _content(file: Path) -> bytes:
    size = file.stat().st_size
    if size > LARGEST_FILE:
        raise PipelineError(f"{file.name} has {size:,} bytes; at most {LARGEST_FILE:,} are kept")
    return file.read_bytes()
