"""What milestones sealed, as in-toto Statements (v1), which other tools read; plain, or signed in DSSE envelopes."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from planexe_agents.signing import SigningKey, canonical, digest

from planexe_dag_factory.record.events import list_events
from planexe_dag_factory.record.folder import RunFolder

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:planexe-dag-factory:snapshot:v1"
PAYLOAD = "application/vnd.in-toto+json"


def statements(run: RunFolder) -> Iterator[dict[str, Any]]:
    """Yield a Statement for each snapshot, in their order: its subjects are the files, with their digests."""
    for event in list_events(run):
        if event.action in ("snapshot", "run-sealed"):
            for path in run.read_json(*event.segments)["digests"]:
                yield _statement(path, event.digest, run.read_json(*path.split("/")))


def _statement(path: str, event: str, manifest: dict[str, Any]) -> dict[str, Any]:
    files = sorted(manifest["files"].items())
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": mark.removeprefix("sha256:")}} for name, mark in files],
        "predicateType": PREDICATE,
        "predicate": {
            "run": manifest["run"],
            "snapshot": path,
            "at": manifest["at"],
            "events": manifest["events"],
            "event": event,
            "manifest": {"digest": digest(manifest), "key": manifest["key"], "signature": manifest["signature"]},
        },
    }


def envelope(statement: dict[str, Any], key: SigningKey) -> dict[str, Any]:
    """Sign a Statement: a DSSE envelope (secure-systems-lab/dsse, v1), keyid is the public key."""
    payload = canonical(statement)
    before_signing = b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)
    signature = base64.b64encode(key.sign_bytes(before_signing)).decode()
    return {
        "payloadType": PAYLOAD,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": key.public, "sig": signature}],
    }
