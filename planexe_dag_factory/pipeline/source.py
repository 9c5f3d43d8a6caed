"""The plan as PlanExe left it: kept with a run as one zip, and unpacked as a copy that PlanExe may work in."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path

from planexe_dag_factory.errors import PipelineError, PlanError
from planexe_dag_factory.pipeline import folder as files
from planexe_dag_factory.pipeline.folder import PlanFolder
from planexe_dag_factory.plan.archive import unpack_run, words_of

PACKED = "plan.zip"
NEEDED = (*files.INPUTS, "plan.txt")
"""Without these a refresh has nothing to write into, or PlanExe does not begin."""
_OLDEST = (1980, 1, 1, 0, 0, 0)


def pack_source(source: Path) -> bytes:
    """Return a dropped plan as a zip of its PlanExe run folder; the same folder gives the same bytes.

    Raises PipelineError where PlanExe has nothing to go on with: the plan is no run folder, or an old one.
    """
    if source.is_dir():
        inside = {file.name: file for file in source.iterdir() if file.is_file() and not file.is_symlink()}
        _check(inside)
        return _pack(inside)
    if source.suffix != ".zip":
        raise PipelineError("the plan came as one JSON file, without the run folder that PlanExe made it in")
    data = source.read_bytes()
    _check(unpack_run(data, source.name)[0])
    return data


def unpack_source(data: bytes, target: Path) -> PlanFolder:
    """Make a new folder with the files of a packed run. Raises PipelineError where it does not hold them."""
    inside, problems = unpack_run(data, PACKED)
    if problems:
        raise PipelineError(str(PlanError(PACKED, problems)))
    _check(inside)
    target.mkdir(parents=True)
    for name, content in inside.items():
        (target / name).write_bytes(content)
    return PlanFolder(target)


def _pack(inside: Mapping[str, Path]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(inside):
            archive.writestr(zipfile.ZipInfo(f"plan/{name}", _OLDEST), inside[name].read_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _check(names: Collection[str]) -> None:
    there = {words_of(name) for name in names}
    missing = [words for words in NEEDED if words not in there]
    if missing:
        raise PipelineError(f"the plan's run folder lacks {', '.join(missing)}, so PlanExe could not go on with it")
