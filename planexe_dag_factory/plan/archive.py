"""The files of a PlanExe run, from its folder or from the zip of it, without writing anything to disk.

PlanExe numbers its files, and the numbers move between its versions: `023-3-wbs_level3.json` and
`021-2-wbs_level3.json` are the same file. So files are known by the words after the number.
"""

from __future__ import annotations

import io
import re
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from planexe_dag_factory.errors import Problem, Severity, Where
from planexe_dag_factory.plan.jsontext import MAX_BYTES
from planexe_dag_factory.plan.text import quote

MAX_MEMBERS = 10_000
MAX_RATIO = 200
RATIO_FREE = 1024 * 1024
"""Members up to this size may be compressed as well as they like."""

WBS = "wbs_project_level1_and_level2_and_level3.json"

_NUMBER = re.compile(r"^[0-9][0-9-]*-")
_ENTRY_SIGNATURE = b"PK\x01\x02"
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError)

Wanted = Callable[[str], bool]
"""Says by its words whether a file is to be read."""


@dataclass(frozen=True, slots=True)
class RunFile:
    """One file of a run: its name with the number, and its bytes; None where reading failed, which is reported."""

    name: str
    data: bytes | None


RunFiles = Mapping[str, RunFile]
"""Files by their words."""


def words_of(name: str) -> str:
    """Return the name of a file without the number in front."""
    return _NUMBER.sub("", name)


def read_folder(folder: Path, wanted: Wanted) -> tuple[RunFiles, tuple[Problem, ...]]:
    """Read the wanted files of a run folder; links are not followed."""
    problems: list[Problem] = []

    def read(name: str) -> bytes:
        size = paths[name].stat().st_size
        if size > MAX_BYTES:
            raise ValueError(f"the file has {size:,} bytes; at most {MAX_BYTES:,} are read")
        return paths[name].read_bytes()

    paths = {path.name: path for path in folder.iterdir() if path.is_file() and not path.is_symlink()}
    return _read_each(_latest(paths, wanted, problems), read, problems), tuple(problems)


def read_zip(data: bytes, name: str, wanted: Wanted) -> tuple[RunFiles, tuple[Problem, ...]]:
    """Read the wanted files of a zipped run folder; no files at all where anything about the zip is suspicious."""
    count = data.count(_ENTRY_SIGNATURE)
    if count > MAX_MEMBERS:
        return {}, (_problem("zip-too-many", f"the zip has {count:,} members; at most {MAX_MEMBERS:,} are read", name),)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read_members(archive, name, wanted)
    except _BROKEN as error:
        message = f"the zip cannot be read: {quote(str(error) or type(error).__name__)}"
        return {}, (_problem("zip-broken", message, name, "make the zip again, or use the folder"),)


