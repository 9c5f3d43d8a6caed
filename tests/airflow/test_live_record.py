"""The record of real runs: whole, gone back to, and aware of what people do to tasks in Airflow itself."""

import json
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from playwright.sync_api import expect

from planexe_dag_factory.record.events import RUN, read_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.keys import load_ring
from planexe_dag_factory.record.verify import Verification, verify_run
from planexe_dag_factory.stack.client import AirflowClient
from tests.airflow.following import Answer, Followed, agreeable, drop, start, wait_for
from tests.browsing import chromium
from tests.conftest import RunningStack
from tests.record.leaks import key_files, leaks
from tests.record.tampering import tamper

pytestmark = pytest.mark.airflow

PLAN = {
    "id": "live-record",
    "title": "Leave a record",
    "documents": [{"name": "tides.md", "text": "The port authority publishes the tide tables of the harbour."}],
    "phases": [{"id": "one", "title": "One"}, {"id": "two", "title": "Two"}],
    "steps": [
        {
            "id": "find",
            "title": "Find the tide tables of the harbour",
            "phase": "one",
            "action": "find_evidence",
            "confidence_threshold": 0.0,
            "impact": "irreversible",
        },
        {"id": "walk", "title": "Walk along the quay", "phase": "two", "human_required": True},
    ],
}


def verified(stack: RunningStack, run: Followed) -> Verification:
    return verify_run(run.record, load_ring(stack.home.keys).public)


def events(run: Followed, action: str) -> list[dict[str, Any]]:
    return [event for event in read_events(run.record) if event["action"] == action]


def secrets_of(stack: RunningStack) -> dict[str, bytes]:
    """Everything that this installation keeps to itself: keys, passwords, and what Airflow signs and encrypts with."""
    told = {
        f"{path.name}: {name}": str(value).encode()
        for path in (stack.home.secrets, stack.home.passwords)
        for name, value in json.loads(path.read_text()).items()
    }
    keys = key_files(stack.home.root)
    assert {"keys/orchestrator.key", "keys/operator.key"} < set(keys), "and those of the agents"
    assert len(told) >= 7
    return {**told, **keys}


def test_a_run_is_gone_back_to_and_both_records_hold(stack: RunningStack, tmp_path: Path) -> None:
    path = drop(stack.plans_dir, PLAN)
    run = start(stack.client, PLAN, starter=stack.login("operator"))
    assert run.to_the_end(agreeable) == "success"
    found = verified(stack, run)
    assert (found.problems, found.state, found.self_declared) == ((), "sealed", False)
    answered = events(run, "ticket-answered")[0]
    assert (answered["actor"]["id"], answered["actor"]["auth"], answered["witnessed"]) == (
        "admin",
        "SimpleAuthManager",
        True,
    )

    again = Followed(run.client, run.dag_id, _go_back(stack, run, "milestone-one"))
    again.wait_for_ticket("walk.human")
    _mark(again, "walk.human")
    assert again.to_the_end(_nobody_is_asked) == "success"
    assert [event["about"] for event in events(again, "step-taken-over")] == ["find"]
    assert not events(again, "assignment-sent")
    (marked,) = events(again, "marked-in-airflow")
    assert (marked["about"], marked["actor"]["id"], marked["details"]["state"]) == ("walk", "admin", "success")

    assert _clear(again, "milestone-one", stack.login("viewer")) == 403
    assert _clear(again, "milestone-one", stack.client) == 200
    (begun,) = wait_for("the task to begin again", lambda: events(again, "task-cleared"))
    (asked,) = events(again, "cleared-in-airflow")
    assert asked["details"]["tasks"] == ["milestone-one"]
    assert begun["actor"] == asked["actor"]
    assert (begun["actor"]["id"], begun["actor"]["auth"]) == ("admin", "SimpleAuthManager")
    assert again.to_the_end(_nobody_is_asked) == "success"
    for one in (run, again):
        assert [problem.message for problem in verified(stack, one).problems] == []
        assert leaks(one.record, secrets_of(stack)) == []
    assert events(run, "rolled-back")[0]["details"]["into"] == again.record.name
    _tamper_with_copies(stack, tmp_path, run, again)
    path.unlink()


