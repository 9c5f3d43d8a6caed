"""How often an agent wants to be asked about work that takes its time."""

from __future__ import annotations

import asyncio
import time

import pytest
from planexe_agents.service.app import _answer, seconds_until_next
from planexe_agents.service.runs import Work

from tests.agents.serving import assignment


@pytest.mark.parametrize(
    ("age_s", "seconds"), [(0, 1), (5, 1), (19, 2), (100, 10), (299, 30), (3600, 30), (86_400, 30)]
)
def test_the_longer_work_takes_the_more_rarely_it_is_asked_for(age_s: float, seconds: int) -> None:
    assert seconds_until_next(age_s) == seconds


def test_work_of_an_hour_is_asked_for_some_150_times() -> None:
    age, asked = 0.0, 0
    while age < 3600:
        age += seconds_until_next(age)
        asked += 1
    assert 100 < asked < 160


def test_the_answer_says_so() -> None:
    work = Work("run", "digest", assignment("long"), since=time.monotonic() - 120)
    answer = asyncio.run(_answer(work, 0))
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "12")
