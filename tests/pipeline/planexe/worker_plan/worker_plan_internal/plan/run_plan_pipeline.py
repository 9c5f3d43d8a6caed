"""A stand-in for the interface of PlanExe's pipeline: its environment, its files, what it does again, how it ends.

`behaviour.txt` in the folder that PLANEXE_CONFIG_PATH names says how it behaves; without one it works.
Like PlanExe it makes only what is not there, needs a model for all but the schedule and the report, and
ends with 0 where one of its stages fails.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

EXPECTED = (
    "001-1-start_time.json",
    "022-2-task_durations.json",
    "023-3-wbs_project_level1_and_level2_and_level3.json",
    "025-2-executive_summary.md",
    "026-1-schedule_gantt_mermaid.html",
    "026-2-schedule_gantt_dhtmlx.html",
    "026-3-schedule_gantt_machai.csv",
    "030-report.html",
    "999-pipeline_complete.txt",
)
PAGE = """<html><head></head><body><!--HTML_BODY_CONTENT_START--><div id="gantt_here"></div>
<script type="module">
    const GANTT_DATA_DHTMLX = %s;
    gantt.config.date_format = "%%Y-%%m-%%d";
</script><!--HTML_BODY_CONTENT_END--></body></html>"""
OVERVIEW = """<div class="mermaid">
gantt
    dateFormat  YYYY-MM-DD
    axisFormat  %%d %%b
    section 0
%s
</div>"""


def main() -> None:
    folder = Path(os.environ["RUN_ID_DIR"])
    told = Path(os.environ["PLANEXE_CONFIG_PATH"], "behaviour.txt")
    behaviour = told.read_text().strip() if told.exists() else ""
    expected = [*EXPECTED, *(["029-1-self_audit_raw.json"] if behaviour == "newer" else [])]
    (folder / "expected_filenames1.json").write_text(json.dumps(expected))
    with (folder / "log.txt").open("a") as log:
        log.write(f"begins with {json.dumps(dict(os.environ))}\n")
    misbehave(behaviour, folder)
    made = [stage.__name__ for names, stage in STAGES if any(not (folder / name).exists() for name in names)]
    for _, stage in [one for one in STAGES if one[1].__name__ in made]:
        stage(folder)
    say(f"{len(made)} ran successfully: {made}")
    if behaviour == "link":
        link(folder / "030-report.html")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def misbehave(behaviour: str, folder: Path) -> None:
    if behaviour == "fail":
        say("Failed to setup pipeline: no such model")
        sys.exit(1)
    if behaviour == "garbage":
        for name in ("026-1-schedule_gantt_mermaid.html", "026-2-schedule_gantt_dhtmlx.html", "030-report.html"):
            (folder / name).write_bytes(b"\xff\x00 no page at all")
        (folder / "026-3-schedule_gantt_machai.csv").write_text("a,b\n")
    if behaviour in ("hang", "newer", "stubborn"):
        if behaviour == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            Path(folder, "child.txt").write_text(str(os.getpid()))
        time.sleep(600)
    if behaviour == "flood":
        line = b"x" * 1023 + b"\n"
        for _ in range(1024):
            sys.stdout.buffer.write(line * 1024)


def link(page: Path) -> None:
    page.rename(page.with_name("kept.html"))
    page.symlink_to("/etc/passwd")


def create_schedule(folder: Path) -> None:
    """Lay the tree out as PlanExe does: one after the other, whole days, and at least one each."""
    root = json.loads((folder / EXPECTED[2]).read_text())["wbs_project"]
    durations = json.loads((folder / EXPECTED[1]).read_text())
    days = {one["task_id"]: max(1, one["days_realistic"]) for one in durations}
    start = datetime.fromisoformat(json.loads((folder / EXPECTED[0]).read_text())["server_iso_utc"])
    rows = list(lay_out(root, None, start, days))
    tasks = [task for task, _ in rows]
    (folder / EXPECTED[5]).write_text(PAGE % json.dumps({"tasks": tasks, "links": []}, indent=2))
    lines = "\n".join(f"    {task['text']} :{begin:%Y-%m-%d}, {length}d" for task, (begin, length) in rows)
    (folder / EXPECTED[4]).write_text(OVERVIEW % lines)
    with (folder / EXPECTED[6]).open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["project_key", "project_name", "project_start_date", "project_end_date", "project_progress"])
        for task, (begin, length) in rows:
            end = begin + timedelta(days=length)
            writer.writerow([task["id"], task["text"], f"{begin:%m/%d/%Y}", f"{end:%m/%d/%Y}", "0"])


def lay_out(task: dict[str, Any], parent: str | None, start: datetime, days: dict[str, int]) -> Any:
    children = task.get("task_children", [])
    told: list[Any] = []
    at = start
    for child in children:
        below = list(lay_out(child, task["id"], at, days))
        at += timedelta(days=below[0][1][1])
        told += below
    length = (at - start).days if children else days.get(task["id"], 1)
    row: dict[str, Any] = {"id": task["id"], "text": task["description"], "progress": 0}
    row |= {"parent": parent} if parent else {}
    tooltip = task.get("extra_fields", {}).get("detailed_description", "")
    dates = {"start_date": f"{start:%Y-%m-%d}", "duration": float(length), "custom_tooltip": tooltip}
    row |= {"type": "project"} if children else dates
    return [(row, (start, length)), *told]


def report(folder: Path) -> None:
    parts = [(folder / name).read_text() for name in (EXPECTED[3], EXPECTED[4], EXPECTED[5])]
    (folder / EXPECTED[7]).write_text(f"<html><head></head><body>{''.join(parts)}</body></html>")


def complete(folder: Path) -> None:
    (folder / EXPECTED[8]).write_text("Full pipeline executed successfully.\n")


STAGES = ((EXPECTED[4:7], create_schedule), (EXPECTED[7:8], report), (EXPECTED[8:], complete))

if __name__ == "__main__":
    main()
