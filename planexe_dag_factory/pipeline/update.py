"""A copy of a plan's run folder, brought up to date in the formats that PlanExe reads.

What a stage of PlanExe's pipeline reads is written anew here, and what it made of the old is removed:
PlanExe finds the work undone and does it again, with no model asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from planexe_dag_factory.errors import PipelineError
from planexe_dag_factory.pipeline import folder as files
from planexe_dag_factory.pipeline import telling
from planexe_dag_factory.pipeline.actuals import Bar
from planexe_dag_factory.pipeline.folder import PlanFolder
from planexe_dag_factory.report.model import RunStatus

STALE = (*files.CHARTS, files.REPORT, files.COMPLETE, *files.LITTER)
"""What is removed before PlanExe runs."""
ROOT = "wbs_project"


def bring_up_to_date(folder: PlanFolder, status: RunStatus, bars: Mapping[str, Bar]) -> None:
    """Write actual dates, durations, risks and an executive summary into a plan's folder, and remove what is stale.

    Raises PipelineError where the folder is not one that PlanExe can go on with.
    """
    tree = _tree(folder)
    folder.write_json(files.START, _start(status))
    folder.write_json(files.DURATIONS, _durations(folder.read_json(files.DURATIONS), tree[ROOT], bars))
    _annotate(tree[ROOT], bars)
    folder.write_json(files.WBS, tree)
    _tell_risks(folder, status)
    _rewrite(folder, files.SUMMARY, lambda said: telling.summary_of(said, status))
    folder.write_text(files.SUMMARY_TEXT, telling.summary_text(folder.read_text(files.SUMMARY_TEXT), status))
    folder.remove(STALE)


def _tree(folder: PlanFolder) -> dict[str, Any]:
    tree = folder.read_json(files.WBS)
    if not isinstance(tree, dict) or not isinstance(tree.get(ROOT), dict):
        raise PipelineError(f"the file that ends in {files.WBS!r} has no {ROOT!r}")
    return tree


def _start(status: RunStatus) -> dict[str, str]:
    """Say since when the plan is carried out: the first day of PlanExe's schedule."""
    at = status.started_at.strftime("%Y-%m-%dT%H:%M:%S")
    return {"server_iso_utc": f"{at}Z", "server_iso_local": f"{at}+00:00", "server_timezone_name": "UTC"}


def _durations(known: Any, root: dict[str, Any], bars: Mapping[str, Bar]) -> list[dict[str, Any]]:
    """Estimate every step by what it took or will take; what is above lasts as long as what is in it.

    PlanExe shares out among the steps what a package takes longer than they do: so it takes no longer.
    """
    before = {one["task_id"]: one for one in known if isinstance(one, dict) and "task_id" in one}
    lasts: dict[str, int] = {}
    _lasting(root, bars, lasts)
    return [
        {"delay_risks": "", "mitigation_strategy": ""}
        | before.get(task, {})
        | {"task_id": task, "days_min": days, "days_max": days, "days_realistic": days}
        for task, days in lasts.items()
    ]


def _lasting(task: Mapping[str, Any], bars: Mapping[str, Bar], lasts: dict[str, int]) -> int:
    children = _children(task)
    bar = bars.get(str(task.get("id")))
    days = sum(_lasting(child, bars, lasts) for child in children) if children else bar.whole_days if bar else 1
    lasts[str(task.get("id"))] = days
    return days


def _annotate(task: dict[str, Any], bars: Mapping[str, Bar]) -> None:
    """Put in front of what a step's tooltip says when it was or will be carried out, and by whom."""
    bar = bars.get(str(task.get("id")))
    if bar and not _children(task):
        extra = task.get("extra_fields") if isinstance(task.get("extra_fields"), dict) else {}
        said = str(extra.get("detailed_description") or "") if extra else ""
        task["extra_fields"] = {**(extra or {}), "detailed_description": f"{bar.note}\n\n{said}".rstrip()}
    for child in _children(task):
        _annotate(child, bars)


def _children(task: Mapping[str, Any]) -> list[dict[str, Any]]:
    children = task.get("task_children")
    return [child for child in children if isinstance(child, dict)] if isinstance(children, list) else []


def _tell_risks(folder: PlanFolder, status: RunStatus) -> None:
    """Write the register as it is now, as data and as text, and the text where the assumptions repeat it."""
    before = folder.read_text(files.RISKS_TEXT)
    register = telling.risks_of(folder.read_json(files.RISKS), status)
    now = telling.risks_text(register)
    folder.write_json(files.RISKS, register)
    folder.write_text(files.RISKS_TEXT, now)
    assumed = folder.read_text(files.ASSUMPTIONS_TEXT)
    folder.write_text(files.ASSUMPTIONS_TEXT, assumed.replace(before, now) if before.strip() else assumed)


def _rewrite(folder: PlanFolder, words: str, change: Callable[[Any], Any]) -> None:
    folder.write_json(words, change(folder.read_json(words)))
