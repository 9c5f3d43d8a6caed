"""`planexe-dag runs`, `snapshots`, `diff` and `rollback`: the words; the work is in `returning`."""

# ruff: noqa: FBT002 -- a flag of a command line is a boolean with a default
# ruff: noqa: PLC0415 -- `--help` answers at once
from __future__ import annotations

from typing import Annotated

import typer

from planexe_dag_factory.cli.audit import Json, Root, RunName

snapshots_app = typer.Typer()


@snapshots_app.command("runs")
def list_runs(runs: Root = None, json: Json = False) -> None:
    """List the runs on record, the oldest first.

    \b
    Examples:
      planexe-dag runs
      planexe-dag runs --runs /srv/planexe/run --json
    """
    from planexe_dag_factory.cli import returning

    raise typer.Exit(returning.list_runs(runs, as_json=json))


@snapshots_app.command("snapshots")
def list_snapshots(run: RunName, runs: Root = None, json: Json = False) -> None:
    """List what the milestones of a run have sealed: each can be gone back to.

    \b
    Examples:
      planexe-dag snapshots 20260301T123005Z-harbour-3102b961
    """
    from planexe_dag_factory.cli import returning

    raise typer.Exit(returning.list_snapshots(run, runs, as_json=json))


@snapshots_app.command("diff")
def diff(
    run: RunName,
    first: Annotated[
        str, typer.Argument(metavar="A", help="A milestone of the run, or another run.", show_default=False)
    ],
    second: Annotated[
        str | None, typer.Argument(metavar="B", help="A later milestone of the run.", show_default=False)
    ] = None,
    runs: Root = None,
    json: Json = False,
) -> None:
    """Say how two snapshots of a run differ, or the last snapshots of two runs.

    Compared are plan, policy, routes, thresholds, inputs, gates, amounts, results and decisions, each value whole; the
    screen shortens long ones, `--json` does not. When something happened is left out.

    \b
    Examples:
      planexe-dag diff 20260301T123005Z-harbour-3102b961 milestone-survey final
      planexe-dag diff 20260301T123005Z-harbour-3102b961 20260302T080000Z-harbour-91c0ffee
    """
    from planexe_dag_factory.cli import returning

    raise typer.Exit(returning.diff(run, first, second, runs, as_json=json))


@snapshots_app.command("rollback")
def rollback(
    run: RunName,
    to: Annotated[str, typer.Option("--to", metavar="MILESTONE", help="What to go back to.", show_default=False)],
    runs: Root = None,
    json: Json = False,
) -> None:
    """Go back to a milestone: start a new run that takes over what was done by then, and does the rest again.

    Uses the stack that runs in this directory. The old run is kept; both records name each other.

    \b
    Examples:
      planexe-dag snapshots 20260301T123005Z-harbour-3102b961
      planexe-dag rollback 20260301T123005Z-harbour-3102b961 --to milestone-survey
    """
    from planexe_dag_factory.cli import returning

    raise typer.Exit(returning.rollback(run, to, runs, as_json=json))
