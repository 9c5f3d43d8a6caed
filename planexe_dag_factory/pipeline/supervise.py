"""Runs one command in a session of its own and watches it, whoever started this and however that ended.

`python supervise.py FOLDER`: FOLDER/job.json says what to run, within which limits. Beside it come
process.json (who runs), pulse.json (that it goes on), log.txt (what it said, its middle left out where
that is long) and at last ended.json. It is run as a file, with a clean environment, and imports nothing of ours.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO, Any

import psutil

PULSE_S = 1.0
PIECE = 64 * 1024


class Log:
    """What a process says: the beginning in a file at once, the end when it is over, and how much lies between."""

    def __init__(self, path: Path, room: int) -> None:
        self._path = path
        self._room = room // 2
        self._tail: deque[bytes] = deque()
        self._kept = 0
        self._left_out = 0

    def follow(self, source: IO[bytes]) -> None:
        """Read to the end, however much comes."""
        with self._path.open("wb") as file:
            while piece := source.read1(PIECE):  # type: ignore[attr-defined] # a pipe's reader has it
                head = piece[: self._room]
                self._room -= len(head)
                file.write(head)
                file.flush()
                self._keep(piece[len(head) :])
            if self._left_out:
                file.write(f"\n[... {self._left_out:,} bytes left out ...]\n".encode())
            file.writelines(self._tail)

    def _keep(self, piece: bytes) -> None:
        self._tail.append(piece)
        self._kept += len(piece)
        while self._kept > PIECE * 8 and len(self._tail) > 1:
            gone = len(self._tail.popleft())
            self._kept -= gone
            self._left_out += gone


def main(folder: Path) -> None:
    """Run the job of a folder to its end."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    stopped: list[str] = []

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.append("it was stopped")

    signal.signal(signal.SIGTERM, stop)
    resource.setrlimit(resource.RLIMIT_FSIZE, (job["file_bytes"], job["file_bytes"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        process = subprocess.Popen(
            job["command"],
            cwd=job["cwd"],
            env=job["env"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        _write(folder / "ended.json", {"code": None, "why": f"it cannot be started: {error}", "at": _now()})
        return
    _write(folder / "process.json", {"processes": [_known(os.getpid()), _known(process.pid)], "host": os.uname()[1]})
    assert process.stdout is not None  # noqa: S101 - it was asked for
    log = Log(folder / "log.txt", job["log_bytes"])
    reader = threading.Thread(target=log.follow, args=(process.stdout,), daemon=True)
    reader.start()
    why = _watch(process, folder, job, stopped)
    _kill(process, job["grace_s"])
    reader.join(job["grace_s"])  # something that left the session may hold the pipe for ever
    _write(folder / "ended.json", {"code": process.returncode, "why": why, "at": _now()})


def _watch(process: subprocess.Popen[bytes], folder: Path, job: dict[str, Any], stopped: list[str]) -> str:
    """Wait for the end; say why it was brought about, where it was."""
    deadline = time.monotonic() + job["limit_s"]
    beat = 0
    while process.poll() is None:
        if stopped:
            return stopped[0]
        if time.monotonic() > deadline:
            return f"it took longer than {job['limit_s'] / 60:.0f} min"
        if _size(Path(job["folder"])) > job["folder_bytes"]:
            return f"it wrote more than {job['folder_bytes']:,} bytes"
        beat += 1
        _write(folder / "pulse.json", {"beat": beat})
        try:
            process.wait(PULSE_S)
        except subprocess.TimeoutExpired:
            continue
    return ""


def _known(pid: int) -> dict[str, Any]:
    """Tell a process apart from a later one of the same id."""
    try:
        return {"pid": pid, "started": psutil.Process(pid).create_time()}
    except psutil.Error:
        return {"pid": pid, "started": 0.0}


def _size(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(Path(parent, name)).st_size
            except OSError:
                continue
    return total


def _kill(process: subprocess.Popen[bytes], grace_s: float) -> None:
    """End the process and all of its session, whether it has ended or not: nothing of it may go on."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            break
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def _write(path: Path, document: dict[str, Any]) -> None:
    draft = path.with_name(f".{path.name}")
    draft.write_text(json.dumps(document), encoding="utf-8")
    draft.replace(path)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


if __name__ == "__main__" and os.fork() == 0:  # whoever waits for this goes on at once, and is no parent of it
    os.setsid()
    main(Path(sys.argv[1]))
