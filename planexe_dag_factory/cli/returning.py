"""The commands about runs and their snapshots, and the way back to one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rich.table import Column, Table
from rich.text import Text

from planexe_dag_factory.cli import console
from planexe_dag_factory.cli.auditing import INVALID, OK, open_run, run_root
from planexe_dag_factory.cli.differences import print_differences
from planexe_dag_factory.cli.stacks import FAILED
from planexe_dag_factory.delegation.rollback import Source, find_source
from planexe_dag_factory.errors import RecordError, StackError
from planexe_dag_factory.record.differences import compare
from planexe_dag_factory.record.events import RUN, list_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.snapshots import Snapshot, runs_below, snapshot_of, snapshots_of
from planexe_dag_factory.stack import lifecycle
from planexe_dag_factory.stack.client import AirflowClient
from planexe_dag_factory.stack.configuration import ADMIN, read_passwords
from planexe_dag_factory.stack.home import Home


def list_runs(runs: str | None, *, as_json: bool) -> int:
    rows = [_run_row(run) for run in runs_below(RunFolder(run_root(runs)))]
    if as_json:
        console.print_json(rows)
        return OK
    table = Table(_name("run"), "plan", "started (UTC)", "state", "snapshots", box=None, pad_edge=False)
    for row in rows:
        cells = (
            row["run"],
            row["plan_id"],
            str(row["started_at"])[:19].replace("T", " "),
            row["state"],
            row["snapshots"],
        )
        table.add_row(*(Text(str(cell)) for cell in cells))
    console.out.print(table)
    return OK


def list_snapshots(run: str, runs: str | None, *, as_json: bool) -> int:
    try:
        taken = snapshots_of(open_run(run, runs))
    except RecordError as error:
        console.print_error(error)
        return INVALID
    if as_json:
        console.print_json([_snapshot_row(one) for one in taken])
        return OK
    table = Table(_name("snapshot"), "sealed (UTC)", "files", "events", "digest", box=None, pad_edge=False)
    for row in map(_snapshot_row, taken):
        cells = (
            row["name"],
            str(row["at"])[:19].replace("T", " "),
            row["files"],
            row["events"],
            str(row["digest"])[:23],
        )
        table.add_row(*(Text(str(cell)) for cell in cells))
    console.out.print(table)
    return OK


def _name(title: str) -> Column:
    """Make a column of what other commands take as an argument: it is never cut."""
    return Column(title, no_wrap=True)


def diff(run: str, first: str, second: str | None, runs: str | None, *, as_json: bool) -> int:
    try:
        before = open_run(run, runs)
        if second is None:
            found = compare(_last(before), _last(open_run(first, runs)))
        else:
            found = compare(snapshot_of(before, first), snapshot_of(before, second))
    except RecordError as error:
        console.print_error(error)
        return INVALID
    if as_json:
        console.print_json([asdict(one) for one in found])
    else:
        print_differences(found)
    return OK


def rollback(run: str, to: str, runs: str | None, *, as_json: bool) -> int:
    try:
        folder = open_run(run, runs)
        source, _ = find_source(folder, to)
        dag_id = str(folder.read_json("run.json")["dag_id"])
        run_id = _trigger(dag_id, str(folder.read_json("run.json")["run_id"]), source)
    except RecordError as error:
        console.print_error(error)
        return INVALID
    except StackError as error:
        console.print_error(error)
        return FAILED
    if as_json:
        console.print_json({"dag_id": dag_id, "run_id": run_id, **source.as_json()})
    else:
        console.out.print(f"Run {run_id} of {dag_id} goes on from {source.milestone} of {source.run}.")
        console.note("Follow it on the PlanExe page. What was done by then is taken over and not done again.")
    return OK


def _trigger(dag_id: str, old_run: str, source: Source) -> str:
    """Start the new run. Raises StackError where no stack runs here, or the old run is still under way."""
    home = Home.below(Path.cwd())
    state = lifecycle.running(home)
    if state is None or state.url is None:
        raise StackError("nothing runs in this directory; start it with: planexe-dag up")
    with AirflowClient(state.url, ADMIN, read_passwords(home)[ADMIN]) as client:
        if client.progress(dag_id, old_run)["state"] in ("running", "queued"):
            raise StackError(f"{old_run} is still under way: stop it in Airflow first, or two runs do the same work")
        return client.trigger(dag_id, {"rollback": source.as_json()})


def _last(run: RunFolder) -> Snapshot:
    taken = snapshots_of(run)
    if not taken:
        raise RecordError(f"{run.name} has no snapshot yet")
    return taken[-1]


def _run_row(run: RunFolder) -> dict[str, str | int]:
    header = run.read_json("run.json")
    actions = [file.action for file in list_events(run, RUN)]
    ended = "sealed" if "run-sealed" in actions else "ended" if "run-ended" in actions else "open"
    return {
        "run": run.name,
        "plan_id": str(header["plan_id"]),
        "dag_id": str(header["dag_id"]),
        "run_id": str(header["run_id"]),
        "started_at": str(header["started_at"]),
        "state": "rolled back" if "rolled-back" in actions else ended,
        "snapshots": len(snapshots_of(run)),
    }


def _snapshot_row(snapshot: Snapshot) -> dict[str, str | int]:
    return {
        "name": snapshot.name,
        "at": str(snapshot.manifest["at"]),
        "files": len(snapshot.files),
        "events": int(snapshot.manifest["events"]["count"]),
        "root": str(snapshot.manifest["events"]["root"]),
        "digest": snapshot.digest,
    }
