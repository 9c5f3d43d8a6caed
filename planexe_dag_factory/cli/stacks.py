"""The commands about the embedded stack of the working directory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rich.table import Table

from planexe_dag_factory.cli import console
from planexe_dag_factory.cli.health import findings_here, print_findings
from planexe_dag_factory.errors import StackError
from planexe_dag_factory.pipeline.state import stale_reports
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.stack import lifecycle
from planexe_dag_factory.stack.configuration import Settings, read_passwords
from planexe_dag_factory.stack.health import component_health
from planexe_dag_factory.stack.home import Home
from planexe_dag_factory.stack.state import Component, State, read_state

OK, INVALID, FAILED = 0, 1, 3


def up(port: int) -> int:
    home = Home.below(Path.cwd())
    state = lifecycle.running(home)
    if state:
        console.note("The stack runs already.")
    else:
        try:
            state = start_shown(home, Settings.for_folder(Path.cwd(), home, port=port))
        except StackError as error:
            console.print_error(error)
            return FAILED
    _print_addresses(home, state)
    return OK


def down() -> int:
    home = Home.below(Path.cwd())
    stopped = lifecycle.stop(home)
    console.note("Stopped." if stopped else "Nothing runs in this directory.")
    return OK


def status(*, as_json: bool) -> int:
    home = Home.below(Path.cwd())
    state = read_state(home)
    if state and not state.supervisor.find():
        state = state.model_copy(update={"condition": "failed", "reason": state.reason or "the supervisor was killed"})
    findings = findings_here() if state and state.condition == "ready" else []
    if as_json:
        console.print_json({**_status_document(state), "problems": findings})
    else:
        _print_status(home, state)
        print_findings(findings)
    well = state is None or state.condition != "failed"
    return OK if well and not any(finding["severity"] == "error" for finding in findings) else FAILED


def start_shown(home: Home, settings: Settings) -> State:
    """Start a stack that outlives this process, saying what is being waited for."""
    with console.err.status("Starting the agents and Airflow ...") as spinner:
        return lifecycle.start(home, settings, watch=lambda state: spinner.update(progress_of_start(state)))


def progress_of_start(state: State) -> str:
    """Say how far a starting stack is, in a line."""
    if "api-server" in state.components:
        return "Starting Airflow: scheduler, triggerer, DAG processor and web server ..."
    return "Starting the agents and preparing the database ..."


def _print_addresses(home: Home, state: State) -> None:
    passwords = read_passwords(home)
    console.out.print(f"Airflow    {state.url}")
    console.out.print(f"Inbox      {state.url}/plugin/planexe")
    for user, password in passwords.items():
        console.out.print(f"Login      {user} / {password}")
    console.out.print(f"Plans      drop them into {state.plans[0]}")
    console.out.print(f"Model      {model_of(state)}")
    console.out.print("Stop       planexe-dag down")


def model_of(state: State) -> str:
    """Say which language model the agents write with."""
    return state.model or "none: the agents compute, and write without one (docs/agents.md says how to set one)"


def _status_document(state: State | None) -> dict[str, Any]:
    if state is None:
        return {"condition": "stopped", "url": None, "reason": None, "components": {}, "agents": {}, "model": None}
    health = component_health(state)
    components = {name: _component_document(one, health[name]) for name, one in state.components.items()}
    return {
        "condition": state.condition,
        "url": state.url,
        "reason": state.reason,
        "components": components,
        "agents": state.agents,
        "model": state.model or None,
    }


def _component_document(component: Component, health: str) -> dict[str, Any]:
    return {
        "pid": component.process.pid,
        "health": health,
        "restarts": component.restarts,
        "up_s": round(time.time() - component.process.started),
    }


def _print_status(home: Home, state: State | None) -> None:
    if state is None:
        console.out.print("Nothing runs in this directory. `planexe-dag up` starts the agents and Airflow.")
        return
    health = component_health(state)
    table = Table("component", "process", "health", "restarts", "log", box=None, pad_edge=False)
    for name, one in state.components.items():
        table.add_row(name, str(one.process.pid), health[name], str(one.restarts), str(home.log(name)))
    console.out.print(table)
    console.out.print(_next_step(home, state))
    for run, milestone, told in stale_reports(RunFolder(state.run_root)):
        console.out.print(f"{milestone} of {run.name}: {told}", markup=False)


def _next_step(home: Home, state: State) -> str:
    if state.condition == "ready":
        return f"Ready at {state.url} (passwords: {home.passwords}). `planexe-dag down` stops it."
    if state.condition == "starting":
        return "Still starting; ask again in a few seconds."
    return f"Failed: {state.reason}\n`planexe-dag down` cleans up, `planexe-dag up` starts anew."
