"""The registry that the benchmarks compile with: the one of the package, as a file."""

from __future__ import annotations

import json
from pathlib import Path

from planexe_dag_factory.routing.registry import dump_registry, load_registry


def write_registry(folder: Path) -> str:
    """Write the registry into a folder, always with the same bytes; return its path."""
    path = folder / "registry.json"
    path.write_text(json.dumps(dump_registry(load_registry(None)), sort_keys=True), encoding="utf-8")
    return str(path)
