"""Runs that were ended by hand in Airflow: their record says by whom, and is whole."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from planexe_dag_factory.airflow.starts import begin
from planexe_dag_factory.delegation.ended import close_by_hand, is_sealed, note_end, was_cut_short
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.delegation.lifecycle import end_run, seal, seal_run
from planexe_dag_factory.record.events import CLEARED_BY_HAND, RUN, read_events
from planexe_dag_factory.record.verify import verify_run
from tests.record.runs import ANNA, begun_run, finished_run, work

Mark = Any


@pytest.fixture
def execution(tmp_path: Path) -> Execution:
    """A run of which one step is done."""
    scene = begun_run(tmp_path, ({"confidence": 0.95},))
    work(scene, "survey")
    return scene.step.execution


def last(execution: Execution, action: str) -> dict[str, Any]:
    return [event for event in read_events(execution.run, RUN) if event["action"] == action][-1]


def context(attempt: int) -> Any:
    return cast(
        "Any",
        {
            "ti": SimpleNamespace(task_id="finish", try_number=attempt, max_tries=2),
            "task": SimpleNamespace(retries=2),
        },
    )


@pytest.mark.parametrize(
    ("state", "ended", "problems"),
    [
        ("failed", "failed", ["the run was marked as failed in Airflow by hand, before it had come to its end"]),
        ("deleted", "failed", ["the run was deleted in Airflow by hand, before it had come to its end"]),
        ("success", "success", []),
    ],
)
def test_a_run_that_somebody_ended_says_who_and_is_sealed(
    execution: Execution, state: Mark, ended: str, problems: list[str]
) -> None:
    note_end(execution, ANNA, state)
    close_by_hand(execution, state)
    end = last(execution, "run-ended")
    assert end["actor"] == ANNA.as_json()
    assert end["details"] == {"state": ended, "problems": problems, "cut_short": True}
    found = verify_run(execution.run, [execution.key.public])
    assert (found.problems, found.state) == ((), "sealed")


def test_where_nobody_knows_who_ended_it_the_record_names_nobody(execution: Execution) -> None:
    close_by_hand(execution, "failed")
    end = last(execution, "run-ended")
    assert end["actor"]["kind"] == "orchestrator"
    assert end["details"]["problems"] == ["Airflow ended the run before it had come to its end"]


def test_a_run_that_had_come_to_its_end_keeps_it(tmp_path: Path) -> None:
    execution = finished_run(tmp_path).step.execution
    note_end(execution, ANNA, "failed")
    close_by_hand(execution, "failed")
    assert last(execution, "run-ended")["details"] == {"state": "success", "problems": []}
    assert verify_run(execution.run, [execution.key.public]).problems == ()


def test_a_run_that_was_ended_and_cleared_goes_on_and_is_sealed_again(execution: Execution) -> None:
    note_end(execution, ANNA, "failed")
    close_by_hand(execution, "failed")
    execution.log(CLEARED_BY_HAND, RUN, ANNA, tasks=["next.human", "finish"])
    assert not is_sealed(execution.run)
    begin(execution, context(1), RUN)
    assert last(execution, "task-cleared")["actor"] == ANNA.as_json()
    assert execution.last_of(RUN, "run-sealed") is None
    assert not was_cut_short(execution.run)
    end_run(execution, [])
    seal(execution, None)
    seal_run(execution)
    assert last(execution, "run-ended")["details"] == {"state": "success", "problems": []}
    assert is_sealed(execution.run)
    assert verify_run(execution.run, [execution.key.public]).problems == ()


def test_the_end_of_a_run_that_nobody_cut_short_is_no_clear(tmp_path: Path) -> None:
    execution = finished_run(tmp_path).step.execution
    begin(execution, context(1), RUN)
    assert "task-cleared" not in [event["action"] for event in read_events(execution.run, RUN)]
