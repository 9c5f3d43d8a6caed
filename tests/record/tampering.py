"""What can be done to a run's folder by whoever can write to it, and holds no key. Each deed can be undone."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from planexe_dag_factory.record.events import list_events
from planexe_dag_factory.record.folder import RunFolder

Undo = Callable[[], object]
Deed = Callable[[Path, random.Random], Undo]


def paths(root: Path) -> list[str]:
    return sorted(file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file())


def tamper(root: Path, dice: random.Random) -> tuple[str, Undo]:
    """Do one of the deeds to a run's folder; return its name, and how it is undone."""
    deed = dice.choice(DEEDS)
    return deed.__name__, deed(root, dice)


def _any(root: Path, dice: random.Random) -> Path:
    return root / dice.choice(paths(root))


def _put(path: Path, content: bytes) -> Undo:
    """Change a file to something else."""
    before = path.read_bytes()
    path.write_bytes(content if content != before else before + b"x")
    return lambda: path.write_bytes(before)


def flip(root: Path, dice: random.Random) -> Undo:
    path = _any(root, dice)
    before = path.read_bytes()
    at = dice.randrange(len(before))
    return _put(path, before[:at] + bytes([before[at] ^ (1 << dice.randrange(8))]) + before[at + 1 :])


def cut(root: Path, dice: random.Random) -> Undo:
    path = _any(root, dice)
    before = path.read_bytes()
    return _put(path, before[: dice.randrange(len(before))])


def drop(root: Path, dice: random.Random) -> Undo:
    path = _any(root, dice)
    before = path.read_bytes()
    path.unlink()
    return lambda: path.write_bytes(before)


def add(root: Path, dice: random.Random) -> Undo:
    path = _any(root, dice).parent / f"{dice.randrange(10**6)}.json"
    path.write_bytes(_any(root, dice).read_bytes())
    return path.unlink


def add_draft(root: Path, dice: random.Random) -> Undo:
    path = _any(root, dice)
    draft = path.with_name(f".{path.name}.{dice.randrange(16**8):08x}")
    draft.write_bytes(b"half")
    return draft.unlink


def rename(root: Path, dice: random.Random) -> Undo:
    path = _any(root, dice)
    other = path.with_name(f"{dice.randrange(10**6)}-{path.name}")
    path.rename(other)
    return lambda: other.rename(path)


def move_in_time(root: Path, dice: random.Random) -> Undo:
    file = dice.choice(list_events(RunFolder(root)))
    moved = replace(file, stamp=f"{dice.randrange(2000, 2100)}{file.stamp[4:]}")
    if moved == file:
        return drop(root, dice)
    (root / file.path).rename(root / moved.path)
    return lambda: (root / moved.path).rename(root / file.path)


def move_elsewhere(root: Path, dice: random.Random) -> Undo:
    """Make an event one about something else."""
    file = dice.choice(list_events(RunFolder(root)))
    moved = replace(file, about=f"{file.about}-too")
    (root / moved.path).parent.mkdir(exist_ok=True)
    (root / file.path).rename(root / moved.path)

    def undo() -> None:
        (root / moved.path).rename(root / file.path)
        (root / moved.path).parent.rmdir()

    return undo


def put_in_place(root: Path, dice: random.Random) -> Undo:
    """Put the content of one file in the place of another."""
    return _put(_any(root, dice), _any(root, dice).read_bytes())


def swap(root: Path, dice: random.Random) -> Undo:
    one, other = _any(root, dice), _any(root, dice)
    content, others = one.read_bytes(), other.read_bytes()
    if content == others:
        return flip(root, dice)
    one.write_bytes(others)
    other.write_bytes(content)
    return lambda: (one.write_bytes(content), other.write_bytes(others))


def pipe(root: Path, dice: random.Random) -> Undo:
    path = _any(root, dice)
    before = path.read_bytes()
    path.unlink()
    os.mkfifo(path)

    def undo() -> None:
        path.unlink()
        path.write_bytes(before)

    return undo


def link(root: Path, dice: random.Random) -> Undo:
    """Put a link to a file in its place: who follows it reads what was there."""
    path = _any(root, dice)
    kept = root.parent / f"kept-{dice.randrange(10**6)}"
    path.rename(kept)
    path.symlink_to(kept)
    return lambda: kept.replace(path)


DEEDS: tuple[Deed, ...] = (
    flip, cut, drop, add, add_draft, rename, move_in_time, move_elsewhere, put_in_place, swap, pipe, link,
)  # fmt: skip
