"""Manifests: a signed list of every file so far, with its digest; what a milestone seals, and the end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from planexe_agents.signing import SigningKey, digest_bytes, sign_document

from planexe_dag_factory.record.events import AUDIT
from planexe_dag_factory.record.folder import RunFolder, now


def make_manifest(run: RunFolder, key: SigningKey) -> dict[str, Any]:
    """List and sign what the run folder holds now; apart from the rest, what processes that died left unfinished."""
    files = dict(run.digests())
    unfinished = {path: digest_bytes(content) for path, content in run.read_again(run.drafts()).items()}
    sealed = {"run": run.name, "files": files, "unfinished": unfinished, "events": seal_events(files), "at": now()}
    return sign_document(sealed, key)


def seal_events(files: Mapping[str, str]) -> dict[str, Any]:
    """Count the events among the files, and take the root of their digests."""
    return seal_marks(mark for path, mark in files.items() if _is_event(path))


def seal_marks(marks: Iterable[str]) -> dict[str, Any]:
    """Count events by their digests, and take the root of these (RFC 6962) in their order."""
    leaves = sorted(bytes.fromhex(mark.removeprefix("sha256:")) for mark in marks)
    return {"count": len(leaves), "root": f"sha256:{merkle_root(leaves).hex()}"}


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the Merkle tree hash of RFC 6962, section 2.1, with SHA-256."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + merkle_root(leaves[:half]) + merkle_root(leaves[half:])).digest()


def _is_event(path: str) -> bool:
    return path.startswith(f"{AUDIT}/")
