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
from operator import itemgetter
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

    def below(self, name: str) -> RunFolder | None:
        """Return the folder of this name in this one, where that can be one."""
        return RunFolder(self.root / name) if SEGMENT.match(name) and ".." not in name else None

    def exists(self, *segments: str) -> bool:
        return self.path(*segments).exists()

    def names(self, *segments: str) -> list[str]:
        """List what lies in a folder, sorted; a folder that does not exist is empty, and drafts do not count."""
        folder = self.path(*segments)
        if not folder.is_dir():
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
            path: digest_bytes(content)
            for path, content in self.contents(*segments)
            if not any(part.startswith(".") for part in path.split("/"))
        }

    def contents(self, *segments: str) -> Iterator[tuple[str, bytes]]:
        """Yield every file below a folder, drafts too, by its path from the run folder, in their order."""
        start = len(self.root.as_posix().rstrip("/")) + 1
        below = ((file.as_posix()[start:], file) for file in _files_below(self.path(*segments)))
        for path, file in sorted(below, key=itemgetter(0)):
            try:
                yield path, file.read_bytes()
            except FileNotFoundError:
                continue  # a draft that has got its name since
            except OSError as error:
                raise RecordError(f"{path} cannot be read in {self.root}: {error}") from error

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


def _files_below(folder: UPath) -> Iterator[UPath | Path]:
    """Yield the files; a link to a folder is nothing that a record holds, and is one of them."""
    if _is_local(folder):
        for parent, folders, names in os.walk(folder.path):
            links = (name for name in folders if Path(parent, name).is_symlink())
            yield from (Path(parent, name) for name in (*names, *links))
    elif folder.exists():
        yield from (path for path in folder.rglob("*") if path.is_file())
