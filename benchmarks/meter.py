"""What processes take, with all that they have started: seconds of the processor, and memory."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import psutil


def cpu_seconds(process: psutil.Process) -> float:
    """Return what a process and all its descendants have taken, those that have ended included.

    Whoever ends hands its seconds to the parent that reaps it; so the living hold all of them.
    """
    return sum(_own(one) for one in _tree(process))


def memory(process: psutil.Process) -> float:
    """Return the bytes that a process and its descendants hold; what several share counts once (PSS)."""
    total = 0.0
    for one in _tree(process):
        with contextlib.suppress(psutil.Error):
            total += one.memory_full_info().pss
    return total


def _own(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _tree(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


@dataclass
class Usage:
    """What was taken while something went on: seconds by process, the most bytes at once, seconds of slots held."""

    cpu: dict[str, float] = field(default_factory=dict)
    wall: float = 0.0
    memory: float = 0.0
    held: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return sum(self.cpu.values())


@contextlib.contextmanager
def measured(
    processes: Mapping[str, psutil.Process],
    slots: Callable[[], Mapping[str, int]] = dict,
    every: float = 1.0,
) -> Iterator[Usage]:
    """Measure processes, by name, as long as the context lasts; `slots` counts what is held at a moment."""
    usage, over = Usage(), threading.Event()
    watcher = threading.Thread(target=_watch, args=(processes, slots, every, usage, over), daemon=True)
    before, start = {name: cpu_seconds(one) for name, one in processes.items()}, time.monotonic()
    watcher.start()
    try:
        yield usage
    finally:
        usage.wall = time.monotonic() - start
        usage.cpu = {name: cpu_seconds(one) - before[name] for name, one in processes.items()}
        over.set()
        watcher.join()


def _watch(
    processes: Mapping[str, psutil.Process],
    slots: Callable[[], Mapping[str, int]],
    every: float,
    usage: Usage,
    over: threading.Event,
) -> None:
    last = time.monotonic()
    while True:
        usage.memory = max(usage.memory, sum(memory(one) for one in processes.values()))
        now = time.monotonic()
        for name, count in slots().items():
            usage.held[name] = usage.held.get(name, 0.0) + count * (now - last)
        last = now
        if over.wait(every):
            return
