"""PlanExe's report brought up to date: what it is given, what is checked, and what becomes of one that misbehaves."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from planexe_dag_factory.errors import PipelineError
from planexe_dag_factory.pipeline import folder as files
from planexe_dag_factory.pipeline.folder import PlanFolder
from planexe_dag_factory.pipeline.job import Workplace
from planexe_dag_factory.pipeline.process import LOG_BYTES, ProcessPipeline
from planexe_dag_factory.pipeline.refresh import carry_on, prepare, take_in
from tests.pipeline.conftest import Reached, behave, reach_and_keep
from tests.pipeline.plans import STAND_IN, whole


async def soon(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.1))


def refresh(reached: Reached, place: Workplace, pipeline: ProcessPipeline) -> dict[str, bytes]:
    prepare(reached.run, reached.milestone, place)
    asyncio.run(carry_on(reached.run, reached.milestone, place, pipeline, soon))
    return take_in(reached.milestone, place)


def named(taken: dict[str, bytes], words: str) -> str:
    return next(content.decode() for path, content in taken.items() if path.endswith(f"-{words}"))


def gantt_of(page: str) -> dict[str, dict[str, Any]]:
    data = json.JSONDecoder().raw_decode(page, page.index("{", page.index("GANTT_DATA_DHTMLX")))[0]
    return {task["id"]: task for task in data["tasks"]}


def minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")


def digests(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@dataclass(frozen=True)
class Refreshed:
    """A refresh that went well, and what it was made from."""

    reached: Reached
    place: Workplace
    taken: dict[str, bytes]
    before: dict[str, bytes]


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Refreshed:
    folder = tmp_path_factory.mktemp("refreshed")
    source = whole(folder / "harbour_air_watch")
    before = digests(source)
    reached = reach_and_keep(source, folder)
    place = Workplace.of("run-milestone", folder / "work", None)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIRFLOW__CORE__FERNET_KEY", "very-secret")
        environment.setenv("OPENAI_API_KEY", "very-secret")
        taken = refresh(reached, place, ProcessPipeline(STAND_IN, Path(sys.executable), limit_s=60, quiet=600))
    return Refreshed(reached, place, taken, before)


def test_the_gantt_and_the_report_hold_the_actual_dates(refreshed: Refreshed) -> None:
    reached, taken = refreshed.reached, refreshed.taken
    ids = reached.source_ids()
    for words in (files.GANTT, files.REPORT):
        rows = gantt_of(named(taken, words))
        for step, (start, end) in reached.done.items():
            if step in ids:
                row = rows[ids[step]]
                assert (row["start_date"], row["end_date"], row["progress"]) == (minute(start), minute(end), 1.0)
    assert digests(reached.source) == refreshed.before
    waiting = [row for row in gantt_of(named(taken, files.GANTT)).values() if row["progress"] == 0]
    assert all(
        row["start_date"] >= minute(max(end for _, end in reached.done.values()))
        for row in waiting
        if "start_date" in row
    )


def test_the_other_charts_hold_them_too(refreshed: Refreshed) -> None:
    taken = refreshed.taken
    (step, (start, end)), *_ = refreshed.reached.done.items()
    day = f"{start.month}/{start.day}/{start.year},{end.month}/{end.day}/{end.year},100"
    assert f"{refreshed.reached.source_ids()[step]}," in named(taken, files.GANTT_TABLE)
    assert day in named(taken, files.GANTT_TABLE)
    assert f":done, {minute(start)}, {minute(end)}" in named(taken, files.GANTT_OVERVIEW)
    assert "dateFormat  YYYY-MM-DD HH:mm" in named(taken, files.GANTT_OVERVIEW)


def test_planexe_is_given_dates_durations_risks_and_a_summary(refreshed: Refreshed) -> None:
    reached, taken = refreshed.reached, refreshed.taken
    assert reached.run.read_json("run.json")["started_at"][:19] in named(taken, files.START)
    lasts = {one["task_id"]: one["days_realistic"] for one in json.loads(named(taken, files.DURATIONS))}
    ids = reached.source_ids()
    assert {lasts[ids[step]] for step in reached.done if step in ids} == {1}
    tree = json.loads(named(taken, files.WBS))["wbs_project"]
    assert lasts[tree["id"]] == sum(lasts[one["id"]] for one in tree["task_children"])
    assert "How the plan stands on" in named(taken, files.SUMMARY_TEXT)
    assert "How the plan stands on" in named(taken, files.REPORT)
    assert json.loads(named(taken, files.SUMMARY))["focus_and_context"].endswith("The air.")
    assert "As of" in json.loads(named(taken, files.RISKS))["risk_assessment_summary"]
    assert named(taken, files.RISKS_TEXT) in named(taken, files.ASSUMPTIONS_TEXT)


def test_what_people_wrote_is_text_on_planexes_pages(refreshed: Refreshed) -> None:
    for words in (files.REPORT, files.SUMMARY_TEXT, files.GANTT):
        assert "<script>alert" not in named(refreshed.taken, words)
    assert "](https" not in named(refreshed.taken, files.SUMMARY_TEXT)


def test_no_secret_of_airflow_reaches_planexe(refreshed: Refreshed) -> None:
    said = (refreshed.place.plan.path / "log.txt").read_text()
    assert "RUN_ID_DIR" in said
    assert "very-secret" not in said
    assert "PYTHONPATH" not in said


def test_only_what_is_stale_is_made_again(refreshed: Refreshed) -> None:
    assert "['create_schedule', 'report', 'complete']" in refreshed.place.stage("schedule").log()
    assert "['report', 'complete']" in refreshed.place.stage("report").log()


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ("fail", "PlanExe ended with 1; it said last: Failed to setup pipeline: no such model"),
        ("garbage", "cannot be read"),
        ("link", "PlanExe made no report.html"),
        ("newer", "another version of PlanExe made this plan: 1 files are missing"),
    ],
)
def test_a_pipeline_that_misbehaves_is_said_to(
    reached: Reached, place: Workplace, pipeline: ProcessPipeline, home: Path, behaviour: str, said: str
) -> None:
    behave(home, behaviour)
    with pytest.raises(PipelineError, match=said.replace("[", r"\[")):
        refresh(reached, place, pipeline)
    assert nobody_left(place)


@pytest.mark.parametrize("behaviour", ["hang", "stubborn"])
def test_one_that_hangs_is_killed_with_all_it_started(
    reached: Reached, place: Workplace, pipeline: ProcessPipeline, home: Path, behaviour: str
) -> None:
    behave(home, behaviour)
    with pytest.raises(PipelineError, match="it took longer than"):
        refresh(reached, place, replace(pipeline, limit_s=1))
    assert nobody_left(place)
    assert is_over(int((place.plan.path / "child.txt").read_text()))


def test_a_gigabyte_of_output_is_capped(
    reached: Reached, place: Workplace, pipeline: ProcessPipeline, home: Path
) -> None:
    behave(home, "flood")
    taken = refresh(reached, place, pipeline)
    logs = {path: content for path, content in taken.items() if path.endswith("-log.txt")}
    assert len(logs) == 2
    for content in logs.values():
        assert len(content) <= LOG_BYTES + 64 * 1024
        assert b"bytes left out" in content
        assert b"ran successfully" in content[-500:]


def test_who_takes_over_goes_on_with_the_process_that_runs(
    reached: Reached, place: Workplace, pipeline: ProcessPipeline, home: Path
) -> None:
    behave(home, "hang")
    prepare(reached.run, reached.milestone, place)
    watch = carry_on(reached.run, reached.milestone, place, pipeline, soon)
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(watch, 2))
    first = running(place)
    assert first is not None
    (home / "behaviour.txt").unlink()
    psutil.Process(first["pid"]).kill()
    again = replace(pipeline)
    with pytest.raises(PipelineError, match="PlanExe ended with -9"):
        asyncio.run(carry_on(reached.run, reached.milestone, place, again, soon))
    assert refresh(reached, place, again)


def test_a_process_that_nobody_watches_any_more_is_given_up(
    reached: Reached, place: Workplace, pipeline: ProcessPipeline, home: Path
) -> None:
    behave(home, "hang")
    prepare(reached.run, reached.milestone, place)
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(carry_on(reached.run, reached.milestone, place, pipeline, soon), 2))
    watcher, process = (place.stage("schedule").read("process.json") or {})["processes"]
    psutil.Process(watcher["pid"]).kill()
    with pytest.raises(PipelineError, match="were they killed"):
        asyncio.run(carry_on(reached.run, reached.milestone, place, replace(pipeline, quiet=20), soon))
    assert is_over(process["pid"])


def test_a_folder_without_planexe_is_named(reached: Reached, place: Workplace, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="there is no PlanExe in"):
        refresh(reached, place, ProcessPipeline(tmp_path, Path("python"), limit_s=5))


def test_an_interpreter_that_is_not_there_is_said_to_be(
    reached: Reached, place: Workplace, pipeline: ProcessPipeline
) -> None:
    with pytest.raises(PipelineError, match="it cannot be started"):
        refresh(reached, place, replace(pipeline, python=Path("/no/such/python")))


def test_files_of_a_folder_are_found_by_words_and_links_are_not_followed(tmp_path: Path) -> None:
    for name in ("9-report.html", "30-report.html", "030-report.htm"):
        (tmp_path / name).write_text(name)
    (tmp_path / "99-report.html").symlink_to("/etc/passwd")
    found = PlanFolder(tmp_path).find(files.REPORT)
    assert found
    assert found.name == "30-report.html"


def running(place: Workplace) -> dict[str, int] | None:
    """Return the process of the first stage."""
    known = place.stage("schedule").read("process.json")
    return known["processes"][1] if known else None


def is_over(pid: int) -> bool:
    """Say whether a process has ended, whether anybody took note or not."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def nobody_left(place: Workplace) -> bool:
    """Say whether nothing goes on in a workplace."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        left = [
            one for one in psutil.process_iter(["cmdline"]) if str(place.root) in " ".join(one.info["cmdline"] or ())
        ]
        if not [one for one in left if one.pid != os.getpid()]:
            return True
        time.sleep(0.1)
    return False
