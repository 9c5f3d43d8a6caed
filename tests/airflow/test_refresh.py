"""The task that brings PlanExe's own reports up to date, and what follows it, without a running Airflow."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from planexe_dag_factory.airflow import planexe as configured
from planexe_dag_factory.airflow.refresh import RefreshError, RefreshOperator, refresh_dag
from planexe_dag_factory.airflow.refreshing import RefreshTrigger
from planexe_dag_factory.airflow.versions import REFRESH
from planexe_dag_factory.cli.reports import report
from planexe_dag_factory.pipeline.folder import REPORT
from planexe_dag_factory.pipeline.recording import keep_plan
from planexe_dag_factory.pipeline.state import read_freshness, refreshed_file, refreshed_page, stale_reports
from planexe_dag_factory.record.events import read_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.keys import make_ring
from planexe_dag_factory.record.verify import verify_run
from planexe_dag_factory.ui.records import Record
from tests.pipeline.conftest import Reached, behave, reach_and_keep
from tests.pipeline.plans import EXAMPLE, STAND_IN, whole


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PlanExe that is configured, with a behaviour to give."""
    shutil.copytree(STAND_IN, tmp_path / "planexe")
    monkeypatch.setenv("PLANEXE_HOME", str(tmp_path / "planexe"))
    monkeypatch.setenv("PLANEXE_PYTHON", sys.executable)
    monkeypatch.setenv("AIRFLOW__PLANEXE__RUN_ROOT", str(tmp_path / "run"))
    monkeypatch.setenv("AIRFLOW__PLANEXE__KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("AIRFLOW__PLANEXE__PLANEXE_WORK", str(tmp_path / "work"))
    return tmp_path / "planexe"


@pytest.fixture
def reached(tmp_path: Path, home: Path) -> Reached:
    return reach_and_keep(whole(tmp_path / "harbour"), tmp_path, make_ring(tmp_path / "keys").current)


def leg(run: str, milestone: str, number: int = 1) -> Any:
    ti = SimpleNamespace(try_number=number)
    return {"ti": ti, "params": {"run": run, "milestone": milestone}, "triggering_asset_events": {}}


def refresh(reached: Reached, number: int = 1) -> None:
    """Go through the legs of one try, the trigger's too."""
    operator: Any = refresh_dag().get_task("refresh")
    context = leg(reached.run.name, reached.milestone, number)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context)
    _, kwargs = deferred.value.trigger.serialize()
    event = asyncio.run(fired(RefreshTrigger(**{**kwargs, "hold_s": 0})))
    operator.made(context, event, **(deferred.value.kwargs or {}))


async def fired(trigger: RefreshTrigger) -> Any:
    return await anext(aiter(event.payload async for event in trigger.run()))


def test_what_fails_is_shown_and_tried_again_and_undoes_nothing(
    reached: Reached, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = dict(reached.run.digests("milestones"))
    behave(home, "fail")
    with pytest.raises(RefreshError, match=reached.milestone):
        refresh(reached)
    told = read_freshness(reached.run, reached.milestone)
    assert told
    assert (told.state, told.attempt, told.attempts, told.gave_up) == ("failed", 1, 3, False)
    assert "no such model" in told.why
    assert report(reached.run.root, None, milestone="1", target=tmp_path / "out", as_json=False) == 0
    assert "could not be brought up to date (try 1 of 3)" in capsys.readouterr().out

    root = RunFolder(tmp_path / "run")
    assert [(run.name, milestone) for run, milestone, _ in stale_reports(root)] == [
        (reached.run.name, reached.milestone)
    ]

    (home / "behaviour.txt").unlink()
    refresh(reached, 2)
    assert not list(stale_reports(root))
    told = read_freshness(reached.run, reached.milestone)
    assert told
    assert (told.state, told.why) == ("fresh", "")
    actions = [event["action"] for event in read_events(reached.run, reached.milestone)]
    assert actions[-2:] == ["planexe-report-failed", "planexe-report-refreshed"]
    assert verify_run(reached.run).ok
    assert dict(reached.run.digests("milestones")) == before
    assert not list((tmp_path / "work").iterdir()), "nothing is left where PlanExe worked"


def test_its_page_opens_every_section_and_lists_the_dates_without_a_script(reached: Reached) -> None:
    refresh(reached)
    page = refreshed_page(reached.run, reached.milestone)
    assert page
    assert "max-height:none!important" in page
    start, _ = next(iter(reached.done.values()))
    assert f"<td>{start.month}/{start.day}/{start.year}</td>" in page
    record = Record(reached.run, reached.execution.spec)
    assert record.own_page(reached.milestone, whole=False) == page.encode()
    place = refreshed_file(reached.run, reached.milestone, REPORT)
    assert place
    assert record.own_page(reached.milestone, whole=True) == reached.run.read_bytes(*place)
    assert record.own_page("../run", whole=True) is None


def test_a_retry_makes_only_what_failed(reached: Reached) -> None:
    refresh(reached)
    operator: Any = refresh_dag().get_task("refresh")
    operator.execute(leg(reached.run.name, reached.milestone, 2))  # it does not defer: nothing is to be done


@pytest.mark.parametrize(
    ("run", "milestone", "said"),
    [
        ("../../etc", "x", "There is no run of this name"),
        ("", "../x", "There is no run"),
        (None, "../x", "no milestone"),
    ],
)
def test_a_request_leads_nowhere_but_to_a_milestone_of_a_run(
    reached: Reached, run: str | None, milestone: str, said: str
) -> None:
    operator = RefreshOperator(task_id="refresh")
    with pytest.raises(AirflowFailException, match=said):
        operator.execute(leg(reached.run.name if run is None else run, milestone))


def test_a_milestone_that_was_not_reached_has_no_report_to_bring_up_to_date(reached: Reached) -> None:
    last = reached.execution.spec.milestones[-1].id
    operator: Any = refresh_dag().get_task("refresh")
    with pytest.raises(RefreshError, match=last):
        operator.execute(leg(reached.run.name, last))
    told = read_freshness(reached.run, last)
    assert told
    assert told.why == f"the milestone {last} was not sealed yet"


@pytest.mark.parametrize("name", ["harbour.json", "wbs.json"])
def test_a_plan_without_a_run_folder_says_why_nothing_is_refreshed(reached: Reached, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    why = keep_plan(reached.execution, tmp_path / name)
    assert why == "the plan came as one JSON file, without the run folder that PlanExe made it in"
    told = read_freshness(reached.run, reached.milestone)
    assert told
    assert str(told).startswith("PlanExe's own report cannot be brought up to date: the plan came as one JSON file")
    assert verify_run(reached.run).ok


def test_a_run_folder_that_is_too_old_is_told_what_it_lacks(reached: Reached) -> None:
    why = keep_plan(reached.execution, EXAMPLE)
    assert why
    assert "lacks consolidate_assumptions_full.md, executive_summary_raw.json" in why


def test_without_a_planexe_nothing_is_told_and_there_is_no_dag(
    monkeypatch: pytest.MonkeyPatch, make_bundle: Any
) -> None:
    monkeypatch.delenv("PLANEXE_HOME", raising=False)
    assert configured.planexe() is None
    assert configured.load_refresh() == {}
    assert not (make_bundle().path / REFRESH).exists()


def test_with_one_there_is_a_dag_beside_the_plans(home: Path, make_bundle: Any) -> None:
    assert (make_bundle().path / REFRESH).exists()
    assert list(configured.load_refresh()) == ["planexe_own_report"]
    dag = refresh_dag()
    assert dag.tags == {"planexe-upkeep"}
    assert dag.max_active_runs == 1
