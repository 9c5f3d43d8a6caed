"""Where a record lies: a folder on a disk, or a prefix in an object store. Both write whole files or none.

| | a file appears | one that is there is kept | needs |
|---|---|---|---|
| disk | by `rename` of a finished draft | by `link`, which refuses a name that is taken | one POSIX file system |
| object store | by one PUT, after a draft | by `If-None-Match: *` | reads that see earlier writes: S3, GCS, Azure |

Nothing is locked, and nothing is remembered between two looks: another machine may have written.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from planexe_dag_factory.errors import RecordError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

AT_ONCE = 16
"""How many objects are read at the same time."""
PATIENCE = timedelta(seconds=60)
"""How long an object store that fails is asked again; a step whose record cannot be written does not go on."""


class Storage(Protocol):
    """Files at paths below one place. Every method raises OSError where it cannot do what it says."""

    @property
    def address(self) -> str:
        """What opens the same place again, elsewhere too."""

    @property
    def name(self) -> str:
        """The last part of the address."""

    def at(self, *names: str) -> Storage:
        """Return a place further down."""

    def above(self) -> Storage:
        """Return the place that this one is in."""

    def exists(self, path: str) -> bool:
        """Say whether there is a file."""

    def names(self, path: str) -> list[str]:
        """List files and folders of a folder; none where it does not exist."""

    def paths(self, path: str) -> list[str]:
        """List all files below a folder; what is none is left out."""

    def strangers(self) -> list[str]:
        """List what is neither a file nor a folder: links, pipes, devices. Nobody opens them."""

    def read(self, path: str) -> bytes:
        """Read a file. Raises FileNotFoundError where there is none."""

    def read_all(self, paths: list[str]) -> Iterator[tuple[str, bytes]]:
        """Read many files, in the order given; one that is gone is left out."""

    def write(self, content: bytes, path: str, *, replace: bool) -> bool:
        """Write a file whole or not at all; say whether it was. Without `replace` one that is there stays."""

    def stage(self, content: bytes, draft: str) -> None:
        """Write what `settle` gives its name, or whoever starts again where this process dies before."""

    def settle(self, content: bytes, draft: str, path: str) -> None:
        """Let a staged file appear under its name; one that did so before is left as it is."""

    def remove(self, path: str) -> None:
        """Remove a file, which need not be there."""


def open_storage(address: str, options: Mapping[str, str] | None = None) -> Storage:
    """Open what an address names: a path, or a URL such as `s3://bucket/prefix`.

    Who a URL's store takes us for comes from `options` (obstore's own names), else from the
    environment: AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, a role of the machine or the pod, and so on.
    Raises RecordError where there can be no such store.
    """
    if "://" not in address:
        return Disk(Path(address))
    url = urlsplit(address)
    if url.scheme == "file":
        return Disk(Path(url.path))
    base = f"{url.scheme}://{url.netloc}"
    return Bucket(base, url.path.strip("/"), _store(base, tuple(sorted((options or {}).items())), _environment()))


@dataclass(frozen=True, slots=True)
class Disk:
    """A folder on a disk, which several machines may share."""

    root: Path

    @property
    def address(self) -> str:
        return str(self.root)

    @property
    def name(self) -> str:
        return self.root.name.strip(".") or self.root.resolve().name

    def at(self, *names: str) -> Disk:
        return Disk(self.root.joinpath(*names))

    def above(self) -> Disk:
        return Disk(self.root.parent)

    def exists(self, path: str) -> bool:
        return os.path.exists(self._full(path))  # noqa: PTH110 - a path object for each look is dear

    def names(self, path: str) -> list[str]:
        try:
            return os.listdir(self._full(path))  # noqa: PTH208 - the same
        except (FileNotFoundError, NotADirectoryError):
            return []

    def paths(self, path: str) -> list[str]:
        return [path for path, entry in self._walk(path) if entry.is_file(follow_symlinks=False)]

    def strangers(self) -> list[str]:
        return [path for path, entry in self._walk("") if not entry.is_file(follow_symlinks=False)]

    def read(self, path: str) -> bytes:
        with open(self._full(path), "rb", opener=_open_file) as file:
            return file.read()

    def read_all(self, paths: list[str]) -> Iterator[tuple[str, bytes]]:
        for path in paths:
            try:
                yield path, self.read(path)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                continue  # a draft that has got its name since, or no file at all
            except OSError as error:
                raise OSError(f"{path} cannot be read: {error}") from error

    def write(self, content: bytes, path: str, *, replace: bool) -> bool:
        target = self.root / path
        if not replace and target.exists():
            return False
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

    def stage(self, content: bytes, draft: str) -> None:
        self.write(content, draft, replace=True)

    def settle(self, content: bytes, draft: str, path: str) -> None:  # noqa: ARG002 - the draft holds it
        with suppress(FileNotFoundError):
            (self.root / draft).replace(self.root / path)

    def remove(self, path: str) -> None:
        (self.root / path).unlink(missing_ok=True)

    def _full(self, path: str) -> str:
        return f"{self.root}/{path}" if path else str(self.root)

    def _walk(self, path: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Yield all but the folders below one, which is no link itself, in no order; no link is followed."""
        waiting = [] if path and os.path.islink(self._full(path)) else [path]  # noqa: PTH114 - as above
        while waiting:
            parent = waiting.pop()
            try:
                entries = list(os.scandir(self._full(parent)))
            except (FileNotFoundError, NotADirectoryError):
                continue
            for entry in entries:
                place = f"{parent}/{entry.name}" if parent else entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(place)
                else:
                    yield place, entry


