"""Whole expected outputs, beside the tests."""

from __future__ import annotations

import os
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def same_as_golden(name: str, text: str) -> None:
    """Compare with the file, or write it where PLANEXE_UPDATE_GOLDEN is set."""
    path = GOLDEN / name
    if os.environ.get("PLANEXE_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")
