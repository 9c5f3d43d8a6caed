"""What became of outcomes in reviews, over all runs: one signed file each.

<run root>/reviews/<agent>/<time>+<action>+<mark>.json
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from planexe_agents.signing import SigningKey, digest

from planexe_dag_factory.learning.calibration import Judged
from planexe_dag_factory.learning.kept import Kept
from planexe_dag_factory.record.events import stamp_of
from planexe_dag_factory.record.folder import RunFolder

FOLDER = "reviews"
COUNTED = 50
"""The newest reviews of an action count: an agent may get better, and worse."""
NAME = re.compile(r"\d{8}T\d{12}\+([a-z0-9_]+)\+[0-9a-f]{8}\.json")


@dataclass(frozen=True, slots=True)
class Review:
    """What a person chose about an outcome, and how sure its agent was. `at` is when they were asked."""

    agent: str
    action: str
    confidence: float
    option: str
    plan: str
    run: str
    work_item: str
    by: Mapping[str, Any]
    at: str

    @property
    def accepted(self) -> bool:
        """Only what was good as it was: to correct, to have redone and to refuse all say that it was not."""
        return self.option == "Accept"


@dataclass(frozen=True, slots=True)
class Reviews:
    """The reviews below one run root."""

    kept: Kept

    @classmethod
    def below(cls, root: RunFolder, keys: frozenset[str]) -> Reviews:
        return cls(Kept.below(root, FOLDER, keys))

    def add(self, review: Review, key: SigningKey) -> None:
        """Keep a review; one that is recorded again is the same. Raises RecordError where it cannot be written."""
        mark = digest([review.run, review.work_item, review.at]).removeprefix("sha256:")[:8]
        self.kept.add(asdict(review), key, review.agent, f"{stamp_of(review.at)}+{review.action}+{mark}.json")

    def of(self, agent: str, action: str) -> tuple[Judged, ...]:
        """Return the newest reviews of an action, each once, oldest first."""
        matches = (NAME.fullmatch(name) for name in self.kept.names(agent))
        names = [match[0] for match in matches if match and match[1] == action]
        found = self.kept.read_each(Review, names[-COUNTED:], agent)
        ours = (one for one in found if (one.agent, one.action) == (agent, action))
        told = {(one.run, one.work_item, one.at): one for one in ours}
        return tuple(Judged(one.confidence, one.accepted) for one in told.values())
