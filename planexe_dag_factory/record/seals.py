"""What milestones and the end of a run sealed: all of it is still there, and nothing has come between since."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from planexe_agents.signing import digest_bytes, is_signed_by

from planexe_dag_factory.record.chain import Chain, Signed
from planexe_dag_factory.record.contents import Named
from planexe_dag_factory.record.events import AUDIT
from planexe_dag_factory.record.findings import Findings
from planexe_dag_factory.record.manifest import seal_events

END = "final/seal.json"
_SEAL = re.compile(r"milestones/[^/]+/manifest\.json|final/(?:manifest|seal)\.json")


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal that is signed, and says of itself what is so."""

    path: str
    digest: str
    events: Mapping[str, Any]
    files: Mapping[str, str]
    unfinished: Mapping[str, str]

    @classmethod
    def read(cls, path: str, content: bytes, run: str, keys: Collection[str], findings: Findings) -> Seal | None:
        """Read a seal; None, and a finding, where it is not one of this run."""
        manifest = json.loads(content)
        if not is_signed_by(manifest, keys):
            findings.error("foreign-key", path, "is not signed with a key that may sign in this run")
        elif manifest["run"] != run:
            findings.error("moved", path, f"sealed the run {manifest['run']!r}")
        elif manifest["events"] != seal_events(manifest["files"]):
            findings.error("changed", path, "counts other events than it lists")
        else:
            files, unfinished = manifest["files"], manifest["unfinished"]
            return cls(path, digest_bytes(content), manifest["events"], files, unfinished)
        return None


def read_seals(run: str, files: Mapping[str, bytes], keys: Collection[str], findings: Findings) -> Iterator[Seal]:
    """Yield the seals of a run. `files` are those that hold."""
    for path in sorted(filter(_SEAL.fullmatch, files)):
        with findings.reading(path):
            if seal := Seal.read(path, files[path], run, keys, findings):
                yield seal


def verify_seal(
    seal: Seal, there: Mapping[str, bytes], chain: Chain, named: Mapping[str, Named], findings: Findings
) -> None:
    """Find what was sealed and is gone, what is not as it was sealed, and what came between since."""
    for path in seal.files.keys() - there.keys():
        stamp = path.rpartition("/")[2][:21] if path.startswith(f"{AUDIT}/") else "~"
        findings.error("removed", path, f"is not there, and {seal.path} sealed it", stamp)
    for path in _settled(seal, chain, named) & there.keys():
        if digest_bytes(there[path]) != seal.files[path]:
            findings.error("changed", path, f"is not what {seal.path} sealed")
    for event in _came_between(seal, chain):
        said = f"was not there when {seal.path} was sealed, and says that it came before"
        findings.error("added", event.file.path, said, event.file.stamp)
    for event in chain.events:
        document = event.document
        if document["digests"].get(seal.path) == seal.digest and document["details"]["events"] != seal.events:
            findings.error("unfounded", event.file.path, f"counts other events than {seal.path}", event.file.stamp)


def _settled(seal: Seal, chain: Chain, named: Mapping[str, Named]) -> set[str]:
    """Return files of which two spoke at once, and nobody since they were sealed: then the seal has the last word."""
    at_once = {path for path, one in named.items() if len(one.digests) > 1 and seal.files.get(path) in one.digests}
    later = (event.document["digests"] for event in chain.events if event.file.path not in seal.files)
    return at_once.difference(*later)


def _came_between(seal: Seal, chain: Chain) -> Iterator[Signed]:
    """Yield the events that the seal does not list, though they count fewer before them than it does.

    Whoever wrote after the seal has seen all that it lists.
    """
    sealed = Counter(path.split("/")[1] for path in seal.files if path.startswith(f"{AUDIT}/"))
    for event in chain.events:
        if event.file.path not in seal.files and event.document["number"] <= sealed[event.about]:
            yield event
