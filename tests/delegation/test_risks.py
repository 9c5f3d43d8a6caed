"""Which risks of the register a ticket shows."""

from __future__ import annotations

from planexe_dag_factory.delegation.risks import risks_near

REGISTER = [
    {"area": "Financial", "description": "The price of the sensor nodes rises before the order."},
    {"area": "Operational", "description": "Volunteers drop out.", "action": "Train two for each quay."},
    {"area": "Permits", "description": "The authority asks for other drawings of the mounting."},
]


def test_a_step_shows_the_risks_it_shares_words_with_the_rarest_first() -> None:
    near = risks_near(REGISTER, "Train the volunteers at the quay to order sensors")
    assert [risk["area"] for risk in near] == ["Operational", "Financial"]


def test_one_word_in_common_is_not_enough() -> None:
    assert risks_near(REGISTER, "Order the tables") == []


def test_a_register_of_another_shape_is_no_fault() -> None:
    assert risks_near([{}, {"area": None, "description": 7}], "Order the sensor nodes") == []
