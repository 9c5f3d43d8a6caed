"""PlanExe's charts with the days on which things really happened.

PlanExe's schedule lets every step last a day at least, and lets no two steps of a package or phase run
side by side. So it lays the plan out by durations, and the dates are put into what it drew: its own
pages, its own rows.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from planexe_dag_factory.errors import PipelineError
from planexe_dag_factory.pipeline import folder as files
from planexe_dag_factory.pipeline.actuals import Bar
from planexe_dag_factory.pipeline.folder import PlanFolder

BRIEFEST = timedelta(minutes=1)
_DATA = re.compile(r"GANTT_DATA_DHTMLX\s*=\s*(?=\{)")
_FORMAT = 'gantt.config.date_format = "%Y-%m-%d"'
_ROW = re.compile(r"^(    .*:)(\d{4}-\d\d-\d\d), [0-9.]+d$", re.MULTILINE)
_TABLE = ("project_key", "project_start_date", "project_end_date", "project_progress")


@dataclass(frozen=True, slots=True)
class _Dated:
    start: datetime
    end: datetime
    share: float

    @property
    def shown_end(self) -> datetime:
        """The end as a chart needs it, which shows nothing of what took no time."""
        return max(self.end, self.start + BRIEFEST)


def put_dates(folder: PlanFolder, bars: Mapping[str, Bar]) -> int:
    """Put the dates into PlanExe's charts; return how many steps have theirs.

    Raises PipelineError where the charts are not as any PlanExe that is known here draws them.
    """
    page = folder.read_text(files.GANTT)
    found = _DATA.search(page)
    if found is None:
        raise PipelineError("PlanExe's Gantt chart holds no data that can be found")
    data, end = _read(page, found.end())
    dated = _dates(data["tasks"], bars)
    folder.write_text(files.GANTT, f"{page[: found.end()]}{_script(_with_dates(data, dated))}{_timed(page[end:])}")
    folder.write_text(
        files.GANTT_OVERVIEW,
        _overview(folder.read_text(files.GANTT_OVERVIEW), [one["id"] for one in data["tasks"]], dated),
    )
    folder.write_text(files.GANTT_TABLE, _table(folder.read_text(files.GANTT_TABLE), dated))
    return sum(task["id"] in bars for task in data["tasks"])


def script_of(folder: PlanFolder) -> str:
    """Return the data of the chart as it stands in its page, and so in the report that repeats it."""
    page = folder.read_text(files.GANTT)
    found = _DATA.search(page)
    if found is None:
        raise PipelineError("PlanExe's Gantt chart holds no data that can be found")
    return page[found.end() : _read(page, found.end())[1]]


def _read(page: str, start: int) -> tuple[dict[str, Any], int]:
    try:
        data, end = json.JSONDecoder().raw_decode(page, start)
        tasks = [task["id"] for task in data["tasks"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise PipelineError(f"the data of PlanExe's Gantt chart cannot be read: {error}") from error
    if not tasks:
        raise PipelineError("PlanExe's Gantt chart has no rows")
    return data, end


def _dates(tasks: list[dict[str, Any]], bars: Mapping[str, Bar]) -> Mapping[str, _Dated]:
    """Return the dates of every row: a step's own, and a package's from its first step to its last."""
    dated = {one["id"]: _Dated(bar.start, bar.end, bar.share) for one in tasks if (bar := bars.get(one["id"]))}
    below: dict[str, list[str]] = {}
    for task in tasks:
        below.setdefault(task.get("parent", ""), []).append(task["id"])
    for task in tasks:
        own = [dated[step] for step in _leaves(task["id"], below) if step in bars]
        if own and task["id"] not in bars:
            whole = sum((one.end - one.start).total_seconds() for one in own)
            done = sum((one.end - one.start).total_seconds() * one.share for one in own)
            dated[task["id"]] = _Dated(
                min(one.start for one in own), max(one.end for one in own), round(done / whole, 2) if whole else 1.0
            )
    return dated


def _leaves(task: str, below: Mapping[str, list[str]]) -> Iterator[str]:
    waiting, seen = [task], {task}
    while waiting:
        one = waiting.pop()
        children = [child for child in below.get(one, ()) if child not in seen]
        seen.update(children)
        waiting += children
        if not children:
            yield one


def _with_dates(data: dict[str, Any], dated: Mapping[str, _Dated]) -> dict[str, Any]:
    return {**data, "tasks": [_task(task, dated.get(task["id"])) for task in data["tasks"]]}


def _task(task: dict[str, Any], dated: _Dated | None) -> dict[str, Any]:
    if dated is None:
        return task
    kept = {name: value for name, value in task.items() if name not in ("start_date", "duration", "end_date")}
    dates = {"start_date": _minute(dated.start), "end_date": _minute(dated.shown_end)}
    return kept | {"progress": dated.share} | ({} if task.get("type") == "project" else dates)


def _script(data: Any) -> str:
    """Write JSON that cannot end the script that it stands in."""
    return json.dumps(data, indent=2).replace("<", "\\u003c")


def _timed(page: str) -> str:
    """Let the chart read the time of the day."""
    return page.replace(_FORMAT, _FORMAT.replace("%d", "%d %H:%i"))


def _overview(page: str, order: list[str], dated: Mapping[str, _Dated]) -> str:
    """Put the dates into the overview, whose rows have no ids but stand in the chart's order."""
    rows = list(_ROW.finditer(page))
    if len(rows) != len(order):
        raise PipelineError(f"PlanExe's two charts have {len(order)} and {len(rows)} rows")
    ids = iter(order)

    def row(match: re.Match[str]) -> str:
        known = dated.get(next(ids))
        if known is None:
            return match[0]
        mark = "done, " if known.share == 1 else "active, " if known.share else ""
        return f"{match[1]}{mark}{_minute(known.start)}, {_minute(known.shown_end)}"

    return _ROW.sub(row, page).replace("dateFormat  YYYY-MM-DD\n", "dateFormat  YYYY-MM-DD HH:mm\n")


def _table(text: str, dated: Mapping[str, _Dated]) -> str:
    reader = csv.DictReader(io.StringIO(text))
    names = reader.fieldnames or ()
    if not set(_TABLE) <= set(names):
        raise PipelineError(f"PlanExe's table of dates has no columns {', '.join(_TABLE)}")
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for row in reader:
        known = dated.get(row["project_key"])
        writer.writerow(row | dict(zip(_TABLE[1:], _cells(known), strict=True)) if known else row)
    return out.getvalue()


def _cells(dated: _Dated) -> tuple[str, str, str]:
    return _american(dated.start), _american(dated.end), f"{dated.share * 100:.0f}"


def _minute(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _american(moment: datetime) -> str:
    day = moment.astimezone(UTC)
    return f"{day.month}/{day.day}/{day.year}"
