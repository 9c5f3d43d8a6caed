import os
import subprocess
import sys
from pathlib import Path

import pytest

from planexe_dag_factory.stack.home import Home
from planexe_dag_factory.stack.lifecycle import running, stop
from planexe_dag_factory.stack.processes import ProcessId
from planexe_dag_factory.stack.state import Component, State, read_state, write_state


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.below(tmp_path)
    home.prepare()
    return home


def state_of(supervisor: ProcessId, **components: ProcessId) -> State:
    return State(
        condition="ready",
        supervisor=supervisor,
        plans=("/plans",),
        run_root="/run",
        url="http://127.0.0.1:1",
        agents={"analysis": "http://127.0.0.1:2"},
        components={name: Component(process=process) for name, process in components.items()},
    )


def identify(pid: int) -> ProcessId:
    found = ProcessId.of(pid)
    assert found is not None
    return found


def ended() -> ProcessId:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = identify(process.pid)
    process.kill()
    process.wait()
    return identity


def test_a_state_is_read_as_it_was_written(home: Home) -> None:
    state = state_of(identify(os.getpid()), scheduler=identify(os.getppid()))
    write_state(home, state)
    assert read_state(home) == state
    assert running(home) == state
    assert home.state.stat().st_mode & 0o777 == 0o600
    assert home.root.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", ["", "{}", "null", '{"condition": "ready"'])
def test_a_state_that_makes_no_sense_is_none(home: Home, text: str) -> None:
    home.state.write_text(text)
    assert read_state(home) is None


def test_no_state_is_nothing_running(home: Home) -> None:
    assert running(home) is None
    assert stop(home) is False


def test_a_stale_state_is_cleaned_and_what_a_killed_supervisor_left_is_stopped(home: Home) -> None:
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    reused = ProcessId(other.pid, identify(other.pid).started - 1000)
    write_state(home, state_of(ended(), scheduler=identify(left.pid), triggerer=reused, agents=ended()))
    assert running(home) is None
    assert stop(home) is False
    left.wait(10)
    assert ProcessId.of(left.pid) is None
    assert other.poll() is None, "a process that took over the id is not ours"
    assert not home.state.exists()
    other.kill()
    other.wait()
