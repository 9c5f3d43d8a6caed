"""How much is measured: everything, or little on a small machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """How often each side is measured, and whether sizes are small (`quick`)."""

    rounds: int = 3
    quick: bool = False

    def of(self, full: int, quick: int) -> int:
        """Return a size."""
        return quick if self.quick else full
