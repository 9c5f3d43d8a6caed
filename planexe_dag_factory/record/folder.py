"""The folder of one run: whole files or none, at names that nothing from outside can bend.

Works on any `UPath` (local disk, S3, ...). See docs/architecture.md for what lies where.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from planexe_agents.signing import canonical, digest_bytes
from upath import UPath

from planexe_dag_factory.errors import RecordError

SEGMENT = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,254}$")


def run_name(dag_id: str, run_id: str, started: datetime) -> str:
    """Name a run's folder: sorts by time, is read by people, is unique and needs no look-up."""
    tail = hashlib.sha256(f"{dag_id}\n{run_id}".encode()).hexdigest()[:8]
    return f"{started.astimezone(UTC):%Y%m%dT%H%M%SZ}-{dag_id[:80]}-{tail}"


def now() -> str:
    """Return the time as the record writes it: UTC, ISO 8601, to the microsecond."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


class RunFolder:
    """Reads and writes one run's folder.

    Every path is given as segments (`"steps", "survey", "result.json"`); a segment that could leave
    the folder is refused with RecordError.
    """

    def __init__(self, root: UPath | Path | str) -> None:
        self.root = UPath(root)

    @property
    def name(self) -> str:
        """The folder's own name, which is also the run's name in the record."""
        return self.root.name

    def path(self, *segments: str) -> UPath:
        """Return where a file lies."""
        for segment in segments:
            if not SEGMENT.match(segment) or ".." in segment:
                raise RecordError(f"{segment!r} cannot be a name in the run folder")
        return self.root.joinpath(*segments)

    def exists(self, *segments: str) -> bool:
        return self.path(*segments).exists()

    def names(self, *segments: str) -> list[str]:
        """List what lies in a folder, sorted; a folder that does not exist is empty, and drafts do not count."""
        folder = self.path(*segments)
        if not folder.exists():
            return []
        local = _is_local(folder)
        # Thousands of events; a path object each is dear.
        names = os.listdir(folder.path) if local else [child.name for child in folder.iterdir()]  # noqa: PTH208
        return sorted(name for name in names if not name.startswith("."))

    def read_bytes(self, *segments: str) -> bytes:
        """Read a file. Raises RecordError where it is missing or unreadable."""
        try:
            return self.path(*segments).read_bytes()
        except OSError as error:
            raise RecordError(f"{'/'.join(segments)} cannot be read in {self.root}: {error}") from error

    def read_json(self, *segments: str) -> Any:
        """Read a JSON file. Raises RecordError where it is missing or not JSON."""
        try:
            return json.loads(self.read_bytes(*segments))
        except ValueError as error:
            raise RecordError(f"{'/'.join(segments)} in {self.root} is not JSON: {error}") from error

    def find_json(self, *segments: str) -> Any | None:
        """Read a JSON file that need not be there."""
        return self.read_json(*segments) if self.exists(*segments) else None

    def write_json(self, document: Any, *segments: str) -> None:
        """Write a JSON file in canonical form, in place of what may be there."""
        self.write_bytes(canonical(document), *segments)

    def create_json(self, document: Any, *segments: str) -> bool:
        """Write a JSON file unless there is one; say whether this call wrote it."""
        if self.exists(*segments):
            return False
        return self._put(canonical(document), self.path(*segments), replace=False)

    def write_bytes(self, content: bytes, *segments: str) -> None:
        """Write a file whole or not at all. Raises RecordError where it cannot be written."""
        self._put(content, self.path(*segments), replace=True)

    def digests(self, *segments: str) -> Mapping[str, str]:
        """Return the digest of every file below a folder, by its path from the run folder."""
        return {
            file.relative_to(self.root).as_posix(): digest_bytes(file.read_bytes())
            for file in _files_below(self.path(*segments))
        }

    def _put(self, content: bytes, target: UPath, *, replace: bool) -> bool:
        try:
            if _is_local(target):
                return _put_locally(content, Path(target.path), replace=replace)
            target.write_bytes(content)
        except OSError as error:
            raise RecordError(f"{target} cannot be written: {error}") from error
        return True


def _is_local(path: UPath) -> bool:
    return path.protocol in ("", "file")


def _put_locally(content: bytes, target: Path, *, replace: bool) -> bool:
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.parent / f".{target.name}.{secrets.token_hex(4)}"
    try:
        draft.write_bytes(content)
        if replace:
            draft.replace(target)
        else:
            os.link(draft, target)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True


def _files_below(folder: UPath) -> Iterator[UPath]:
    if not folder.exists():
        return
    for child in sorted(folder.iterdir(), key=lambda path: path.name):
        if child.name.startswith("."):
            continue
        if child.is_dir():
            yield from _files_below(child)
        else:
            yield child
