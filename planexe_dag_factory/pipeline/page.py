"""PlanExe's report as a page that needs no script: every section open, and the dates as a table.

PlanExe draws its charts with scripts from elsewhere, and its texts come from models. Our pages run none
of it; whoever wants the charts saves the report and opens it.
"""

from __future__ import annotations

import csv
import html
import io
import re

_STYLE = (
    "<style>.content{max-height:none!important;overflow:visible!important;display:block!important;padding:1px 20px}"
    ".collapsible{cursor:default!important}.collapsible:after{content:''!important}"
    ".mermaid,.gantt_container_with_controls{display:none!important}</style>"
)
_OVERVIEW = re.compile(r'<div class="mermaid">')
_COLUMNS = (
    ("project_name", "Task"),
    ("project_start_date", "From (month/day/year)"),
    ("project_end_date", "To"),
    ("project_progress", "Done (%)"),
)


def static_page(report: str, table: str) -> str:
    """Return the report for a frame without scripts; `table` is PlanExe's table of dates."""
    head, closed, body = report.partition("</head>")
    page = f"{head}{_STYLE}{closed}{body}" if closed else f"{_STYLE}{report}"
    dates = _dates(table)
    found = _OVERVIEW.search(page)
    return f"{page[: found.start()]}{dates}{page[found.start() :]}" if found else f"{page}{dates}"


def _dates(table: str) -> str:
    head = "".join(f"<th>{said}</th>" for _, said in _COLUMNS)
    rows = "".join(f"<tr>{_cells(row)}</tr>" for row in _rows(table))
    note = "PlanExe draws this as charts, with scripts that this page does not run. Save the report to see them."
    return f"<p><em>{note}</em></p><table><tr>{head}</tr>{rows}</table>"


def _cells(row: dict[str, str]) -> str:
    return "".join(f"<td>{html.escape(row.get(name) or '')}</td>" for name, _ in _COLUMNS)


def _rows(table: str) -> list[dict[str, str]]:
    try:
        return list(csv.DictReader(io.StringIO(table)))
    except csv.Error:
        return []
