"""The table of gates in the documentation is the one that is applied; `UPDATE_GOLDEN=1` writes it anew."""

from __future__ import annotations

import os
from pathlib import Path

from planexe_dag_factory.routing.gate_rules import RULES
from planexe_dag_factory.routing.gate_table import gate_table

PAGE = Path(__file__).parents[2] / "docs" / "plans.md"
BEGIN, END = "<!-- the rules of gates -->\n", "<!-- end of the rules of gates -->"


def test_the_documentation_holds_the_rules_that_are_applied() -> None:
    before, rest = PAGE.read_text().split(BEGIN)
    table, after = rest.split(END)
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(before + BEGIN + gate_table() + END + after)
        table = gate_table()

    assert table == gate_table()


def test_every_rule_is_a_row_with_all_its_words() -> None:
    rows = [row for row in gate_table().splitlines() if row.startswith("| ")]

    for rule in RULES:
        words = f"{rule.acts} {rule.objects} {rule.things} {rule.unless}".split()
        assert any(
            row.startswith(f"| {rule.kind} | {rule.name} |") and all(word in row for word in words) for row in rows
        ), rule
