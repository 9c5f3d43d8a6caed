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
_Root = Annotated[
    Path,
    typer.Option(
        "--run-root", envvar="AIRFLOW__PLANEXE__RUN_ROOT", file_okay=False, help="The folder that holds the runs."
    ),
]
_Id = Annotated[str, typer.Argument(metavar="ID", help="The lesson's id, as `list` shows it.", show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout, and nothing else.")]
_HERE = Path("run")
_UNKNOWN = 1


@lessons_app.command("list")
def list_(root: _Root = _HERE, json: _Json = False) -> None:
    """List the lessons, oldest first.

    Those that bear no good signature are left out.
    """
    from planexe_dag_factory.cli import console

    found = _lessons(root).read()
    if json:
        console.print_json([{"id": one.id, **asdict(one)} for one in found])
        return
    for one in found:
        console.out.print(f"{one.id}  {one.at[:10]}  {one.sentence}", markup=False, highlight=False)
    if not found:
        console.note(f"No lessons in {root}: people have said nothing in reviews yet.")


@lessons_app.command("show")
def show(lesson_id: _Id, root: _Root = _HERE) -> None:
    """Show one lesson as JSON, with where it comes from. Exits with 1 where there is none of that id."""
    from planexe_dag_factory.cli import console

    found = [one for one in _lessons(root).read() if one.id == lesson_id]
    if not found:
        console.note(f"There is no lesson {lesson_id} in {root}; `planexe-dag lessons list` shows all.")
        raise typer.Exit(_UNKNOWN)
    console.print_json({"id": lesson_id, **asdict(found[0])})


@lessons_app.command("remove")
def remove(lesson_id: _Id, root: _Root = _HERE) -> None:
    """Forget a lesson; the runs' own records keep the review. Exits with 1 where there is none of that id."""
    from planexe_dag_factory.cli import console

    if not _lessons(root).remove(lesson_id):
        console.note(f"There is no lesson {lesson_id} in {root}; `planexe-dag lessons list` shows all.")
        raise typer.Exit(_UNKNOWN)
    console.note(f"Forgotten: {lesson_id}.")


def _lessons(root: Path) -> Lessons:
    from planexe_dag_factory.learning.lessons import FOLDER, Lessons
    from planexe_dag_factory.record.folder import RunFolder

    return Lessons(RunFolder(root / FOLDER))
