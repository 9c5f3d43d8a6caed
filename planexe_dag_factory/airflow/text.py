"""Text of plans and agents on Airflow's own pages, which render Markdown: kept as the text it is."""

from __future__ import annotations

import re

_MARKS = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&:/@$^=\"'])")


def escape_markdown(text: str) -> str:
    """Return text that any Markdown renderer shows as it stands, on one line, without links."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))
