"""Text of plans and agents on Airflow's own pages, which render Markdown: kept as the text it is."""

from __future__ import annotations

_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]()<>#+-.!|~&:/@$^=\"'"})


def escape_markdown(text: str) -> str:
    """Return text that any Markdown renderer shows as it stands, on one line, without links."""
    return " ".join(text.split()).translate(_MARKS)
