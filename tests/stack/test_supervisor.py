import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest

from planexe_dag_factory.errors import StackError
from planexe_dag_factory.stack.supervisor import Program, Supervisor

SLEEPER = "import time; time.sleep(600)"
PARENT = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "{SLEEPER}"], start_new_session=True).wait()
"""
SUPERVISOR = """
import json, os, sys
from pathlib import Path
from planexe_dag_factory.stack.supervisor import Program, Supervisor

folder, lifeline, *codes = sys.argv[1:]

def tell(components):
    draft = Path(folder, "draft")
    draft.write_text(json.dumps({name: one.process.pid for name, one in components.items()}))
    draft.rename(Path(folder, "pids.json"))

with Supervisor(lifeline=int(lifeline) if lifeline else None, grace=1, on_change=tell) as supervisor:
    for number, code in enumerate(codes):
        log = Path(folder, f"{number}.log")
        supervisor.start(Program(str(number), (sys.executable, "-c", code), dict(os.environ), Path(folder), log))
    supervisor.serve()
print("ended well", flush=True)
"""


class Supervised:
    """A supervisor in a process of its own."""

    def __init__(self, folder: Path, codes: tuple[str, ...], lifeline: int | None = None) -> None:
        self.folder = folder
        words = [str(folder), "" if lifeline is None else str(lifeline), *codes]
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, *words],
            stdout=subprocess.PIPE,
            pass_fds=() if lifeline is None else (lifeline,),
            start_new_session=True,
        )
        wait_until(lambda: len(self.pids()) == len(codes))

    def pids(self) -> dict[str, int]:
        file = self.folder / "pids.json"
        return json.loads(file.read_text()) if file.exists() else {}

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def output(self) -> str:
        stdout: IO[bytes] | None = self.process.stdout
        assert stdout is not None
        return stdout.read().decode()


def wait_until(ready: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not ready():
        assert time.monotonic() < end, "waited for 20 s"
        time.sleep(0.02)


def gone(processes: list[psutil.Process]) -> bool:
    return not [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Callable[..., Supervised]]:
    started: list[Supervised] = []

    def start(*codes: str, lifeline: int | None = None) -> Supervised:
        started.append(Supervised(tmp_path, codes, lifeline))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()


def program(folder: Path, code: str) -> Program:
    return Program("part", (sys.executable, "-c", code), dict(os.environ), folder, folder / "part.log")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_everything(supervised: Callable[..., Supervised], number: signal.Signals) -> None:
    one = supervised(SLEEPER, PARENT)
    wait_until(lambda: len(one.family()) == 3)
    family = one.family()
    one.process.send_signal(number)
    assert one.process.wait(20) == 0
    assert one.output() == "ended well\n"
    assert gone(family)


def test_the_end_of_whoever_holds_the_lifeline_ends_everything(supervised: Callable[..., Supervised]) -> None:
    reader, writer = os.pipe()
    one = supervised(SLEEPER, PARENT, lifeline=reader)
    os.close(reader)
    wait_until(lambda: len(one.family()) == 3)
    family = one.family()
    os.close(writer)  # what the kernel does for a process that was killed
    assert one.process.wait(20) == 0
    assert gone(family)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent has died")
def test_a_killed_supervisor_takes_its_programs_with_it(supervised: Callable[..., Supervised]) -> None:
    one = supervised(SLEEPER, SLEEPER)
    family = one.family()
    one.process.kill()
    wait_until(lambda: gone(family))


def test_a_program_that_dies_is_started_again(supervised: Callable[..., Supervised]) -> None:
    one = supervised(SLEEPER, SLEEPER)
    first = one.pids()
    os.kill(first["0"], signal.SIGKILL)
    wait_until(lambda: one.pids()["0"] != first["0"])
    assert one.pids()["1"] == first["1"]
    assert psutil.pid_exists(one.pids()["0"])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to the supervisor")
def test_a_program_that_dies_takes_what_it_had_started_with_it(supervised: Callable[..., Supervised]) -> None:
    one = supervised(PARENT)
    wait_until(lambda: len(one.family()) == 2)
    orphan = one.family()[1]
    os.kill(one.pids()["0"], signal.SIGKILL)
    wait_until(lambda: gone([orphan]))
    wait_until(lambda: len(one.family()) == 2)  # and it was started again


def test_a_program_that_fails_while_starting_is_an_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    supervisor = Supervisor()
    supervisor.start(program(tmp_path, "print('no such port'); raise SystemExit(3)"))
    with pytest.raises(StackError) as caught:
        supervisor.wait_until(lambda: False, timeout=20, strict=True)
    assert str(caught.value) == (f"part ended with status 3; the end of {tmp_path / 'part.log'}:\n    no such port")
    supervisor.stop_programs()


def test_a_program_that_dies_again_and_again_is_given_up(tmp_path: Path) -> None:
    supervisor = Supervisor(max_restarts=2)
    supervisor.start(program(tmp_path, "print('died'); raise SystemExit(1)"))
    with pytest.raises(StackError, match=r"again 2 times in 10 minutes, and died each time\. part ended with status 1"):
        supervisor.wait_until(lambda: False, timeout=60)
    assert (tmp_path / "part.log").read_text() == "died\n" * 3
    supervisor.stop_programs()


def test_only_deaths_of_the_last_minutes_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planexe_dag_factory.stack.supervisor.RESTARTS_WITHIN_S", 0.0)
    supervisor = Supervisor(max_restarts=1)
    supervisor.start(program(tmp_path, "print('died'); raise SystemExit(1)"))
    lines = tmp_path / "part.log"
    assert supervisor.wait_until(lambda: lines.exists() and lines.read_text().count("died") >= 4, timeout=60)
    supervisor.stop_programs()


def test_a_command_is_run_to_its_end_while_the_others_are_watched(tmp_path: Path) -> None:
    supervisor = Supervisor()
    supervisor.run(program(tmp_path, "print('done')"))
    assert (tmp_path / "part.log").read_text() == "done\n"
    with pytest.raises(StackError, match="part ended with status 2"):
        supervisor.run(program(tmp_path, "raise SystemExit(2)"))
    assert supervisor.components == {}


def test_waiting_ends_with_the_time_that_was_given() -> None:
    assert Supervisor().wait_until(lambda: False, timeout=0.1) is False
    assert Supervisor().wait_until(lambda: True, timeout=0) is True
