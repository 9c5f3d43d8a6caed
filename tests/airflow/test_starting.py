"""The first task of a run, tried again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from planexe_dag_factory.airflow.operators import StartRunOperator
from planexe_dag_factory.delegation.lifecycle import INPUTS
from planexe_dag_factory.record.events import RUN, read_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.verify import verify_run
from tests.record.runs import begun_run


def test_its_second_try_is_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__PLANEXE__RUN_ROOT", str(tmp_path / "runs"))
    monkeypatch.setenv("AIRFLOW__PLANEXE__KEYS", str(tmp_path / "keys"))
    old = begun_run(tmp_path / "scene").step.execution.run
    inputs = {name: old.read_bytes(name) for name in INPUTS}
    operator = StartRunOperator(task_id="start", inputs=inputs, plan_id="harbour", retries=2)
    for attempt in (1, 2, 3):
        folder = operator.execute(context(operator, attempt))
    run = RunFolder(folder)
    said = [event for event in read_events(run, RUN) if event["action"] == "task-retried"]
    assert [event["details"] for event in said] == [{"task": "start", "attempt": attempt} for attempt in (2, 3)]
    assert [event["action"] for event in read_events(run, RUN)].count("run-started") == 1
    assert verify_run(run).problems == ()


def context(operator: StartRunOperator, attempt: int) -> Any:
    dag_run = SimpleNamespace(
        dag_id="harbour",
        run_id="run-1",
        run_after=datetime(2026, 1, 1, tzinfo=UTC),
        conf={},
        triggering_user_name="ann",
    )
    task = SimpleNamespace(
        dag_id="harbour",
        run_id="run-1",
        task_id="start",
        try_number=attempt,
        max_tries=2,
        get_ti_count=lambda **_: 0,
    )
    return cast("Any", {"dag_run": dag_run, "ti": task, "task": operator})
