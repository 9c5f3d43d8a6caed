"""How much is measured: everything, or little on a small machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.figures import Figure


@dataclass(frozen=True, slots=True)
class Scale:
    """How often each side is measured, and whether sizes are small (`quick`).

    A benchmark that takes long hands over to `keep` what it has found so far: it may be cut off.
    """

    rounds: int = 3
    quick: bool = False
    keep: Callable[[Sequence[Figure]], None] = field(default=lambda _: None)

    def of(self, full: int, quick: int) -> int:
        """Return a size."""
        return quick if self.quick else full
