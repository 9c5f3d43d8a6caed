"""Keeps a group of processes alive, and ends all of them when it is told to, or when nobody needs them any more."""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

import psutil

from planexe_dag_factory.errors import StackError
from planexe_dag_factory.stack.processes import ProcessId, adopt_orphans, reap_orphans, spawn, stop_all
from planexe_dag_factory.stack.state import Component

RESTARTS_WITHIN_S = 600.0
_TICK_S = 0.2
_log = logging.getLogger(__name__)


class StopRequested(BaseException):
    """Somebody asked for the end: by TERM or INT, or by letting go of the lifeline."""


@dataclass(frozen=True, slots=True)
class Program:
    """What is run under a name; `env` is all of its environment."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    log: Path


@dataclass
class Supervisor:
    """Runs programs; `lifeline` is the read end of a pipe whose other end is held by who needs them.

    Used as a context, it owns the process it runs in: signals end it, orphans are adopted, and on the
    way out every child, and every process that those started, has ended: by TERM within `grace`
    seconds, or by KILL.

    A program that dies takes what it had started with it, and is started again: at most
    `max_restarts` times within RESTARTS_WITHIN_S, and else not at all.
    """

    lifeline: int | None = None
    grace: float = 8.0
    max_restarts: int = 20
    on_change: Callable[[dict[str, Component]], None] = lambda _: None
    _programs: dict[str, Program] = field(default_factory=dict)
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _restarts: dict[str, list[float]] = field(default_factory=dict)
    _errands: set[int] = field(default_factory=set)
    _owns_process: bool = False

    def __enter__(self) -> Self:
        self._owns_process = True
        adopt_orphans()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, _request_stop)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.stop_programs()
        return isinstance(error, StopRequested)

    @property
    def components(self) -> dict[str, Component]:
        """What runs now, by name."""
        found = {name: ProcessId.of(process.pid) for name, process in self._processes.items()}
        return {
            name: Component(process=process, restarts=len(self._restarts[name]))
            for name, process in found.items()
            if process
        }

    def start(self, program: Program) -> None:
        self._programs[program.name] = program
        self._restarts.setdefault(program.name, [])
        self._spawn(program)

    def run(self, program: Program) -> None:
        """Run a program to its end. Raises StackError where it fails."""
        process = spawn(program.command, log=program.log, env=program.env, cwd=program.cwd)
        self._errands.add(process.pid)
        self.wait_until(lambda: process.poll() is not None)
        self._errands.remove(process.pid)
        if process.returncode:
            raise StackError(failure(program, process.returncode))

    def wait_until(self, ready: Callable[[], bool], *, timeout: float = float("inf"), strict: bool = False) -> bool:
        """Wait for something while watching over the programs; False after `timeout` seconds.

        Where `strict`, a program that ends raises StackError with the last lines of its log;
        else it is started again.
        """
        end = time.monotonic() + timeout
        while not ready():
            if time.monotonic() > end:
                return False
            self._tick(strict=strict)
        return True

    def serve(self) -> None:
        """Watch over the programs until somebody asks for the end."""
        self.wait_until(lambda: False)

    def stop_programs(self) -> None:
        """End everything that was started here, whatever became of it."""
        children = psutil.Process().children()
        stop_all([child for child in children if self._owns_process or child.pid in self._pids], self.grace)
        for process in self._processes.values():
            process.wait()
        self._errands.clear()
        self._processes.clear()
        self._programs.clear()
        self._restarts.clear()

    @property
    def _pids(self) -> set[int]:
        return self._errands.union(process.pid for process in self._processes.values())

    def _tick(self, *, strict: bool) -> None:
        self._sleep()
        if self._owns_process:
            reap_orphans(own=self._pids)
        for name, process in tuple(self._processes.items()):
            if process.poll() is not None:
                self._revive(self._programs[name], process.returncode, strict=strict)

    def _sleep(self) -> None:
        if self.lifeline is None:
            time.sleep(_TICK_S)
        elif select.select([self.lifeline], [], [], _TICK_S)[0] and not os.read(self.lifeline, 1):
            raise StopRequested

    def _revive(self, program: Program, status: int, *, strict: bool) -> None:
        if strict:
            raise StackError(failure(program, status))
        now, restarts = time.monotonic(), self._restarts[program.name]
        if sum(now - one < RESTARTS_WITHIN_S for one in restarts) >= self.max_restarts:
            often = f"{program.name} was started again {self.max_restarts} times in {RESTARTS_WITHIN_S / 60:g} minutes"
            raise StackError(f"{often}, and died each time. {failure(program, status)}")
        _log.warning("%s ended with %s: started again", program.name, status)
        restarts.append(now)
        if self._owns_process:
            self._end_orphans()
        self._spawn(program)

    def _end_orphans(self) -> None:
        """End what a program that died has left running: it was adopted, and would work on beside its successor."""
        stop_all([child for child in psutil.Process().children() if child.pid not in self._pids], grace=0)

    def _spawn(self, program: Program) -> None:
        self._processes[program.name] = spawn(program.command, log=program.log, env=program.env, cwd=program.cwd)
        _log.info("%s runs as process %s", program.name, self._processes[program.name].pid)
        self.on_change(self.components)


def failure(program: Program, status: int) -> str:
    """Say that a program has failed, with the last lines of its log and where the rest is."""
    tail = program.log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
    lines = "\n".join(f"    {line}" for line in tail)
    return f"{program.name} ended with status {status}; the end of {program.log}:\n{lines}"


def _request_stop(_number: int, _frame: FrameType | None) -> None:
    raise StopRequested
