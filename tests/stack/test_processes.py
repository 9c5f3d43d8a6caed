import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from planexe_dag_factory.stack.processes import ProcessId, spawn, stop_all

STUBBORN_FAMILY = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""


def wait_for_text(path: Path) -> str:
    while not path.exists() or "\n" not in path.read_text():
        time.sleep(0.02)
    return path.read_text()


def test_a_process_is_known_by_its_start_time_too() -> None:
    me = ProcessId.of(os.getpid())
    assert me is not None
    found = me.find()
    assert found is not None
    assert found.pid == os.getpid()
    assert ProcessId(me.pid, me.started - 60).find() is None


def test_an_ended_process_is_not_found_even_while_nobody_has_buried_it() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = ProcessId.of(process.pid)
    assert identity is not None
    assert process.stdin is not None
    process.stdin.close()
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.02)
    assert identity.find() is None
    process.wait()
    assert identity.find() is None
    assert ProcessId.of(process.pid) is None


def test_stopping_reaches_descendants_in_other_sessions_that_ignore_the_request(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = (sys.executable, "-c", STUBBORN_FAMILY)
    process = spawn(command, log=log, env=dict(os.environ), cwd=tmp_path)
    grandchild = psutil.Process(int(wait_for_text(log)))
    stop_all([psutil.Process(process.pid)], grace=0.2)
    process.wait()
    assert not psutil.pid_exists(process.pid)
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE


def test_a_process_writes_to_its_log_and_has_a_session_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = (sys.executable, "-c", "import os; print(os.getsid(0) == os.getpid(), os.environ['WORD'], os.getcwd())")
    process = spawn(command, log=log, env={"WORD": "given"}, cwd=tmp_path)
    assert process.wait() == 0
    assert log.read_text() == f"True given {tmp_path}\n"
