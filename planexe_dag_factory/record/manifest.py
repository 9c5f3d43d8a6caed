"""Manifests: a milestone's signed list of every file so far, with its digest."""

from __future__ import annotations

from planexe_agents.signing import SigningKey, digest, digest_bytes, sign_document

from planexe_dag_factory.record.folder import RunFolder, now

PARTS = ("steps", "audit", "milestones", "final")
RUN_FILES = ("run.json", "plan.json", "policy.json", "registry.json", "dagspec.json")


def write_manifest(run: RunFolder, key: SigningKey, *folder: str) -> str:
    """Seal what the run folder holds now; return the manifest's digest. `folder` is where it goes."""
    top = {name: digest_bytes(run.read_bytes(name)) for name in RUN_FILES if run.exists(name)}
    files = {**top, **{path: mark for part in PARTS for path, mark in run.digests(part).items()}}
    signed = sign_document({"run": run.name, "files": files, "at": now()}, key)
    run.write_json(signed, *folder, "manifest.json")
    return digest(signed)
