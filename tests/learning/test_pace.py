"""How long work takes against the plan, by kinds of work."""

from math import exp, log
from pathlib import Path

import pytest
from planexe_agents.signing import SigningKey

from planexe_dag_factory.learning.durations import FOLDER, Duration, Durations
from planexe_dag_factory.learning.pace import EXTREME, Pace, Took, kind_of, paces
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.routing.model import HUMAN

KEY = SigningKey.generate()


def duration(number: int, days: float) -> Duration:
    return Duration(HUMAN, days, 2.0, "harbour", "run", f"step-{number}", f"2026-01-01T00:00:{number:02}.000000+00:00")


def test_of_three_that_took_twice_as_long_the_estimate_goes_half_of_the_way() -> None:
    assert paces([Took(HUMAN, 4, 2)] * 3) == {HUMAN: Pace(round(2**0.5, 4), 3)}


def test_one_that_is_far_off_moves_little_and_the_median_of_many_counts() -> None:
    (pace,) = paces([Took(HUMAN, 2, 2)] * 4 + [Took(HUMAN, 200, 2)]).values()
    assert pace == Pace(1.0, 5)


def test_what_is_a_million_times_faster_says_no_more_than_a_thousand_times() -> None:
    (pace,) = paces([Took("analysis.compare", 1e-6, 3)] * 9).values()
    assert pace.factor == pytest.approx(exp(9 / 12 * log(1 / EXTREME)), abs=1e-4)


def test_each_kind_of_work_is_for_itself() -> None:
    kinds = paces([Took(kind_of("analysis", "compare"), 1, 2), Took(kind_of("", None), 4, 2)])
    assert [(kind, pace.factor > 1) for kind, pace in kinds.items()] == [("analysis.compare", False), (HUMAN, True)]


def test_only_what_was_signed_here_counts_and_only_once(tmp_path: Path) -> None:
    kept = Durations.below(RunFolder(tmp_path), frozenset({KEY.public}))
    assert kept.paces() == {}
    kept.add(duration(1, 4), KEY)
    kept.add(duration(2, 4), SigningKey.generate())
    (first, _) = sorted((tmp_path / FOLDER).iterdir())
    (tmp_path / FOLDER / "20260101T000009000000+00000000.json").write_bytes(first.read_bytes())
    (tmp_path / FOLDER / "20260101T000008000000+00000000.json").write_text("[]")
    assert [pace.n for pace in kept.paces().values()] == [1]
