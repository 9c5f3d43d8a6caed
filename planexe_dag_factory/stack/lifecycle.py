"""Starting, finding and stopping the embedded stack from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from planexe_dag_factory.errors import StackError
from planexe_dag_factory.stack.configuration import Settings, dump_launch
from planexe_dag_factory.stack.home import Home
from planexe_dag_factory.stack.processes import stop_all
from planexe_dag_factory.stack.state import State, read_state, stop_leftovers

_START_S = 240
_STOP_S = 30
_POLL_S = 0.1


def running(home: Home) -> State | None:
    """Return the state of the stack whose supervisor lives; None where there is none."""
    state = read_state(home)
    return state if state and state.supervisor.find() else None


def start(
    home: Home, settings: Settings, *, lifeline: int | None = None, watch: Callable[[State], None] = lambda _: None
) -> State:
    """Start a stack and wait until it is healthy; `watch` sees every state on the way.

    The stack outlives the caller, unless it is given a `lifeline`: the read end of a pipe, whose
    write end the caller keeps. Raises StackError where it cannot be started.
    """
    home.prepare()
    for folder in (*settings.plans, settings.run_root):
        folder.mkdir(parents=True, exist_ok=True)
    supervisor = _launch(home, settings, lifeline)
    try:
        return _await_ready(home, supervisor, watch)
    except BaseException:
        if supervisor.poll() is None:
            stop_all([psutil.Process(supervisor.pid)], grace=_STOP_S)
        raise


def _await_ready(home: Home, supervisor: subprocess.Popen[bytes], watch: Callable[[State], None]) -> State:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        state = read_state(home)
        if state and state.supervisor.pid == supervisor.pid:
            watch(state)
            if state.condition == "ready":
                return state
        if supervisor.poll() is not None:
            raise StackError(_why_not_started(home, state))
        time.sleep(_POLL_S)
    raise StackError(f"the stack was not ready after {_START_S} s; see the logs in {home.logs}")


def stop(home: Home) -> bool:
    """Stop the stack, and whatever a killed one has left behind; False where nothing ran."""
    state = read_state(home)
    if state is None:
        return False
    supervisor = state.supervisor.find()
    if supervisor:
        stop_all([supervisor], grace=_STOP_S)
    stop_leftovers(state)
    home.state.unlink(missing_ok=True)
    return supervisor is not None


@contextmanager
def ensured(home: Home, settings: Settings, *, watch: Callable[[State], None] = lambda _: None) -> Iterator[State]:
    """Use the stack that runs; where none does, start one that ends with this block or this process."""
    state = running(home)
    if state:
        yield _awaited(home, state)
        return
    reader, writer = os.pipe()
    try:
        yield start(home, settings, lifeline=reader, watch=watch)
    finally:
        os.close(writer)
        os.close(reader)
        stop(home)


def _awaited(home: Home, state: State) -> State:
    end = time.monotonic() + _START_S
    while state.condition == "starting" and time.monotonic() < end:
        time.sleep(_POLL_S)
        state = running(home) or state.model_copy(update={"condition": "failed"})
    if state.condition != "ready":
        raise StackError(f"the stack that runs in {home.root} is not ready; `planexe-dag down` stops it")
    return state


def _launch(home: Home, settings: Settings, lifeline: int | None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "planexe_dag_factory.stack.embedded", dump_launch(home, settings)]
    kept = () if lifeline is None else (lifeline,)
    with home.log("supervisor").open("wb") as log:
        return subprocess.Popen(
            [*command, *map(str, kept)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=kept,
        )


def _why_not_started(home: Home, state: State | None) -> str:
    if state and state.reason:
        return state.reason
    log = home.log("supervisor")
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else f"the stack ended at once; see {log}"
