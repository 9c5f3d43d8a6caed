"""What must never lie in a run folder, in any spelling: whoever gets hold of one learns how the work went, no more."""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path

from planexe_dag_factory.record.folder import RunFolder

TOKENS = re.compile(rb"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.|-----BEGIN [A-Z ]*PRIVATE KEY|[Bb]earer [\w.-]{16,}")
"""What looks like a token or a key, whoever's it may be."""


def leaks(run: RunFolder, secrets: Mapping[str, bytes]) -> list[str]:
    """Name each secret that is in a file of a run, and the file."""
    spellings = {name: tuple(_spellings(secret)) for name, secret in secrets.items()}
    found = []
    for path, content in run.contents():
        found += [f"{name} is in {path}" for name, ways in spellings.items() if any(way in content for way in ways)]
        found += [f"a token is in {path}"] if TOKENS.search(content) else []
    return found


def key_files(folder: Path) -> dict[str, bytes]:
    """Return the private keys below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.key")}


def _spellings(secret: bytes) -> Iterator[bytes]:
    yield secret
    yield secret.hex().encode()
    for encoded in (b64encode(secret), urlsafe_b64encode(secret)):
        yield encoded.rstrip(b"=")