def _open_file(path: str, flags: int) -> int:
    """Open a file, never what stands in its place: a link, a pipe or a device. Raises OSError there."""
    file = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    mode = os.fstat(file).st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):  # `open` itself refuses a folder
        return file
    os.close(file)
    raise OSError(errno.EINVAL, "it is not a plain file", path)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A prefix in an object store: S3 and whatever speaks like it, Google's, Azure's."""

    base: str
    prefix: str
    store: ObjectStore = field(repr=False, compare=False)

    @property
    def address(self) -> str:
        return f"{self.base}/{self.prefix}".rstrip("/")

    @property
    def name(self) -> str:
        return self.prefix.rpartition("/")[2]

    def at(self, *names: str) -> Bucket:
        return Bucket(self.base, self._key("/".join(names)), self.store)

    def above(self) -> Bucket:
        return Bucket(self.base, self.prefix.rpartition("/")[0], self.store)

    def exists(self, path: str) -> bool:
        try:
            self._ask("head", self._key(path))
        except FileNotFoundError:
            return False
        return True

    def names(self, path: str) -> list[str]:
        found = self._ask("list_with_delimiter", self._key(path) or None)
        keys = [*found["common_prefixes"], *(one["path"] for one in found["objects"])]
        return [key.rstrip("/").rpartition("/")[2] for key in keys]

    def paths(self, path: str) -> list[str]:
        found = self._ask("list", self._key(path) or None, chunk_size=1000)
        start = len(self.prefix) + 1 if self.prefix else 0
        return [one["path"][start:] for one in self._tried(found.collect)]

    def strangers(self) -> list[str]:
        return []  # a bucket holds objects alone

    def read(self, path: str) -> bytes:
        return bytes(self._tried(self._ask("get", self._key(path)).bytes))

    def read_all(self, paths: list[str]) -> Iterator[tuple[str, bytes]]:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            found = zip(paths, threads.map(self._find, paths), strict=True)
            yield from ((path, content) for path, content in found if content is not None)

    def write(self, content: bytes, path: str, *, replace: bool) -> bool:
        """Write an object in one request; the bucket itself refuses where it is there and must stay."""
        try:
            self._ask("put", self._key(path), content, mode="overwrite" if replace else "create", use_multipart=False)
        except FileExistsError:
            return False
        return True

    def stage(self, content: bytes, draft: str) -> None:
        self.write(content, draft, replace=True)

    def settle(self, content: bytes, draft: str, path: str) -> None:
        """Write the file once more under its name, and then remove the draft: no object can be renamed."""
        self.write(content, path, replace=True)
        self.remove(draft)

    def remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self._ask("delete", self._key(path))

    def _ask(self, what: str, *told: Any, **more: Any) -> Any:
        import obstore  # noqa: PLC0415 - who records on a disk needs none of it

        _refuse_a_fork()
        return self._tried(partial(getattr(obstore, what), self.store, *told, **more))

    def _tried(self, work: Callable[[], Any]) -> Any:
        """Do it; whatever the library raises is an OSError, without its page of debugging."""
        from obstore.exceptions import AlreadyExistsError, BaseError  # noqa: PLC0415 - as above

        try:
            return work()
        except FileNotFoundError as error:
            raise FileNotFoundError(_brief(error)) from error
        except AlreadyExistsError as error:
            raise FileExistsError(_brief(error)) from error
        except (BaseError, OSError) as error:
            raise OSError(_brief(error)) from error

    def _find(self, path: str) -> bytes | None:
        try:
            return self.read(path)
        except FileNotFoundError:
            return None

    def _key(self, path: str) -> str:
        return f"{self.prefix}/{path}".strip("/")


def _brief(error: Exception) -> str:
    return " ".join(str(error).partition("Debug source")[0].split())


Options = tuple[tuple[str, str], ...]


def _environment() -> Options:
    """Return what stores read of the environment: one that was opened under another is another store."""
    return tuple(sorted(item for item in os.environ.items() if item[0].startswith(("AWS_", "AZURE_", "GOOGLE_"))))


@lru_cache(maxsize=8)
def _store(bucket: str, options: Options, environment: Options) -> ObjectStore:
    from obstore.exceptions import BaseError  # noqa: PLC0415 - who records on a disk needs none of it
    from obstore.store import from_url  # noqa: PLC0415

    told, around = dict(options), dict(environment)
    endpoint = told.get("endpoint") or around.get("AWS_ENDPOINT_URL_S3") or around.get("AWS_ENDPOINT_URL", "")
    if endpoint and bucket.startswith("s3"):
        told["endpoint"] = endpoint
    try:
        return from_url(  # type: ignore[call-overload,no-any-return] # the names follow from the kind of store
            bucket,
            config=told or None,
            client_options={"allow_http": endpoint.startswith("http://")},
            retry_config={"max_retries": 8, "retry_timeout": PATIENCE},
        )
    except (BaseError, ValueError) as error:
        raise RecordError(f"{bucket} cannot be opened as an object store: {error}") from error


_forked = False


def _mark_fork() -> None:
    global _forked  # noqa: PLW0603 - a fact about the process
    _forked = _store.cache_info().currsize > 0


def _refuse_a_fork() -> None:
    """Raise OSError in the child of a process that used a store: the library's threads are not there any more."""
    if _forked:
        raise OSError("this process was forked from one that used an object store; start it anew")


os.register_at_fork(after_in_child=_mark_fork)
