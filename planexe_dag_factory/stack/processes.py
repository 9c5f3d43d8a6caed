"""Processes told apart by id *and* start time, so that a reused id is never taken for one of ours."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process that was started at a certain time (seconds since the epoch)."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """Identify a running process; None where there is none."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return None

    def find(self) -> psutil.Process | None:
        """Return the process while it lives; None once it has ended, or its id belongs to another."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 1
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def spawn(
    command: Sequence[str], *, log: Path, env: Mapping[str, str], cwd: Path, keep: Iterable[int] = ()
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, writing to a log file.

    On Linux it gets TERM when the thread that started it dies, however that happens. `keep` are file
    descriptors that it inherits.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            pass_fds=tuple(keep),
            preexec_fn=_die_with_parent(),  # noqa: PLW1509 -- one system call, no locks, and the caller has no threads
        )


def adopt_orphans() -> None:
    """Become the parent of grandchildren whose parent has died, so that none escapes (Linux only)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans(own: Iterable[int]) -> None:
    """Bury adopted processes that have ended; `own` are those that somebody else waits for."""
    for child in psutil.Process().children():
        if child.pid not in set(own) and _is_zombie(child):
            os.waitpid(child.pid, os.WNOHANG)


def stop_all(roots: Iterable[psutil.Process], grace: float) -> None:
    """End processes and all their descendants: TERM for the roots, KILL for what is left after `grace` seconds."""
    roots = list(roots)
    family = _with_descendants(roots)
    for process in roots:
        _send(process, signal.SIGTERM)
    psutil.wait_procs(roots, timeout=grace)
    for process in {*family, *_with_descendants(roots)}:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(family, timeout=5)


def _with_descendants(roots: Iterable[psutil.Process]) -> set[psutil.Process]:
    family = set()
    for process in roots:
        family.add(process)
        try:
            family.update(process.children(recursive=True))
        except psutil.NoSuchProcess:
            continue
    return family


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)  # psutil checks the start time first
    except psutil.NoSuchProcess:
        return


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _die_with_parent() -> Callable[[], None] | None:
    if _libc is None:
        return None
    libc = _libc
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
