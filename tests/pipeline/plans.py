"""Plans with all that PlanExe of today needs to go on with them: the example plan, whole or a corner of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "dags" / "examples" / "harbour_air_watch"
STAND_IN = Path(__file__).parent / "planexe"
WBS = "023-3-wbs_project_level1_and_level2_and_level3.json"


def whole(folder: Path) -> Path:
    """Copy the example plan with what a plan of today's PlanExe holds beside."""
    shutil.copytree(EXAMPLE, folder)
    risks = (folder / "003-2-identify_risks.md").read_text()
    (folder / "003-10-consolidate_assumptions_full.md").write_text(f"# Purpose\n\nAir.\n\n# Identify Risks\n\n{risks}")
    (folder / "025-1-executive_summary_raw.json").write_text(json.dumps({"focus_and_context": "The air."}))
    return folder


def corner(folder: Path, title: str) -> Path:
    """Copy two steps of the example plan, as a plan of its own."""
    draft = whole(folder.with_name(f".{folder.name}"))
    tree = json.loads((draft / WBS).read_text())
    root = tree["wbs_project"]
    root["description"] = title
    root["task_children"] = root["task_children"][:1]
    phase = root["task_children"][0]
    phase["task_children"] = phase["task_children"][:1]
    package = phase["task_children"][0]
    package["task_children"] = package["task_children"][:2]
    (draft / WBS).write_text(json.dumps(tree))
    (draft / "021-task_dependencies_raw.json").unlink()
    return draft.rename(folder)
