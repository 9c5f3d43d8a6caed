from io import StringIO

from rich.console import Console

from planexe_dag_factory.cli.live import RunView, run_line
from planexe_dag_factory.stack.progress import Progress


def progress(state: str = "running", first: str = "done", second: str = "waiting") -> Progress:
    step = {"executor": "analysis", "waits_on": None}
    counts = {first: 1, second: 1} if first != second else {first: 2}
    document = {
        "dag_id": "fete",
        "run_id": "manual__1",
        "title": "Summer fete",
        "state": state,
        "run_dir": "/run/1",
        "report": False,
        "counts": counts,
        "open_tickets": 1,
        "phases": [
            {
                "id": "prepare",
                "title": "Prepare",
                "state": second,
                "steps": [
                    {**step, "id": "a", "title": "Find the rules", "state": first},
                    {**step, "id": "b", "title": "[red]Sign[/red]", "state": second, "waits_on": "treasurer"},
                ],
            }
        ],
        "more": "than is read",
    }
    return Progress.model_validate(document)


def test_a_line_counts_the_steps_and_names_who_is_waited_for() -> None:
    assert run_line(progress()) == "running: 1 done, 1 waiting ([red]Sign[/red] waits on treasurer)"
    assert run_line(progress("success", "done", "done")) == "success: 2 done"


def test_where_nobody_watches_only_changes_are_written() -> None:
    out = StringIO()
    with RunView(Console(file=out, width=200)) as view:
        for seen in (progress(), progress(), progress("success", "done", "done")):
            view(seen)
    assert out.getvalue() == ("running: 1 done, 1 waiting ([red]Sign[/red] waits on treasurer)\nsuccess: 2 done\n")


def test_a_terminal_shows_phases_and_what_goes_on() -> None:
    out = StringIO()
    with RunView(Console(file=out, width=100, force_terminal=True, color_system=None)) as view:
        view(progress())
    shown = out.getvalue()
    assert "Summer fete" in shown
    assert "1 done  1 waiting" in shown
    assert "  waits on treasurer: [red]Sign[/red]" in shown
