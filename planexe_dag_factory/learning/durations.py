"""How long steps took, over all runs: one signed file each.

<run root>/durations/<time>+<mark>.json

The plan's own estimates stay where they are: in each run's plan.json and dagspec.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from planexe_agents.signing import SigningKey, digest

from planexe_dag_factory.learning.kept import Kept
from planexe_dag_factory.learning.pace import Pace, Took, paces
from planexe_dag_factory.record.events import stamp_of
from planexe_dag_factory.record.folder import RunFolder

FOLDER = "durations"
COUNTED = 500
"""The newest count."""


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a step took from when somebody was asked to do it until it was done, and was planned to, in days."""

    kind: str
    days: float
    planned: float
    plan: str
    run: str
    work_item: str
    at: str


@dataclass(frozen=True, slots=True)
class Durations:
    """The durations below one run root."""

    kept: Kept

    @classmethod
    def below(cls, root: RunFolder, keys: frozenset[str]) -> Durations:
        return cls(Kept.below(root, FOLDER, keys))

    def add(self, duration: Duration, key: SigningKey) -> None:
        """Keep how long a step took. Raises RecordError where it cannot be written."""
        mark = digest([duration.run, duration.work_item, duration.at]).removeprefix("sha256:")[:8]
        self.kept.add(asdict(duration), key, f"{stamp_of(duration.at)}+{mark}.json")

    def paces(self) -> Mapping[str, Pace]:
        """Return the pace of every kind of work, from the newest durations."""
        found = self.kept.read_each(Duration, self.kept.names()[-COUNTED:])
        told = {(one.run, one.work_item, one.at): one for one in found}
        return paces(Took(one.kind, one.days, one.planned) for one in told.values())
