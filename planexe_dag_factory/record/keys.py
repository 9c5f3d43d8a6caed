"""The orchestrator's own keys: made once, changed on purpose, and never anew behind anybody's back.

<keys>/orchestrator.key                    signs now: 32 raw bytes, mode 0600
       orchestrator.pub                    its public half, to give to whoever verifies
       orchestrator-<fingerprint>.key .pub signed before; kept while runs that began with it go on
<run root>/keys/<fingerprint>.json         which keys have signed here, each signed by itself
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from planexe_agents.signing import SigningKey, digest_bytes, fingerprint, sign_document, verify_document

from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.record.events import ROTATED, RUN, Event, HandedOverError, append_event, list_events
from planexe_dag_factory.record.folder import RunFolder, now

KEY_FILE = "orchestrator.key"
PINS = "keys"


@dataclass(frozen=True)
class KeyRing:
    """The key that signs now, and those that signed before, the newest first."""

    current: SigningKey
    retired: tuple[SigningKey, ...] = ()

    @property
    def public(self) -> frozenset[str]:
        """The public halves of all."""
        return frozenset(key.public for key in (self.current, *self.retired))

    def find(self, public: str) -> SigningKey | None:
        return next((key for key in (self.current, *self.retired) if key.public == public), None)


def make_ring(folder: Path) -> KeyRing:
    """Read the keys, or make the first where there is none yet. Call it when a stack or a run starts."""
    if not (folder / KEY_FILE).exists() and _retired(folder):
        raise _lost(folder)
    try:
        current = SigningKey.load_or_create(folder / KEY_FILE)
        _publish(folder / KEY_FILE, current)
        return KeyRing(_private(folder / KEY_FILE), tuple(map(_private, _retired(folder))))
    except (OSError, ValueError) as error:
        raise RecordError(f"the orchestrator's key {folder / KEY_FILE} cannot be used: {error}") from error


def load_ring(folder: Path) -> KeyRing:
    """Read the keys. Raises RecordError where they are lost: what was signed with them could not go on."""
    if not (folder / KEY_FILE).exists():
        raise _lost(folder)
    try:
        return KeyRing(_private(folder / KEY_FILE), tuple(map(_private, _retired(folder))))
    except (OSError, ValueError) as error:
        raise RecordError(f"the orchestrator's key {folder / KEY_FILE} cannot be used: {error}") from error


def rotate(folder: Path) -> KeyRing:
    """Make a new key, and keep the old one for the runs that began with it."""
    old = load_ring(folder).current
    kept = folder / f"orchestrator-{_short(old.public)}.key"
    draft = folder / f".{KEY_FILE}.{os.getpid()}"
    SigningKey.load_or_create(draft)
    if not kept.exists():
        os.link(folder / KEY_FILE, kept)
    draft.replace(folder / KEY_FILE)
    ring = load_ring(folder)
    _publish(kept, old)
    (folder / KEY_FILE).with_suffix(".pub").unlink(missing_ok=True)
    _publish(folder / KEY_FILE, ring.current)
    return ring


def parse_key(text: str) -> SigningKey:
    """Read a private key as a secrets backend holds it: PEM (PKCS #8), or 32 bytes in base64.

    Raises RecordError, which never shows the text.
    """
    try:
        if "PRIVATE KEY" in text:
            key = load_pem_private_key(text.strip().encode(), password=None)
            return SigningKey(_ed25519(key))
        return SigningKey.from_seed(base64.b64decode(text.strip(), validate=True))
    except (ValueError, TypeError, binascii.Error):
        raise RecordError("the orchestrator's key is neither PEM of Ed25519 nor 32 bytes in base64") from None


def pin_ring(root: RunFolder, ring: KeyRing) -> None:
    """Note below the run root which key signs there. Raises RecordError where others did, and all are strange.

    A key that was lost, or left out of a new machine, would else be replaced by a fresh one, and
    nobody would see.
    """
    names = root.names(PINS)
    pinned = {str(pin.get("key")) for pin in (root.read_json(PINS, name) for name in names) if verify_document(pin)}
    if pinned and pinned.isdisjoint(ring.public):
        known = ", ".join(sorted(map(fingerprint, pinned)))
        raise RecordError(
            f"the record below {root.root} was signed with another key ({known}) than the orchestrator has now "
            f"({fingerprint(ring.current.public)}): restore the lost key from its backup; to begin anew, move "
            f"{root.root}/{PINS} away"
        )
    if ring.current.public not in pinned:
        name = f"{_short(ring.current.public)}.json"
        root.create_json(sign_document({"at": now()}, ring.current), PINS, name)


def take_over(run: RunFolder, ring: KeyRing) -> SigningKey:
    """Return the key that signs in a run now; where another began it, that one hands over, on record.

    Raises RecordError where the run was begun with a key that the orchestrator does not have.
    """
    header = run.find_json("run.json")
    signs = header.get("orchestrator_key") if header else None
    if signs is None or signs == ring.current.public:
        return ring.current
    for event in (run.read_json(*file.segments) for file in list_events(run, RUN) if file.action == ROTATED):
        if event["key"] == signs and event["details"].get("to") in ring.public and verify_document(event, signs):
            signs = event["details"]["to"]
    before = ring.find(signs)
    if before is None:
        raise RecordError(
            f"{run.name} was begun with the key {fingerprint(signs)}, which the orchestrator does not have: "
            "restore it from its backup"
        )
    if signs != ring.current.public:
        _hand_over(run, before, ring.current)
    return ring.current


def _hand_over(run: RunFolder, old: SigningKey, new: SigningKey) -> None:
    """Let a key hand over to the next after all that it signed, and the next confirm what came while it did."""
    event = Event(ROTATED, details={"from": old.public, "to": new.public}, after_all=True)
    known = set(list_events(run))
    with suppress(HandedOverError):  # another process was first
        append_event(run, old, event)
    late = [file for file in list_events(run) if file not in known and file.action != ROTATED]
    if any(run.read_json(*file.segments)["key"] == old.public for file in late):
        append_event(run, new, event)


def public_keys(source: Path) -> frozenset[str]:
    """Read public keys: a file with one in base64 a line, or a folder with such files named orchestrator*.pub."""
    files = sorted(source.glob("orchestrator*.pub")) if source.is_dir() else [source]
    try:
        lines = [line.strip() for file in files for line in file.read_text("ascii").splitlines()]
        keys = frozenset(line for line in lines if line and not line.startswith("#"))
        for key in keys:
            Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))
    except (OSError, ValueError) as error:
        raise RecordError(f"{source} holds no public keys: {error}") from error
    if not keys:
        raise RecordError(f"{source} holds no public keys: one in base64 a line, or a folder of orchestrator*.pub")
    return keys


def _private(path: Path) -> SigningKey:
    """Read a private key that its owner alone can read."""
    if stat.S_IMODE(path.stat().st_mode) & 0o007:
        raise ValueError(f"everybody can read it; run: chmod 600 {path}")
    return SigningKey.from_seed(path.read_bytes())


def _retired(folder: Path) -> list[Path]:
    kept = folder.glob("orchestrator-*.key")
    return sorted(kept, key=lambda path: (path.stat().st_mtime, path.name), reverse=True)


def _publish(path: Path, key: SigningKey) -> None:
    """Write the public key beside the private one; a rotation that was interrupted may have left the one before."""
    public, text = path.with_suffix(".pub"), f"{key.public}\n"
    if not public.exists() or public.read_text("ascii") != text:
        public.write_text(text, "ascii")


def _ed25519(key: object) -> Ed25519PrivateKey:
    if isinstance(key, Ed25519PrivateKey):
        return key
    raise ValueError("another kind of key")


def _short(public: str) -> str:
    """Name a file after a key."""
    return digest_bytes(public.encode()).removeprefix("sha256:")[:16]


def _lost(folder: Path) -> RecordError:
    return RecordError(f"the orchestrator's key {folder / KEY_FILE} is lost; restore it from its backup")
