"""`planexe-dag report`: the report of a run, made again from its folder alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from planexe_agents.signing import canonical

from planexe_dag_factory.cli import console
from planexe_dag_factory.cli.auditing import open_run
from planexe_dag_factory.cli.plans import INVALID
from planexe_dag_factory.cli.stacks import OK
from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.pipeline.folder import REPORT
from planexe_dag_factory.pipeline.state import read_freshness, refreshed_file
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.report.pdf import render_pdf
from planexe_dag_factory.report.render import render_report
from planexe_dag_factory.spec.codec import load_spec


@dataclass(frozen=True, slots=True)
class Written:
    """A file of a report, and whether the run folder holds the same bytes (None: it holds none)."""

    path: Path
    same: bool | None


def report(name: str, runs: str | None, *, milestone: str | None, target: Path | None, as_json: bool) -> int:
    try:
        run = open_run(name, runs)
        upto = _milestone(run, milestone) if milestone else None
        written = list(_write(run, upto, target or Path(f"report-{run.name}{f'-{upto}' if upto else ''}")))
    except (RecordError, OSError) as error:
        console.print_error(error)
        return INVALID
    if as_json:
        console.print_json([{"path": str(one.path), "same_as_recorded": one.same} for one in written])
        return OK
    for one in written:
        console.out.print(f"{one.path}  {_compared(one.same)}".rstrip())
    _tell_own(run, upto)
    return OK


def _tell_own(run: RunFolder, upto: str | None) -> None:
    """Say how PlanExe's own report of a milestone stands; at the end, of the last one."""
    reached = [one.id for one in load_spec(run.read_bytes("dagspec.json")).milestones if one.id == (upto or one.id)]
    told = [(milestone, known) for milestone in reached if (known := read_freshness(run, milestone))]
    for milestone, known in told[-1:]:
        place = refreshed_file(run, milestone, REPORT)
        where = "/".join((run.root, *place)) if place else ""
        console.out.print(f"{known}  {where}".rstrip(), markup=False)


def _milestone(run: RunFolder, wanted: str) -> str:
    """Find a milestone by its number or its id. Raises RecordError where the run has none such."""
    milestones = load_spec(run.read_bytes("dagspec.json")).milestones
    found = [one.id for one in milestones if wanted in (one.id, str(one.number))]
    if not found:
        known = ", ".join(f"{one.number} ({one.id})" for one in milestones)
        raise RecordError(f"{run.name} has no milestone {wanted!r}; it has {known or 'none'}")
    if not run.exists("milestones", found[0], "manifest.json"):
        raise RecordError(f"{run.name} has not reached the milestone {found[0]!r} yet")
    return found[0]


def _write(run: RunFolder, upto: str | None, target: Path) -> Iterator[Written]:
    made = render_report(run, upto)
    files = {
        "report.html": made.html.encode(),
        "report.pdf": render_pdf(made.status),
        "report.json": canonical(made.json),
    }
    place = ("milestones", upto, "report") if upto else ("final",)
    target.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = target / name
        path.write_bytes(content)
        recorded = run.read_bytes(*place, name) if run.exists(*place, name) else None
        yield Written(path, recorded == content if recorded is not None else None)


def _compared(same: bool | None) -> str:  # noqa: FBT001 - the one thing it is about
    if same is None:
        return ""
    return (
        "the same as in the record"
        if same
        else "differs from the record: another version wrote that one, or it was changed"
    )
