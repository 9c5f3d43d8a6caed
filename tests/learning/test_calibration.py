"""What a confidence is worth after reviews: never more than was said, and less where people disagreed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planexe_dag_factory.learning.calibration import PRIOR, Judged, calibrate, passing

CLAIMS = st.floats(0, 1)
REVIEWS = st.lists(st.builds(Judged, CLAIMS, st.booleans()), max_size=30)


def judged(claim: float, accepted: int, refused: int) -> list[Judged]:
    return [Judged(claim, accepted=True)] * accepted + [Judged(claim, accepted=False)] * refused


@pytest.mark.parametrize(("accepted", "refused"), [(0, 1), (3, 3), (0, 20), (9, 1), (0, 0)])
def test_of_equal_claims_it_is_the_mean_of_the_beta_binomial_posterior(accepted: int, refused: int) -> None:
    posterior = (accepted + PRIOR * 0.8) / (accepted + refused + PRIOR)
    assert calibrate(0.8, judged(0.8, accepted, refused)).counts_as == pytest.approx(min(0.8, posterior), abs=1e-4)


@given(CLAIMS, REVIEWS)
def test_a_claim_never_counts_for_more_than_was_said(claim: float, reviews: list[Judged]) -> None:
    assert calibrate(claim, reviews).counts_as <= claim


@given(CLAIMS)
def test_without_reviews_nothing_changes(claim: float) -> None:
    told = calibrate(claim, ())
    assert told.counts_as == claim
    assert told.reviews == 0
    assert not told.lowered


@given(CLAIMS, REVIEWS, CLAIMS)
def test_a_refusal_never_raises_what_a_claim_counts_as(claim: float, reviews: list[Judged], refused: float) -> None:
    after = calibrate(claim, [*reviews, Judged(refused, accepted=False)])
    assert after.counts_as <= calibrate(claim, reviews).counts_as


def test_easy_steps_of_which_little_was_claimed_make_up_for_no_refusal() -> None:
    refused = judged(0.9, 0, 6)
    easy = judged(0.3, 100, 0)
    before = calibrate(0.9, refused).counts_as
    assert calibrate(0.9, [*refused, *easy]).counts_as == before < 0.7


def test_who_was_refused_does_not_get_around_it_by_claiming_more() -> None:
    assert calibrate(0.99, judged(0.8, 0, 20)).counts_as < 0.5


def test_who_is_right_as_often_as_it_says_keeps_its_word() -> None:
    assert calibrate(0.8, judged(0.8, 16, 4)).counts_as == 0.8


@pytest.mark.parametrize(
    ("reviews", "least"), [((), 0.7), (judged(0.8, 16, 4), 0.7), (judged(0.8, 0, 6), None), (judged(0.8, 4, 3), 0.84)]
)
def test_the_least_claim_that_passes(reviews: list[Judged], least: float | None) -> None:
    assert next((claim for claim, _ in passing(0.7, reviews)), None) == least


def test_a_higher_claim_may_pass_less_and_the_ranges_say_so() -> None:
    reviews = [*judged(0.8, 10, 0), *judged(0.97, 0, 4)]
    ranges = passing(0.7, reviews)
    assert ranges == ((0.8, 0.9),)
    for number in range(101):
        claim = number / 100
        passes = calibrate(claim, reviews).counts_as >= 0.7
        assert passes == any(least <= claim <= most for least, most in ranges)