def test_a_run_that_somebody_ends_in_airflow_says_who_did_and_its_record_is_whole(stack: RunningStack) -> None:
    plan = {**PLAN, "id": "live-ended", "title": "End before the end"}
    path = drop(stack.plans_dir, plan)
    run = start(stack.client, plan, starter=stack.login("operator"))
    run.wait_for_ticket("find.gate")
    address = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}"
    assert stack.client.request("PATCH", address, json={"state": "failed"}).status_code == 200
    (ended,) = wait_for("the end", lambda: events(run, "run-ended"))
    assert (ended["actor"]["id"], ended["actor"]["auth"]) == ("admin", "SimpleAuthManager")
    assert ended["details"]["problems"] == [
        "the run was marked as failed in Airflow by hand, before it had come to its end"
    ]
    assert wait_for("the seal", lambda: events(run, "run-sealed"))
    found = verified(stack, run)
    assert (found.problems, found.state) == ((), "sealed")

    cleared = {"dry_run": False, "only_failed": False}
    assert stack.client.request("POST", f"{address}/clear", json=cleared).status_code == 200
    wait_for("the run to go on", lambda: run.progress()["state"] == "running")
    assert run.to_the_end(agreeable) == "success"
    assert events(run, "run-ended")[-1]["details"] == {"state": "success", "problems": []}
    found = verified(stack, run)
    assert (found.problems, found.state) == ((), "sealed")
    record = run.record
    assert stack.client.request("DELETE", address).status_code == 204
    assert read_events(record, RUN)[-1]["details"] == {"state": "deleted"}
    path.unlink()


def _tamper_with_copies(stack: RunningStack, folder: Path, run: Followed, again: Followed) -> None:
    """Do 300 random things to the record that Airflow has left, beside that of the run that went on from it."""
    for one in (run, again):
        shutil.copytree(one.record.root, folder / one.record.name)
    root, keys = folder / run.record.name, load_ring(stack.home.keys).public
    assert verify_run(RunFolder(root), keys).problems == ()
    dice = random.Random(7)
    for number in range(300):
        deed, undo = tamper(root, dice)
        assert not verify_run(RunFolder(root), keys).ok, (number, deed)
        undo()
    assert verify_run(RunFolder(root), keys).problems == ()


def _nobody_is_asked(ticket: Mapping[str, Any]) -> Answer | None:
    assert ticket["task_id"] == "walk.human", "what was done before is not asked for again"
    return None


def _go_back(stack: RunningStack, run: Followed, milestone: str) -> str:
    """Go on from a milestone by the page of the run, as a person does; return the new run's id."""
    page_of = f"{stack.url}/planexe/runs/{run.dag_id}/{quote(run.run_id, safe='')}"
    with chromium() as browser:
        context = browser.new_context()
        context.add_cookies([{"name": "_token", "value": stack.token(), "url": stack.url}])
        page = context.new_page()
        page.goto(page_of)
        page.locator("#snapshots-summary").click()
        page.locator(f"#back-{milestone}").click()
        expect(page.get_by_role("dialog")).to_contain_text("Go on from One?")
        page.locator("#back-start").click()
        page.wait_for_url(lambda url: url != page_of)
        return unquote(page.url.rpartition("/")[2])


def _mark(run: Followed, task_id: str) -> None:
    path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}"
    assert run.client.request("PATCH", path, json={"new_state": "success"}).status_code == 200


def _clear(run: Followed, task_id: str, client: AirflowClient) -> int:
    body = {"dry_run": False, "dag_run_id": run.run_id, "task_ids": [task_id], "only_failed": False}
    return client.request("POST", f"/api/v2/dags/{run.dag_id}/clearTaskInstances", json=body).status_code
