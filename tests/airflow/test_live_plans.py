"""Plans that come, break, change and go, on a real Airflow."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.following import agreeable, drop, start, wait_for, wait_for_title
from tests.conftest import RunningStack

pytestmark = pytest.mark.airflow


def plan(plan_id: str, title: str, **more: Any) -> dict[str, Any]:
    return {"id": plan_id, "title": title, "steps": [{"id": "look", "title": "Look", "human_required": True}], **more}


def errors(stack: RunningStack, name: str) -> list[str]:
    return [error["stack_trace"] for error in stack.client.import_errors() if name in error["filename"]]


def test_a_broken_plan_says_so_heals_and_goes_and_disturbs_no_other(stack: RunningStack) -> None:
    good = drop(stack.plans_dir, plan("steady", "Steady"))
    broken = stack.plans_dir / "shaky.json"
    broken.write_text('{"id": "shaky", "title": "Shaky", "start": "2026-13-01",\n "steps": [{"id": "a"}]}')

    wait_for_title(stack.client, "steady", "Steady")
    (said,) = wait_for("the import error", lambda: errors(stack, "shaky.json"))
    assert "shaky.json: 2 problems" in said
    assert "line 1, $.start: '2026-13-01' is not a date (month 13)" in said
    assert "line 2, $.steps[0]" in said

    drop(stack.plans_dir, plan("shaky", "Mended"))
    wait_for_title(stack.client, "shaky", "Mended")
    wait_for("the error to go", lambda: not errors(stack, "shaky.json"))

    for path in (good, broken):
        path.unlink()
    wait_for(
        "the DAGs to go", lambda: all((stack.client.dag(i) or {}).get("is_stale", True) for i in ("steady", "shaky"))
    )


def test_a_run_ends_on_the_version_it_began_with(stack: RunningStack) -> None:
    before = plan("tides", "The old tides")
    drop(stack.plans_dir, before)
    run = start(stack.client, before)
    run.wait_for_ticket("look.human")

    after = plan("tides", "The new tides")
    after["steps"].append({"id": "write", "title": "Write it down", "human_required": True})
    drop(stack.plans_dir, after)
    wait_for_title(stack.client, "tides", "The new tides")
    (stack.plans_dir / "tides.json").write_text("{")
    wait_for("the import error", lambda: errors(stack, "tides.json"))

    assert run.to_the_end(agreeable) == "success"
    assert run.states() == {"look": "done"}
    assert run.record.read_json("plan.json")["title"] == "The old tides"

    drop(stack.plans_dir, after)
    wait_for("the error to go", lambda: not errors(stack, "tides.json"))
    following = start(stack.client, after)
    assert following.to_the_end(agreeable) == "success"
    assert following.states() == {"look": "done", "write": "done"}


def test_a_run_goes_on_though_its_version_was_removed_while_a_person_thought(stack: RunningStack) -> None:
    before = plan("reefs", "The old reefs")
    path = drop(stack.plans_dir, before)
    run = start(stack.client, before)
    run.wait_for_ticket("look.human")
    began = stack.client.get(f"/api/v2/dags/reefs/dagRuns/{run.run_id}")["bundle_version"]
    drop(stack.plans_dir, plan("reefs", "The new reefs"))
    wait_for_title(stack.client, "reefs", "The new reefs")
    version = stack.home.root / "bundles" / "planexe" / "versions" / began
    shutil.rmtree(version)  # as Airflow does where no task has started on it for six hours

    assert run.to_the_end(agreeable) == "success"
    assert version.is_dir()
    assert run.record.read_json("plan.json")["title"] == "The old reefs"
    path.unlink()


def test_a_policy_dropped_beside_a_plan_counts(stack: RunningStack, tmp_path: Path) -> None:
    (stack.plans_dir / "gated.policy.json").write_text('{"rules": [{"step": "look", "gate": "irreversible"}]}')
    gated = plan("gated", "Gated")
    drop(stack.plans_dir, gated)
    run = start(stack.client, gated, stack.login("operator"))
    assert run.to_the_end(agreeable) == "success"
    assert [ticket["kind"] for ticket in run.seen] == ["approval", "work"]
