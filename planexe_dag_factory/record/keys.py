"""The orchestrator's own key: made once, and never again behind anybody's back."""

from __future__ import annotations

from pathlib import Path

from planexe_agents.signing import SigningKey

from planexe_dag_factory.errors import RecordError

KEY_FILE = "orchestrator.key"


def make_key(folder: Path) -> SigningKey:
    """Read the key, or make it where there is none yet. Call it when a stack or a run starts."""
    try:
        return SigningKey.load_or_create(folder / KEY_FILE)
    except (OSError, ValueError) as error:
        raise RecordError(f"the orchestrator's key {folder / KEY_FILE} cannot be used: {error}") from error


def load_key(folder: Path) -> SigningKey:
    """Read the key. Raises RecordError where it is lost: what was signed with it could not go on."""
    if not (folder / KEY_FILE).exists():
        raise RecordError(f"the orchestrator's key {folder / KEY_FILE} is lost; restore it from its backup")
    return make_key(folder)
