"""The pages and the rest of the product agree on which characters are not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from planexe_dag_factory.plan.text import replace_hidden

if TYPE_CHECKING:
    from tests.ui.conftest import Open

pytestmark = [pytest.mark.airflow, pytest.mark.browser]

NAMED = """async () => {
  const { visible } = await import(`${document.body.dataset.base}/static/dom.js`);
  const named = [];
  for (let point = 0; point < 0x110000; point++) {
    if (point >= 0xd800 && point < 0xe000) continue;
    const one = String.fromCodePoint(point);
    if (visible(`a${one}b`).includes("\\u27e8U+")) named.push(point);
  }
  return named;
}"""


def test_the_same_characters_are_named_on_pages_and_taken_out_elsewhere(visit: Open) -> None:
    named = visit("plans").evaluate(NAMED)
    every = (point for point in range(0x110000) if not 0xD800 <= point < 0xE000)
    assert named == [point for point in every if replace_hidden(f"a{chr(point)}b", "") == "ab"]
