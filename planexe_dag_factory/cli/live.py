"""A run as it goes on: a table that redraws itself in a terminal, a line per change elsewhere."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from planexe_dag_factory.stack.progress import PhaseProgress, Progress, StepProgress

_ORDER = ("done", "running", "queued", "waiting", "refused", "failed", "skipped", "pending")
_COLOURS = {"done": "green", "running": "cyan", "waiting": "magenta", "failed": "red", "refused": "red"}
_BUSY_SHOWN = 6


class RunView:
    """Shows every progress that it is called with; a context that leaves the last one on the screen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=False) if console.is_terminal else None
        self._last_line = ""

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, progress: Progress) -> None:
        if self._live:
            self._live.update(run_table(progress), refresh=True)
            return
        line = run_line(progress)
        if line != self._last_line:
            self._console.print(Text(line))
            self._last_line = line


def run_line(progress: Progress) -> str:
    """Say how far a run is, in a line."""
    counts = ", ".join(f"{progress.counts[state]} {state}" for state in _ORDER if progress.counts.get(state))
    waiting = "; ".join(f"{step.title} waits on {step.waits_on or 'a person'}" for step in progress.waiting)
    return f"{progress.state}: {counts or 'not begun'}" + (f" ({waiting})" if waiting else "")


def run_table(progress: Progress) -> RenderableType:
    """Draw a bar for each phase, and name the steps that somebody works on or waits for."""
    table = Table.grid(padding=(0, 2))
    table.add_column(max_width=44, no_wrap=True, overflow="ellipsis")
    table.add_column(width=24)
    table.add_column()
    for phase in progress.phases:
        table.add_row(Text(phase.title, style=_COLOURS.get(phase.state, "")), _bar(phase), _counts(phase))
    busy = [step for phase in progress.phases for step in phase.work if step.state in ("running", "waiting", "failed")]
    more = [Text(f"  and {len(busy) - _BUSY_SHOWN} more", style="dim")] if len(busy) > _BUSY_SHOWN else []
    return Group(Text(progress.title, style="bold"), table, *(_busy(step) for step in busy[:_BUSY_SHOWN]), *more)


def _bar(phase: PhaseProgress) -> ProgressBar:
    done = sum(step.state in ("done", "skipped") for step in phase.steps)
    return ProgressBar(total=max(1, len(phase.steps)), completed=done, width=24, finished_style="green")


def _counts(phase: PhaseProgress) -> Text:
    counts = Counter(step.state for step in phase.steps)
    parts = [(f"{counts[state]} {state}  ", _COLOURS.get(state, "dim")) for state in _ORDER if counts[state]]
    return Text.assemble(*parts)


def _busy(step: StepProgress) -> Text:
    if step.state == "waiting":
        return Text.assemble(
            ("  waits on ", "magenta"), (step.waits_on or "a person", "bold magenta"), f": {step.title}"
        )
    return Text.assemble((f"  {step.state} ", _COLOURS[step.state]), step.title, (f" ({step.executor})", "dim"))
