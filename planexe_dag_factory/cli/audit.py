"""`planexe-dag audit` and `keys`: the words of their commands; the work is in `auditing`."""

# ruff: noqa: FBT002 -- a flag of a command line is a boolean with a default
# ruff: noqa: PLC0415 -- `--help` answers at once
from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

audit_app = typer.Typer(help="The signed record of a run.", no_args_is_help=True, rich_markup_mode=None)
keys_app = typer.Typer(help="The keys that sign the record.", no_args_is_help=True, rich_markup_mode=None)

RunName = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run's folder, or its name below the run root.", show_default=False),
]
Root = Annotated[
    str | None,
    typer.Option(
        "--runs",
        envvar="AIRFLOW__PLANEXE__RUN_ROOT",
        help="Where run folders are: a path or an address; without it, `run` here.",
        show_default=False,
    ),
]
_Trusted = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        exists=True,
        help="The orchestrator's public keys: a file with one a line, or its folder of keys. "
        "Without it, the key that the record itself names is taken on trust.",
        show_default=False,
    ),
]
_Folder = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        envvar="AIRFLOW__PLANEXE__KEYS",
        file_okay=False,
        help="The folder of the orchestrator's keys; without it, that of the stack in this directory.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout, and nothing else.")]


class Order(StrEnum):
    """How the story of a run is told."""

    TIME = "time"
    STEP = "step"
    ACTOR = "actor"


@audit_app.command()
def verify(
    run: RunName,
    runs: Root = None,
    keys: _Trusted = None,
    *,
    sealed: Annotated[bool, typer.Option("--sealed", help="The run must have ended, with its seal.")] = False,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            "--against",
            exists=True,
            dir_okay=False,
            help="What this command with --json, or `audit export`, wrote of the run before: its record must still "
            "hold that. May be given several times.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Say whether a record is whole, or what was changed, removed or added first. Exits with 4 where it is not.

    Needs nothing but the run's folder and public keys.

    \b
    Examples:
      planexe-dag audit verify run/20260301T123005Z-harbour-3102b961
      planexe-dag audit verify 20260301T123005Z-harbour-3102b961 --keys orchestrator.pub --json
      planexe-dag audit verify 20260301T123005Z-harbour-3102b961 --sealed --against kept/harbour.json
    """
    from planexe_dag_factory.cli import auditing

    asked = auditing.Asked(keys, sealed, tuple(against or ()))
    raise typer.Exit(auditing.verify(run, runs, asked, as_json=json))


@audit_app.command()
def show(
    run: RunName,
    runs: Root = None,
    by: Annotated[Order, typer.Option("--by", help="In which order.")] = Order.TIME,
    keys: _Trusted = None,
    json: Json = False,
) -> None:
    """Tell the story of a run: who did what, when, by which right; first, whether its record is whole.

    Exits with 4 where it is not: then only what holds is told.

    \b
    Examples:
      planexe-dag audit show 20260301T123005Z-harbour-3102b961
      planexe-dag audit show run/20260301T123005Z-harbour-3102b961 --by actor --keys orchestrator.pub
    """
    from planexe_dag_factory.cli import auditing

    raise typer.Exit(auditing.show(run, runs, by.value, auditing.Asked(keys), as_json=json))


@audit_app.command()
def export(
    run: RunName,
    runs: Root = None,
    keys: _Trusted = None,
    out: Annotated[
        Path | None, typer.Option("--out", dir_okay=False, help="Where to; without it, stdout.", show_default=False)
    ] = None,
    sign: Annotated[
        Path | None,
        typer.Option(
            "--sign",
            exists=True,
            file_okay=False,
            help="The folder of the key to sign with (DSSE); without it, plain Statements.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write the snapshots of a record that is whole as in-toto Statements, one a line. Exits with 4 where it is not.

    \b
    Examples:
      planexe-dag audit export 20260301T123005Z-harbour-3102b961 --out harbour.intoto.jsonl
      planexe-dag audit export run/20260301T123005Z-harbour-3102b961 --sign .planexe/keys
    """
    from planexe_dag_factory.cli import auditing

    raise typer.Exit(auditing.export(run, runs, keys, out, sign))


@keys_app.command("list")
def list_keys(keys: _Folder = None, json: Json = False) -> None:
    """List the orchestrator's public keys: the one that signs now first.

    \b
    Examples:
      planexe-dag keys list
      planexe-dag keys list --keys /srv/planexe/keys --json
    """
    from planexe_dag_factory.cli import auditing

    raise typer.Exit(auditing.list_keys(keys, as_json=json))


@keys_app.command("rotate")
def rotate_keys(
    keys: _Folder = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for scripts.")] = False,
) -> None:
    """Make a new key. Runs that began with the old one go on: it hands over to the new one, on record.

    \b
    Examples:
      planexe-dag keys rotate
      planexe-dag keys rotate --keys /srv/planexe/keys --yes
    """
    from planexe_dag_factory.cli import auditing

    raise typer.Exit(auditing.rotate_keys(keys, ask=not yes))
