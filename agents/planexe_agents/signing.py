"""Canonical JSON, digests and Ed25519 signatures: what makes a document checkable by anybody.

JSON is canonicalised by RFC 8785, digests are SHA-256 in hex with a `sha256:` prefix, keys and
signatures are raw Ed25519 bytes (RFC 8032) in standard base64.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def canonical(document: Any) -> bytes:
    """Return the RFC 8785 form of a JSON document. Raises ValueError where JSON cannot hold it."""
    return rfc8785.dumps(document)


def digest(document: Any) -> str:
    """Return `sha256:<hex>` over the canonical form of a JSON document."""
    return digest_bytes(canonical(document))


def digest_bytes(content: bytes) -> str:
    """Return `sha256:<hex>` over raw bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


class SigningKey:
    """A private Ed25519 key that signs JSON documents."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @classmethod
    def generate(cls) -> SigningKey:
        """Make a fresh key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """Take a key from its 32 raw bytes. Raises ValueError on another length."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def load_or_create(cls, path: Path) -> SigningKey:
        """Read the key file (32 raw bytes), or make it, readable by its owner alone.

        Safe against two processes that start at once: the file appears whole, and the first one
        wins. Raises ValueError where the file holds something else.
        """
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f"{path.name}.{os.getpid()}")
            draft.touch(mode=0o600)
            draft.write_bytes(cls.generate().seed)
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return cls.from_seed(path.read_bytes())

    @property
    def seed(self) -> bytes:
        """The 32 raw bytes of the private key."""
        return self._private.private_bytes_raw()

    @property
    def public(self) -> str:
        """The public key, base64."""
        return base64.b64encode(self._private.public_key().public_bytes_raw()).decode()

    def sign(self, document: Any) -> str:
        """Sign the canonical form of a JSON document; base64."""
        return base64.b64encode(self.sign_bytes(canonical(document))).decode()

    def sign_bytes(self, content: bytes) -> bytes:
        """Sign raw bytes; the 64 raw bytes of the signature."""
        return self._private.sign(content)


def verify(public: str, document: Any, signature: str) -> bool:
    """Say whether `signature` over `document` was made with the private half of `public`."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        key.verify(base64.b64decode(signature, validate=True), canonical(document))
    except (InvalidSignature, ValueError):
        return False
    return True


def sign_document(document: Mapping[str, Any], key: SigningKey) -> dict[str, Any]:
    """Return the document with the public key of whoever signs it, and a signature over both."""
    named = {**document, "key": key.public}
    return {**named, "signature": key.sign(named)}


def verify_document(document: Mapping[str, Any], public: str | None = None) -> bool:
    """Say whether a document bears a good signature by `public`, or by the key that it names itself."""
    unsigned = {name: value for name, value in document.items() if name != "signature"}
    key = document.get("key") if public is None else public
    if "key" in document and document["key"] != key:
        return False
    return isinstance(key, str) and verify(key, unsigned, str(document.get("signature", "")))


def is_signed_by(document: Mapping[str, Any], keys: Collection[str]) -> bool:
    """Say whether a document bears a good signature by the one of these public keys that it names."""
    return document.get("key") in keys and verify_document(document)


def fingerprint(public: str) -> str:
    """Write the SHA-256 of a public key so that two people can compare it aloud: groups of eight hex digits."""
    text = hashlib.sha256(base64.b64decode(public)).hexdigest()
    return "SHA-256 " + " ".join(text[at : at + 8] for at in range(0, len(text), 8))
