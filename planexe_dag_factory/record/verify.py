"""Is a record whole? Answered by its folder and public keys alone; see docs/record.md for what that proves."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from planexe_agents.signing import digest_bytes, fingerprint

from planexe_dag_factory.errors import Problem, RecordError, has_errors
from planexe_dag_factory.record.approvals import Signatures, verify_signed, verify_spec
from planexe_dag_factory.record.chain import Chain, Signed, print_key, read_chain, verify_order
from planexe_dag_factory.record.contents import (
    Named,
    named_files,
    verify_files,
    verify_kinds,
    verify_work,
)
from planexe_dag_factory.record.course import verify_course
from planexe_dag_factory.record.events import AUDIT, CLEARED, CLEARED_BY_HAND, RUN
from planexe_dag_factory.record.findings import Findings
from planexe_dag_factory.record.folder import RunFolder, is_draft
from planexe_dag_factory.record.heads import Head, head_of, verify_head
from planexe_dag_factory.record.links import Links
from planexe_dag_factory.record.places import verify_places
from planexe_dag_factory.record.seals import END, Seal, read_seals, verify_seal
from planexe_dag_factory.record.signers import Signers, find_signers

ENDED, SEALED = "run-ended", "run-sealed"
Origin = Literal["given", "self-declared", "handed over", "agent"]


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A public key that may sign, and why: it was given, or the record itself names it."""

    owner: str
    public: str
    origin: Origin

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public)


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found in a record: problems (errors first, in the order of the record), events, keys.

    `state` is `sealed` where the run has ended and nothing came after; `open` where it is under way,
    or was cut off: nobody can tell the two apart without asking Airflow, or a `head` that was noted before.
    """

    run: str
    problems: tuple[Problem, ...]
    events: tuple[Mapping[str, Any], ...]
    keys: tuple[KnownKey, ...]
    files: int
    state: Literal["open", "sealed"]
    head: Head

    @property
    def ok(self) -> bool:
        return not has_errors(self.problems)

    @property
    def self_declared(self) -> bool:
        """Say whether the orchestrator's key is only what the record itself says."""
        return any(key.origin == "self-declared" for key in self.keys)

    def as_json(self) -> dict[str, Any]:
        """Return what the command line and the API say."""
        problems = [
            {"severity": one.severity, "code": one.code, "file": one.where.file, "message": one.message}
            for one in self.problems
        ]
        keys = [
            {"owner": key.owner, "public": key.public, "fingerprint": key.fingerprint, "origin": key.origin}
            for key in self.keys
        ]
        return {
            "run": self.run,
            "ok": self.ok,
            "state": self.state,
            "files": self.files,
            "head": self.head.as_json(),
            "problems": problems,
            "keys": keys,
            "events": list(self.events),
        }


def verify_run(
    run: RunFolder, trusted: Collection[str] = (), *, sealed: bool = False, heads: Iterable[Head] = ()
) -> Verification:
    """Verify a record, offline. `trusted` are the orchestrator's public keys; without any, run.json's own is taken.

    `sealed`: the run must have ended, with its seal. `heads` are what was noted of it before, which it must still hold.
    Raises RecordError where there is no record at all.
    """
    findings = Findings()
    strange = run.strangers()
    files = {path: content for path, content in run.contents() if not path.startswith(f"{AUDIT}/")}
    events = dict(run.contents(AUDIT))  # after the files: whoever writes a file has written its event before
    header = _json(files, "run.json")
    if not files and not events:
        raise RecordError(f"{run.root} holds no record of a run")
    declared = str(header.get("orchestrator_key", ""))
    # Of all keys that are trusted a run is begun with one; who else may sign in it is who that one hands over to.
    began = {declared} if not trusted or declared in trusted else trusted
    whole = read_chain(events, findings)
    signers = find_signers(whole, began, trusted)
    chain, keys = _signed(whole, signers, findings), signers.keys
    verify_order(whole, events, findings)
    named = named_files(chain)
    _look_again(run, files, named, strange)
    verify_kinds(strange, named, findings)
    if trusted and declared not in keys:
        findings.error("foreign-key", "run.json", "names an orchestrator's key that is not among those given", "")
    verify_files(files, named, findings)
    vouched = {path: content for path, content in files.items() if not findings.about(path)}
    agents: dict[str, str | None] = {}
    with findings.reading("registry.json"):
        agents = {one["id"]: one["public_key"] for one in _json(vouched, "registry.json").get("agents", ())}
    there = {**files, **events}
    seals = tuple(read_seals(run.name, vouched, keys, findings))
    for seal in seals:
        with findings.reading(seal.path):
            verify_seal(seal, there, chain, named, findings)
    verify_work(vouched, agents, chain, findings)
    spec = _json(vouched, "dagspec.json")
    verify_places(chain, findings)
    with findings.reading("dagspec.json"):
        verify_spec(vouched, spec, findings)
        verify_signed(vouched, Signatures(run.name, spec, keys, chain), findings)
        verify_course(spec, chain, findings)
    Links(run, chain, {*keys, *trusted}, findings).verify()
    _verify_header(run.name, header, declared, chain, findings)
    _verify_end(chain, findings, sealed=sealed)
    for head in heads:
        verify_head(head, run.name, chain, findings)
    if _is_sealed(chain):
        _verify_drafts(run, there, seals, findings)
    return Verification(
        run.name,
        findings.problems,
        tuple({**event.document, "file": event.file.path} for event in chain.events),
        _known_keys(keys, trusted, declared, agents),
        len(files) + len(events),
        "sealed" if _is_sealed(chain) else "open",
        head_of(run.name, chain),
    )


