"""`planexe-dag lessons`: what reviews have taught, from the run root alone."""

# ruff: noqa: FBT002 -- a flag of a command line is a boolean with a default
# ruff: noqa: PLC0415 -- `--help` answers at once
from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from planexe_dag_factory.learning.lessons import Lessons

lessons_app = typer.Typer(
    help="What people said when they reviewed agents' work: it goes into the prompts of such work.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
RunRoot = Annotated[
    str,
    typer.Option("--run-root", envvar="AIRFLOW__PLANEXE__RUN_ROOT", help="The folder or address that holds the runs."),
]
PublicKeys = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        envvar="AIRFLOW__PLANEXE__KEYS",
        exists=True,
        help="The orchestrator's public keys: their folder, or a file with one a line; without it, those of the stack "
        "in this directory.",
        show_default=False,
    ),
]
_Id = Annotated[str, typer.Argument(metavar="ID", help="The lesson's id, as `list` shows it.", show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout, and nothing else.")]
RUN_ROOT = "run"
_UNKNOWN = 1


@lessons_app.command("list")
def list_(root: RunRoot = RUN_ROOT, keys: PublicKeys = None, json: _Json = False) -> None:
    """List the lessons, oldest first.

    Only those count that were signed here, and nobody else's are shown.
    """
    from planexe_dag_factory.cli import console

    lessons = _lessons(root, keys)
    found = lessons.read()
    if strange := len(lessons.names()) - len(found):
        console.note(f"{strange} files in {root}/lessons are not signed with these keys, and do not count.")
    if json:
        console.print_json([{"id": one.id, **asdict(one)} for one in found])
        return
    for one in found:
        console.out.print(f"{one.id}  {one.at[:10]}  {one.sentence}", markup=False, highlight=False)
    if not found and not strange:
        console.note(f"No lessons in {root}: people have said nothing in reviews yet.")


@lessons_app.command("show")
def show(lesson_id: _Id, root: RunRoot = RUN_ROOT, keys: PublicKeys = None) -> None:
    """Show one lesson as JSON, with where it comes from. Exits with 1 where there is none of that id."""
    from planexe_dag_factory.cli import console

    found = [one for one in _lessons(root, keys).read() if one.id == lesson_id]
    if not found:
        console.note(f"There is no lesson {lesson_id} in {root}; `planexe-dag lessons list` shows all.")
        raise typer.Exit(_UNKNOWN)
    console.print_json({"id": lesson_id, **asdict(found[0])})


@lessons_app.command("remove")
def remove(lesson_id: _Id, root: RunRoot = RUN_ROOT, keys: PublicKeys = None) -> None:
    """Forget a lesson; the runs' own records keep the review. Exits with 1 where there is none of that id."""
    from planexe_dag_factory.cli import console

    if not _lessons(root, keys).remove(lesson_id):
        console.note(f"There is no lesson {lesson_id} in {root}; `planexe-dag lessons list` shows all.")
        raise typer.Exit(_UNKNOWN)
    console.note(f"Forgotten: {lesson_id}.")


def _lessons(root: str, keys: Path | None) -> Lessons:
    """Open the lessons of a run root. Exits where there are some, and no keys say whose they are."""
    from planexe_dag_factory.cli import console
    from planexe_dag_factory.cli.auditing import INVALID
    from planexe_dag_factory.errors import RecordError
    from planexe_dag_factory.learning.lessons import Lessons
    from planexe_dag_factory.record.folder import RunFolder
    from planexe_dag_factory.record.keys import public_keys
    from planexe_dag_factory.stack.home import Home

    none = Lessons.below(RunFolder(root), frozenset())
    try:
        known = public_keys(keys or Home.below(Path.cwd()).keys)
    except RecordError as error:
        if not none.names():
            return none
        console.print_error(f"Whose lessons these are cannot be told: {error}. Give the keys with --keys.")
        raise typer.Exit(INVALID) from error
    return Lessons.below(RunFolder(root), known)
