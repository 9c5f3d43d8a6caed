"""Reads any file or folder that a plan may come from, told apart by what is in it."""

from __future__ import annotations

from pathlib import Path

from planexe_dag_factory.errors import Problem, Where, has_errors
from planexe_dag_factory.plan.archive import WBS, RunFile, read_folder, read_zip
from planexe_dag_factory.plan.jsontext import MAX_BYTES, JsonText, parse_json
from planexe_dag_factory.plan.model import Plan
from planexe_dag_factory.plan.native import from_native
from planexe_dag_factory.plan.planexe.run import is_wanted, read_run
from planexe_dag_factory.plan.planexe.wbs import ROOT

MAX_PROBLEMS = 1_000

_ZIP_SIGNATURE = b"PK"
_NATIVE_NAMES = frozenset({"format", "title", "steps"})
_KINDS = "our own plan JSON, a PlanExe run folder, the zip of one, or its WBS JSON"

Read = tuple[Plan | None, tuple[Problem, ...]]


def read_plan(source: Path) -> Read:
    """Read a plan, and say everything that is wrong with it.

    Returns None for the plan exactly where one of the problems is an error. Input of any kind
    gives problems, never an exception.
    """
    try:
        plan, problems = _read_folder(source) if source.is_dir() else _read_file(source)
        return plan, _worst(source, problems)
    except OSError as error:
        return _refuse(source, "unreadable", f"cannot be read: {error.strerror or type(error).__name__}")


def _read_folder(source: Path) -> Read:
    files, problems = read_folder(source, is_wanted)
    return _with(problems, read_run(files, source.resolve().name, "planexe-folder"))


def _read_file(source: Path) -> Read:
    if not source.is_file():
        fault = "is neither a file nor a folder" if source.exists() else "does not exist"
        return _refuse(source, "no-file", f"{fault}; expected {_KINDS}")
    size = source.stat().st_size
    if size > MAX_BYTES:
        return _refuse(source, "too-large", f"the file has {size:,} bytes; at most {MAX_BYTES:,} are read")
    data = source.read_bytes()
    if data.startswith(_ZIP_SIGNATURE) or source.suffix.lower() == ".zip":
        return _read_zip(source, data)
    return _read_json(source, data)


def _read_zip(source: Path, data: bytes) -> Read:
    files, problems = read_zip(data, source.name, is_wanted)
    if has_errors(problems):
        return None, problems
    return _with(problems, read_run(files, source.name, "planexe-zip"))


def _read_json(source: Path, data: bytes) -> Read:
    document, problems = parse_json(data, source.name)
    if document is None:
        known = source.suffix.lower() == ".json"
        return (None, problems) if known else _refuse(source, "unknown-kind", f"the file is not {_KINDS}")
    if isinstance(document.value, dict) and ROOT in document.value:
        return read_run({WBS: RunFile(source.name, data)}, source.name, "planexe-wbs")
    return _read_native(source, document)


def _read_native(source: Path, document: JsonText) -> Read:
    if not isinstance(document.value, dict) or not _NATIVE_NAMES & document.value.keys():
        return _refuse(source, "unknown-kind", f"the JSON is not {_KINDS}")
    return from_native(document)


def _worst(source: Path, problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Cap what a hostile file may make us say: errors are kept before warnings, in the order found."""
    if len(problems) <= MAX_PROBLEMS:
        return problems
    rank = {"error": 0, "warning": 1, "info": 2}
    kept = sorted(problems, key=lambda problem: rank[problem.severity])[:MAX_PROBLEMS]
    message = f"there are {len(problems) - MAX_PROBLEMS:,} problems more"
    return *kept, Problem("info", "more-problems", message, Where(source.name), "mend these first")


def _with(problems: tuple[Problem, ...], read: Read) -> Read:
    plan, more = read
    return plan, problems + more


def _refuse(source: Path, code: str, message: str) -> Read:
    return None, (Problem("error", code, message, Where(source.name)),)
