"""The folder of one run: whole files or none, at names that nothing from outside can bend.

It lies on a disk or in an object store: see `storage`. See docs/architecture.md for what lies where.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from planexe_agents.signing import canonical, digest_bytes

from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.storage import Storage, open_storage

SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,254}")


_BENT = frozenset(("", ".", ".."))


def run_name(dag_id: str, run_id: str, started: datetime) -> str:
    """Name a run's folder: sorts by time, is read by people, is unique and needs no look-up."""
    return f"{started.astimezone(UTC):%Y%m%dT%H%M%SZ}{run_tail(dag_id, run_id)}"


def run_tail(dag_id: str, run_id: str) -> str:
    """Return what the name of a run's folder ends with, whenever it started."""
    tail = hashlib.sha256(f"{dag_id}\n{run_id}".encode()).hexdigest()[:8]
    return f"-{dag_id[:80]}-{tail}"


def now() -> str:
    """Return the time as the record writes it: UTC, ISO 8601, to the microsecond."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


class RunFolder:
    """Reads and writes one run's folder.

    Every path is given as segments (`"steps", "survey", "result.json"`); a segment that could leave
    the folder is refused with RecordError. `place` is a path, the URL of a place in an object store,
    or such a place that was opened already. Raises RecordError where it can be none.
    """

    def __init__(self, place: Storage | Path | str) -> None:
        self._storage = open_storage(str(place)) if isinstance(place, Path | str) else place

    @property
    def root(self) -> str:
        """The folder's path or URL, which opens it again."""
        return self._storage.address

    @property
    def name(self) -> str:
        """The folder's own name, which is also the run's name in the record."""
        return self._storage.name

    @property
    def above(self) -> RunFolder:
        """The folder that this one is in: for a run, the run root."""
        return RunFolder(self._storage.above())

    def below(self, name: str) -> RunFolder | None:
        """Return the folder of this name in this one, where that can be one."""
        return RunFolder(self._storage.at(name)) if _is_name(name) else None

    def at(self, *segments: str) -> RunFolder:
        """Return a folder in this one. Raises RecordError where a name can be none."""
        return RunFolder(self._storage.at(_path(*segments)))

    def exists(self, *segments: str) -> bool:
        """Say whether there is a file. Raises RecordError where that cannot be found out."""
        try:
            return self._storage.exists(_path(*segments))
        except OSError as error:
            raise self._unreadable(error, *segments) from error

    def names(self, *segments: str) -> list[str]:
        """List what lies in a folder, sorted; a folder that does not exist is empty, and drafts do not count."""
        try:
            return sorted(name for name in self._storage.names(_path(*segments)) if not name.startswith("."))
        except OSError as error:
            raise self._unreadable(error, *segments) from error

    def read_bytes(self, *segments: str) -> bytes:
        """Read a file. Raises RecordError where it is missing or unreadable."""
        try:
            return self._storage.read(_path(*segments))
        except OSError as error:
            raise self._unreadable(error, *segments) from error

    def read_json(self, *segments: str) -> Any:
        """Read a JSON file. Raises RecordError where it is missing or not JSON."""
        return self._parse(self.read_bytes(*segments), *segments)

    def find_json(self, *segments: str) -> Any | None:
        """Read a JSON file that need not be there."""
        try:
            content = self._storage.read(_path(*segments))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._unreadable(error, *segments) from error
        return self._parse(content, *segments)

    def write_json(self, document: Any, *segments: str) -> None:
        """Write a JSON file in canonical form, in place of what may be there."""
        self.write_bytes(canonical(document), *segments)

    def create_json(self, document: Any, *segments: str) -> bool:
        """Write a JSON file unless there is one; say whether this call wrote it."""
        return self._write(canonical(document), segments, replace=False)

    def write_bytes(self, content: bytes, *segments: str) -> None:
        """Write a file whole or not at all. Raises RecordError where it cannot be written."""
        self._write(content, segments, replace=True)

    def remove(self, *segments: str) -> None:
        """Remove a file, which need not be there. Raises RecordError where it cannot be."""
        path = _path(*segments)
        try:
            self._storage.remove(path)
        except OSError as error:
            raise RecordError(f"{path} in {self.root} cannot be removed: {error}") from error

    def paths(self, *segments: str) -> list[str]:
        """List every file below a folder, drafts too, by its path from the run folder, in their order."""
        try:
            return sorted(self._storage.paths(_path(*segments)))
        except OSError as error:
            raise self._unreadable(error, *segments) from error

    def strangers(self) -> list[str]:
        """List what in this folder is neither a file nor a folder, by its path: nobody opens it."""
        try:
            return sorted(self._storage.strangers())
        except OSError as error:
            raise self._unreadable(error) from error

    def read_again(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Read these files anew, but those that are gone, or cannot be. Raises RecordError where one cannot be read."""
        named = [path for path in paths if not _BENT.intersection(path.split("/"))]
        try:
            return dict(self._storage.read_all(named))
        except OSError as error:
            raise self._unreadable(error) from error

    def stage(self, content: bytes, *segments: str) -> None:
        """Write a file as a draft, which `settle` gives its name. Raises RecordError where it cannot be."""
        with self._writing(_path(*segments)):
            self._storage.stage(content, _draft(digest_bytes(content), *segments))

    def settle(self, content: bytes, *segments: str) -> None:
        """Give a staged file its name. Raises RecordError where that cannot be done."""
        path = _path(*segments)
        with self._writing(path):
            self._storage.settle(content, _draft(digest_bytes(content), *segments), path)

    def unstage(self, content: bytes, *segments: str) -> None:
        """Take a staged file away again, where there is one and it can be done."""
        with suppress(OSError):
            self._storage.remove(_draft(digest_bytes(content), *segments))

    def finish(self, mark: str, *segments: str) -> None:
        """Settle a file of this digest that was staged, and whose process has died; else do nothing.

        Raises RecordError where the draft cannot be read: it stays, for the next try.
        """
        draft = _draft(mark, *segments)
        try:
            content = self._storage.read(draft) if self._storage.exists(draft) else None
        except OSError as error:
            raise self._unreadable(error, draft) from error
        if content is not None and digest_bytes(content) == mark:
            self.settle(content, *segments)

    @contextmanager
    def staged(self, contents: Mapping[str, bytes]) -> Iterator[None]:
        """Let files appear, by their paths, once what names them has been written meanwhile; else not at all.

        Whoever dies in between leaves the drafts, for `finish`. Raises RecordError where they cannot be written.
        """
        try:
            for path, content in contents.items():
                self.stage(content, *path.split("/"))
            yield
        except RecordError:
            for path, content in contents.items():
                self.unstage(content, *path.split("/"))
            raise
        for path, content in contents.items():
            self.settle(content, *path.split("/"))

    def drafts(self) -> list[str]:
        """List every file that has not got its name."""
        return list(filter(is_draft, self.paths()))

    def digests(self, *segments: str) -> Mapping[str, str]:
        """Return the digest of every file below a folder but drafts, by its path from the run folder."""
        return {
            path: digest_bytes(content)
            for path, content in self.contents(*segments)
            if not any(part.startswith(".") for part in path.split("/"))
        }

    def read_many(self, names: Iterable[str], *segments: str) -> list[bytes]:
        """Read files of one folder, at once where they lie in an object store; one that is gone is left out.

        Raises RecordError where one cannot be read.
        """
        paths = [_path(*segments, name) for name in names]
        try:
            return [content for _, content in self._storage.read_all(paths)]
        except OSError as error:
            raise self._unreadable(error, *segments) from error

    def contents(self, *segments: str) -> Iterator[tuple[str, bytes]]:
        """Yield every file below a folder, drafts too, by its path from the run folder, in their order."""
        try:
            yield from self._storage.read_all(self.paths(*segments))
        except OSError as error:
            raise RecordError(f"{error}, in {self.root}") from error

    def _parse(self, content: bytes, *segments: str) -> Any:
        try:
            return json.loads(content)
        except ValueError as error:
            raise RecordError(f"{'/'.join(segments)} in {self.root} is not JSON: {error}") from error

    def _write(self, content: bytes, segments: tuple[str, ...], *, replace: bool) -> bool:
        path = _path(*segments)
        with self._writing(path):
            return self._storage.write(content, path, replace=replace)

    @contextmanager
    def _writing(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RecordError(f"{self.root}/{path} cannot be written: {error}") from error

    def _unreadable(self, error: OSError, *segments: str) -> RecordError:
        return RecordError(f"{'/'.join(segments) or 'it'} cannot be read in {self.root}: {error}")


def is_draft(path: str) -> bool:
    """Say whether a file has not got its name."""
    return path.rpartition("/")[2].startswith(".")


def _is_name(segment: str) -> bool:
    return SEGMENT.fullmatch(segment) is not None and ".." not in segment


def _path(*segments: str) -> str:
    for segment in segments:
        if not _is_name(segment):
            raise RecordError(f"{segment!r} cannot be a name in the run folder")
    return "/".join(segments)


def _draft(mark: str, *segments: str) -> str:
    """Name the draft of a file by its digest: whoever finds it knows what it holds."""
    folder, _, name = _path(*segments).rpartition("/")
    draft = f".{name}.{mark.removeprefix('sha256:')[:8]}"
    return f"{folder}/{draft}" if folder else draft
