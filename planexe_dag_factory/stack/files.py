"""Files that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path
from tempfile import NamedTemporaryFile


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically; only its owner may read it."""
    with NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8") as draft:
        draft.write(text)  # the mode of a temporary file is 0600
    Path(draft.name).replace(path)
