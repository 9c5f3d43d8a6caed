from __future__ import annotations

import pytest

from planexe_dag_factory.routing.amounts import Amount, amounts, largest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("about $1.2 million in all", [Amount(1_200_000, "USD")]),
        ("€400k", [Amount(400_000, "EUR")]),
        ("USD 50,000 per year", [Amount(50_000, "USD")]),
        ("a budget of 2.5bn EUR", [Amount(2_500_000_000, "EUR")]),
        ("300 euros", [Amount(300, "EUR")]),
        ("£3 million then US$ 20", [Amount(3_000_000, "GBP"), Amount(20, "USD")]),
        ("from $5 to $7.50", [Amount(5, "USD"), Amount(7.5, "USD")]),
        ("EUR 9,600 for twelve nodes", [Amount(9_600, "EUR")]),
        ("DKK 1,234,567.89", [Amount(1_234_567.89, "DKK")]),
        ("15% of 2024, 30 people, 5 km", []),
        ("", []),
    ],
)
def test_amounts_are_read_with_their_currency_and_scale(text: str, expected: list[Amount]) -> None:
    assert list(amounts(text)) == expected


def test_the_largest_is_found_and_none_of_nothing() -> None:
    assert largest(amounts("$5, €7 and £6")) == Amount(7, "EUR")
    assert largest(()) is None
