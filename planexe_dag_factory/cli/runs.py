"""`planexe-dag run`: a plan, from the file to its last report."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planexe_dag_factory.cli import console
from planexe_dag_factory.cli.live import RunView
from planexe_dag_factory.cli.plans import INVALID, build
from planexe_dag_factory.cli.stacks import FAILED, OK, model_of, progress_of_start
from planexe_dag_factory.errors import RecordError, StackError
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.verify import verify_run
from planexe_dag_factory.spec.model import DagSpec
from planexe_dag_factory.stack import lifecycle
from planexe_dag_factory.stack.autopilot import Autopilot
from planexe_dag_factory.stack.client import AirflowClient
from planexe_dag_factory.stack.configuration import ADMIN, COLLEAGUE, REVIEWER, Settings, read_passwords
from planexe_dag_factory.stack.follow import deliver, follow, wait_for_dag
from planexe_dag_factory.stack.home import Home
from planexe_dag_factory.stack.progress import Progress
from planexe_dag_factory.stack.state import State

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is carried out; `timeout` is in seconds."""

    autopilot: bool
    timeout: float | None


def run(plan: Path, *, autopilot: bool, as_json: bool, timeout: float | None) -> int:
    if _compiled(plan, None) is None:
        return INVALID
    try:
        return _run(plan, RunOptions(autopilot, timeout), as_json=as_json)
    except StackError as error:
        console.print_error(error)
        return FAILED
    except KeyboardInterrupt:
        console.note("Interrupted: what was started has been stopped.")
        return INTERRUPTED


def _compiled(plan: Path, registry: Path | None) -> DagSpec | None:
    built = build(plan, registry)
    if built and not built.spec:
        console.print_problems(str(plan), built.problems)
    return built.spec if built else None


def _run(plan: Path, options: RunOptions, *, as_json: bool) -> int:
    home = Home.below(Path.cwd())
    with ExitStack() as held:
        state = _enter_stack(held, home)
        spec = _compiled(plan, home.registry)  # as the stack's own agents make it
        if spec is None:
            return INVALID
        deliver(plan, tuple(Path(folder) for folder in state.plans), home.plans)
        started = time.monotonic()
        progress = _see_through(home, state, spec, options)
        document = _document(progress, time.monotonic() - started)
    if as_json:
        console.print_json(document, indent=None)
    else:
        _print_result(document)
    return OK if progress.state == "success" else FAILED


def _enter_stack(held: ExitStack, home: Home) -> State:
    """Use the stack that runs, or one that ends with `held`, saying what is being waited for."""
    settings = Settings.for_folder(Path.cwd(), home)
    with console.err.status("Starting the agents and Airflow ...") as spinner:
        return held.enter_context(
            lifecycle.ensured(home, settings, watch=lambda state: spinner.update(progress_of_start(state)))
        )


def _see_through(home: Home, state: State, spec: DagSpec, options: RunOptions) -> Progress:
    passwords = read_passwords(home)
    url = state.url or ""
    with (
        AirflowClient(url, ADMIN, passwords[ADMIN]) as client,
        AirflowClient(url, REVIEWER, passwords[REVIEWER]) as reviewer,
        AirflowClient(url, COLLEAGUE, passwords[COLLEAGUE]) as colleague,
    ):
        wait_for_dag(client, spec)
        run_id = client.trigger(spec.dag_id)
        _say_where(home, url, spec, run_id, autopilot=options.autopilot)
        console.note(f"Model      {model_of(state)}")
        pilot = Autopilot(reviewer, _say_answer, colleague) if options.autopilot else None
        try:
            with RunView(console.err) as view:
                return follow(client, spec.dag_id, run_id, autopilot=pilot, timeout=options.timeout, watch=view)
        except BaseException:
            client.cancel(spec.dag_id, run_id)  # else the next stack that starts here would take it up again
            raise


def _say_where(home: Home, url: str, spec: DagSpec, run_id: str, *, autopilot: bool) -> None:
    console.note(f"Airflow    {url}/dags/{spec.dag_id}/runs/{run_id}")
    console.note(f"Inbox      {url}/plugin/planexe")
    for user, password in read_passwords(home).items():
        console.note(f"Login      {user} / {password}")
    if not autopilot:
        console.note("People are asked in the inbox; this run goes on as they answer.")
        console.note(f"{ADMIN} started it, so approvals are somebody else's: log in as {REVIEWER} for them.")
        console.note("Whoever approves a step alone does not also do it.")


def _say_answer(answer: str) -> None:
    console.note(answer)


def _document(progress: Progress, duration: float) -> dict[str, Any]:
    return {
        "run_dir": progress.run_dir,
        "state": progress.state,
        "steps": progress.counts,
        "duration_s": round(duration, 1),
        "report": f"{progress.run_dir}/final/report.html" if progress.report else None,
        "record_holds": record_holds(progress.run_dir),
    }


def record_holds(run_dir: str) -> bool:
    """Say whether the record that a run has left is whole and sealed, as `planexe-dag audit verify` does."""
    try:
        found = verify_run(RunFolder(run_dir))
    except RecordError:
        return False
    return found.ok and found.state == "sealed"


def _print_result(document: dict[str, Any]) -> None:
    steps = ", ".join(f"{count} {state}" for state, count in document["steps"].items())
    console.out.print(f"Result     {document['state']} after {document['duration_s']:g} s: {steps}")
    console.out.print(f"Report     {document['report'] or 'none was written'}")
    verdict = "verified, and whole" if document["record_holds"] else "see: planexe-dag audit verify"
    console.out.print(f"Record     {document['run_dir']} ({verdict})")