def unpack_run(data: bytes, name: str) -> tuple[Mapping[str, bytes], tuple[Problem, ...]]:
    """Read every file of a zipped run folder, by its own name; none where anything about the zip is suspicious."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inside, problems = _members_of_run(archive, name)
            return {base: archive.read(member) for base, member in inside.items()}, problems
    except _BROKEN as error:
        message = f"the zip cannot be read: {quote(str(error) or type(error).__name__)}"
        return {}, (_problem("zip-broken", message, name),)


def _read_members(archive: zipfile.ZipFile, name: str, wanted: Wanted) -> tuple[RunFiles, tuple[Problem, ...]]:
    inside, suspicious = _members_of_run(archive, name)
    problems = list(suspicious)
    chosen = _latest(inside, wanted, problems)
    return _read_each(chosen, lambda base: archive.read(inside[base]), problems), tuple(problems)


def _members_of_run(archive: zipfile.ZipFile, name: str) -> tuple[Mapping[str, zipfile.ZipInfo], tuple[Problem, ...]]:
    """Find the files of the one run folder in a zip; none, and why, where there is anything suspicious."""
    members = [member for member in archive.infolist() if not _is_litter(member.filename)]
    problems = tuple(_problem(code, message, name) for code, message in _suspicions(members))
    if problems:
        return {}, problems
    tops = sorted({_folder(member) for member in members if words_of(_base(member)) == WBS})
    if len(tops) > 1:
        listed = ", ".join(quote(top or ".") for top in tops)
        return {}, (
            _problem("zip-many-plans", f"the zip holds {len(tops)} plans: {listed}", name, "zip one run folder"),
        )
    return {_base(member): member for member in members if [_folder(member)] == tops and not member.is_dir()}, ()


def _read_each(chosen: Mapping[str, str], read: Callable[[str], bytes], problems: list[Problem]) -> RunFiles:
    files = {}
    for words, name in chosen.items():
        try:
            files[words] = RunFile(name, read(name))
        except _BROKEN as error:
            severity: Severity = "error" if words == WBS else "warning"
            message = f"cannot be read: {quote(str(error) or type(error).__name__)}"
            problems.append(_problem("unreadable", message, name, severity=severity))
            files[words] = RunFile(name, None)
    return files


def _suspicions(members: Iterable[zipfile.ZipInfo]) -> Iterator[tuple[str, str]]:
    members = list(members)
    for member in members:
        yield from _suspicion(member)
    for twice, count in Counter(member.filename for member in members).items():
        if count > 1:
            yield "zip-duplicate", f"the member {quote(twice)} is in the zip {count} times"
    total = sum(member.file_size for member in members)
    if total > MAX_BYTES:
        yield "zip-bomb", f"the members have {total:,} bytes in all; at most {MAX_BYTES:,} are read"


def _suspicion(member: zipfile.ZipInfo) -> Iterator[tuple[str, str]]:
    shown = f"the member {quote(member.orig_filename)}"
    parts = PurePosixPath(member.filename).parts
    if ".." in parts or member.filename.startswith("/") or re.search(r"[\\\0]|^[A-Za-z]:", member.orig_filename):
        yield "zip-path", f"{shown} has a path that leaves the archive"
    if stat.S_ISLNK(member.external_attr >> 16):
        yield "zip-link", f"{shown} is a symbolic link"
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        yield "zip-method", f"{shown} is compressed by method {member.compress_type}; only deflate is read"
    if member.flag_bits & 0x1:
        yield "zip-encrypted", f"{shown} is encrypted"
    if member.file_size > RATIO_FREE and member.file_size > MAX_RATIO * max(1, member.compress_size):
        yield "zip-bomb", f"{shown} is {member.file_size // max(1, member.compress_size):,} times its compressed size"


def _latest(names: Iterable[str], wanted: Wanted, problems: list[Problem]) -> dict[str, str]:
    """Choose one file for each wanted words: the one with the highest number."""
    found: dict[str, list[str]] = {}
    for name in sorted(names, key=lambda name: ([int(part) for part in re.findall("[0-9]+", name)], name)):
        if wanted(words_of(name)):
            found.setdefault(words_of(name), []).append(name)
    for same in found.values():
        if len(same) > 1:
            message = f"{len(same)} files have the same words; {quote(same[-1])} is read, {quote(same[0])} is not"
            problems.append(_problem("same-words", message, same[-1], severity="warning"))
    return {words: same[-1] for words, same in sorted(found.items())}


def _is_litter(path: str) -> bool:
    parts = path.split("/")
    return "__MACOSX" in parts or parts[-1] == ".DS_Store"


def _base(member: zipfile.ZipInfo) -> str:
    return PurePosixPath(member.filename).name


def _folder(member: zipfile.ZipInfo) -> str:
    return "/".join(PurePosixPath(member.filename).parts[:-1])


def _problem(code: str, message: str, name: str, hint: str | None = None, severity: Severity = "error") -> Problem:
    return Problem(severity, code, message, Where(name), hint)
