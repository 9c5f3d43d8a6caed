"""Processes that die at a chosen write: all they leave is what they had written before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.storage import Bucket

MOMENTS = ((RunFolder, "_write"), (RunFolder, "stage"), (RunFolder, "settle"), (Bucket, "write"), (Bucket, "remove"))
"""What is counted; in an object store every request that changes something is one moment more."""


class Death(BaseException):
    """The process ends here, as if it were killed."""


class Clock:
    """Counts writes to run folders, and kills at one of them; each file is written in two: staged, then named."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        for place, name in MOMENTS:
            monkeypatch.setattr(place, name, self._counted(getattr(place, name)))

    def tick(self) -> None:
        """Die where it is time to."""
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Death

    def _counted(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*words: Any, **named: Any) -> Any:
            self.tick()
            return write(*words, **named)

        return counted


def every_death(clock: Clock, begin: Callable[[int], Any], act: Callable[[Any, int], None]) -> Iterator[Any]:
    """Let a task die before its first write, before its second, and so on; then start it again.

    `begin` makes what the task works on, anew each time; `act` is the task, and is told its try. Yields
    what it worked on, after each.
    """
    for number in range(1000):
        clock.left = None
        scene = begin(number)
        clock.left = number
        try:
            act(scene, 1)
        except Death:
            clock.left = None
            act(scene, 2)
            yield scene
        else:
            assert number, "nothing was written"
            return
