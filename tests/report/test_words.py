from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from planexe_dag_factory.report import words


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.0 s"), (0.44, "0.4 s"), (59, "59 s"), (60, "1 min"), (125, "2 min 5 s"),
        (3600, "1 h"), (7500, "2 h 5 min"), (90_000, "1 d 1 h"), (-1, "0.0 s"),
    ],
)  # fmt: skip
def test_durations_are_said_in_their_two_largest_units(seconds: float, said: str) -> None:
    assert words.lasting(seconds) == said


def test_times_are_said_in_utc() -> None:
    stockholm = timezone(timedelta(hours=2))
    assert words.moment(datetime(2026, 4, 1, 1, 5, tzinfo=stockholm)) == "31 Mar 2026, 23:05 UTC"
    assert words.moment(datetime(2026, 12, 9, 8, 0, tzinfo=UTC)) == "9 Dec 2026, 08:00 UTC"


@pytest.mark.parametrize(("count", "said"), [(1, "1 day"), (2.5, "2.5 days"), (0, "0 days"), (1.04, "1 day")])
def test_planned_days(count: float, said: str) -> None:
    assert words.days(count) == said


@pytest.mark.parametrize(
    ("parts", "said"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_parts_are_joined_as_people_do(parts: list[str], said: str) -> None:
    assert words.join(parts) == said


def test_what_hides_or_turns_text_is_shown() -> None:
    assert words.visible("a\u202eb\x00c\rd\ud800e\u2066\n\tf") == "a\ufffdb\ufffdc\ufffdd\ufffde\ufffd\n\tf"
    assert words.visible("schön 港 👩‍🔧") == "schön 港 👩‍🔧"


@pytest.mark.parametrize(
    ("passing", "said"),
    [
        ([], "whatever it says, a person looks"),
        ([[0.7, 1]], "its word is taken"),
        ([[0.84, 1]], "its word is taken from 0.84 to 1.00, where 0.70 is asked for"),
        ([[0.8, 0.86], [0.9, 0.94]], "its word is taken from 0.80 to 0.86 and 0.90 to 0.94, where 0.70 is asked for"),
    ],
)
def test_what_reviews_made_of_a_confidence(passing: list[list[float]], said: str) -> None:
    about = {"accepted": 4, "reviews": 7, "expected": 5.6, "threshold": 0.7, "passing": passing}
    told = "4 of 7 reviews accepted its work, where its own word made it 5.6"
    assert words.reviewed(about) == f"{told}; {said}"


@pytest.mark.parametrize(
    ("name", "said"),
    [("data_gathering", "data gathering"), ("scout", "scout"), ("Anna_B", "Anna_B"), ("a b_c", "a b_c")],
)
def test_ids_of_agents_are_said_as_words_and_names_stay(name: str, said: str) -> None:
    assert words.called(name) == said


@pytest.mark.parametrize(
    ("difference", "said"), [(0.4, "as planned"), (-24.3, "24 days before plan"), (1.2, "1 day after plan")]
)
def test_an_end_against_the_plan(difference: float, said: str) -> None:
    assert words.against_plan(difference) == said