def _signed(whole: Chain, signers: Signers, findings: Findings) -> Chain:
    """Return the events that are signed with a key that might."""
    for event in whole.events:
        if not signers.may_sign(event):
            had = "had handed over by then" if event.document["key"] in signers.keys else "may not sign in this run"
            said = f"is signed with the key {print_key(event.document['key'])}, which {had}"
            findings.error("foreign-key", event.file.path, said, event.file.stamp)
    return Chain(tuple(filter(signers.may_sign, whole.events)))


def _verify_header(name: str, header: Mapping[str, Any], declared: str, chain: Chain, findings: Findings) -> None:
    if not header:
        findings.error("removed", "run.json", "is not there, or cannot be read", "")
    elif not chain.events:
        said = f"names the key {print_key(declared)}, and no event there is bears its signature"
        findings.error("changed", "run.json", said, "")
    elif header.get("run") != name:
        findings.error(
            "moved", "run.json", f"is of the run {header.get('run')!r}, and this folder is named {name!r}", ""
        )


def _verify_end(chain: Chain, findings: Findings, *, sealed: bool) -> None:
    last = _last_of_run(chain)
    if last and last.action == ENDED:
        findings.error("unsealed", last.file.path, "ended the run, and no seal came after it")
    elif sealed and not _is_sealed(chain):
        findings.error("unsealed", END, "is not there: the run has not ended, or its end was cut off")


def _verify_drafts(run: RunFolder, there: Mapping[str, bytes], seals: Iterable[Seal], findings: Findings) -> None:
    """Find drafts that the end's seal does not list; one that has got its name meanwhile was written just now."""
    sealed = next((seal.unfinished for seal in seals if seal.path == END), {})
    late = [path for path, content in there.items() if is_draft(path) and sealed.get(path) != digest_bytes(content)]
    for path in run.read_again(late):
        findings.error("added", path, "came after the run was sealed, and no event speaks of it")


def _is_sealed(chain: Chain) -> bool:
    last = _last_of_run(chain)
    return last is not None and last.action == SEALED


def _last_of_run(chain: Chain) -> Signed | None:
    """Return the event that says last whether the run is under way, over, or sealed: a clear lets it go on."""
    told = chain.about(RUN, "run-started", CLEARED, CLEARED_BY_HAND, ENDED, SEALED)
    return told[-1] if told else None


def _look_again(run: RunFolder, files: dict[str, bytes], named: Mapping[str, Named], strange: Iterable[str]) -> None:
    """Read what a run under way has written since its files were read; nothing behind a link."""
    stale = {path for path, one in named.items() if path not in files or digest_bytes(files[path]) not in one.digests}
    for path in strange:
        stale -= {one for one in stale if one == path or one.startswith(f"{path}/")}
    files |= run.read_again(stale)


def _known_keys(
    keys: Collection[str], trusted: Collection[str], declared: str, agents: Mapping[str, str | None]
) -> tuple[KnownKey, ...]:
    def origin(key: str) -> Origin:
        if key in trusted:
            return "given"
        return "self-declared" if key == declared and not trusted else "handed over"

    ours = [KnownKey("orchestrator", key, origin(key)) for key in sorted(keys) if key]
    return (*ours, *(KnownKey(agent, key, "agent") for agent, key in sorted(agents.items()) if key))


def _json(files: Mapping[str, bytes], name: str) -> Mapping[str, Any]:
    try:
        found = json.loads(files.get(name, b"{}"))
    except (ValueError, RecursionError):
        return {}  # then it was changed, and is found to be
    return found if isinstance(found, dict) else {}
