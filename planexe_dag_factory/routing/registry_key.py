"""The operator's key, which alone may change the registry: made once, and never again behind anybody's back.

<keys>/operator.key    private, 32 raw bytes, readable by its owner alone; needed where agents are registered
<keys>/operator.pub    public, base64; needed wherever Airflow parses plans or runs tasks
<keys>/operator.next   the next private key, while one takes the place of the other
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from planexe_agents.signing import SigningKey

from planexe_dag_factory.errors import Problem, RegistryError, Where
from planexe_dag_factory.routing.registry_checks import is_key

PRIVATE, PUBLIC, NEXT = "operator.key", "operator.pub", "operator.next"


def keys_beside(registry: Path) -> Path:
    """Return where the keys are unless somebody says otherwise."""
    return registry.parent / "keys"


def open_operator_key(keys: Path, registry: Path) -> SigningKey:
    """Read the operator's key; make it where there is neither a registry nor a public key yet.

    Raises RegistryError where the key is lost, is not that of the public key beside it, or is being changed.
    """
    if is_half_changed(keys):
        message = "the change of the operator's key was interrupted"
        raise _error(keys / NEXT, "half-changed-key", message, "finish it: planexe-dag agents rotate-key")
    return current_operator_key(keys, registry)


def current_operator_key(keys: Path, registry: Path) -> SigningKey:
    """Read the operator's key as `open_operator_key` does, in the middle of a change as well."""
    private, public = keys / PRIVATE, keys / PUBLIC
    if not private.exists() and (public.exists() or registry.exists()):
        raise _lost(private, registry)
    try:
        key = SigningKey.load_or_create(private)
        if not public.exists():
            public.write_text(key.public + "\n", encoding="ascii")
    except (OSError, ValueError) as error:
        raise _error(private, "bad-key", f"the operator's key cannot be used: {error}", "restore it") from error
    if find_operator(keys) != key.public:
        message = f"the operator's key is not the private half of {public}"
        raise _error(private, "foreign-key", message, "restore the two files from one backup")
    return key


def next_operator_key(keys: Path) -> SigningKey:
    """Make the operator's next key, or read the one that a change was interrupted with. Raises RegistryError."""
    try:
        return SigningKey.load_or_create(keys / NEXT)
    except (OSError, ValueError) as error:
        raise _error(
            keys / NEXT, "bad-key", f"the next key cannot be used: {error}", "remove it, and try again"
        ) from error


def is_half_changed(keys: Path) -> bool:
    return (keys / NEXT).exists()


def install_operator_key(keys: Path) -> str:
    """Put the next key in the place of the one before, which nothing needs any more, and return its public half."""
    key = next_operator_key(keys)
    for name, content, mode in ((PRIVATE, key.seed, 0o600), (PUBLIC, f"{key.public}\n".encode(), 0o644)):
        with NamedTemporaryFile(dir=keys, prefix=f".{name}.", delete=False) as draft:
            draft.write(content)
            os.fsync(draft.fileno())
            os.fchmod(draft.fileno(), mode)
        Path(draft.name).replace(keys / name)
    (keys / NEXT).unlink()
    return key.public


def find_operator(keys: Path) -> str | None:
    """Read the operator's public key; None where there is none. Raises RegistryError where it is no key."""
    public = keys / PUBLIC
    try:
        text = public.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _error(public, "bad-key", f"the operator's public key cannot be read: {error}", "restore it") from error
    if not is_key(text):
        raise _error(public, "bad-key", "this is no Ed25519 public key in base64", "restore it from its backup")
    return text


def trusted_operator(keys: Path) -> str:
    """Read the public key that registries must be signed with. Raises RegistryError where there is none."""
    found = find_operator(keys)
    if found is None:
        message = "the operator's public key is missing, so no registry can be trusted"
        hint = "copy operator.pub from where agents are registered; it lies beside operator.key"
        raise _error(keys / PUBLIC, "missing-key", message, hint)
    return found


def _lost(private: Path, registry: Path) -> RegistryError:
    message = "the operator's key is lost, and the registry cannot be changed without it"
    hint = (
        f"restore it from its backup, or name its folder with --keys; to begin anew, move {registry} and "
        f"{private.with_name(PUBLIC)} away and register every agent again"
    )
    return _error(private, "lost-key", message, hint)


def _error(path: Path, code: str, message: str, hint: str) -> RegistryError:
    return RegistryError(str(path), [Problem("error", code, message, Where(str(path)), hint)])
