"""Where the policy overlay of a plan lies."""

from __future__ import annotations

from pathlib import Path


def policy_path(source: Path) -> Path:
    """Return where the overlay of a plan lies: `<plan>.policy.json` beside it."""
    name = source.stem if source.suffix in {".json", ".zip"} else source.name
    return source.with_name(f"{name}.policy.json")
