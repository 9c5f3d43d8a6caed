import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.bundles import base

from planexe_dag_factory.airflow.bundle import PlanBundle
from planexe_dag_factory.airflow.versions import Versions
from tests.airflow.conftest import PLAN
from tests.airflow.test_bundle import load, stubs, version

MakeBundle = Callable[..., PlanBundle]
DAY_S = 24 * 3600
ROUNDS = 20
PUT = Versions._put


@pytest.fixture(autouse=True)
def tracking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Airflow notes when a version was used last; it reads that setting on import."""
    folder = tmp_path / "bundles" / "_tracking"
    monkeypatch.setattr(base, "STALE_BUNDLE_TRACKING_FOLDER", folder)
    return folder


def edit(bundle: PlanBundle, plans: Path, title: str) -> str:
    (plans / "harbour.json").write_text(json.dumps({**PLAN, "title": title}))
    bundle.refresh()
    return version(bundle)


def contents(bundle: PlanBundle) -> dict[str, bytes]:
    return {str(path.relative_to(bundle.path)): path.read_bytes() for path in sorted(bundle.path.rglob("*.py"))}


def test_a_run_that_waited_for_a_person_finds_its_version_again_after_airflow_has_removed_it(
    make_bundle: MakeBundle, plans: Path, tracking: Path
) -> None:
    bundle = make_bundle()
    began, before = version(bundle), contents(bundle)
    (tracking / "planexe").mkdir(parents=True)
    used = [began] + [edit(bundle, plans, f"Edited {n}") for n in range(11)]
    for n, each in enumerate(used):
        at = datetime.now(UTC) - timedelta(hours=30 - n)
        (tracking / "planexe" / each).write_text(at.isoformat())  # as the task of a run does
    base.BundleUsageTrackingManager()._remove_stale_bundle_versions_for_bundle("planexe")
    assert not (bundle.versions_dir / began).exists()

    pinned = make_bundle(began)
    assert contents(pinned) == before
    assert load(pinned, "harbour.json.py").dag_display_name == PLAN["title"]


def test_a_version_of_which_something_is_gone_is_made_again_whole(make_bundle: MakeBundle, plans: Path) -> None:
    (plans / "second.json").write_text(json.dumps({**PLAN, "id": "second"}))
    bundle = make_bundle()
    (bundle.path / "second.json.py").unlink()  # Airflow was removing it, or died while it did
    assert load(make_bundle(version(bundle)), "second.json.py").dag_id == "second"
    shutil.rmtree(bundle.path)
    bundle.refresh()
    assert stubs(bundle) == ["harbour.json.py", "second.json.py"]
    assert [path.name for path in bundle.versions_dir.iterdir()] == [version(bundle)]


def begin_tasks(bundle: PlanBundle, barrier: Barrier, *, first: bool) -> None:
    """Start the task of a run whose version has just been removed, again and again, with others who do the same."""
    for _ in range(ROUNDS):
        barrier.wait(60)
        bundle.initialize()
        if not (bundle.path / "harbour.json.py").exists():
            os._exit(1)
        barrier.wait(60)
        if first:
            shutil.rmtree(bundle.path)


def test_processes_that_make_a_version_again_at_once_do_it_once_and_each_find_it_whole(
    make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = make_bundle(version(make_bundle()))
    shutil.rmtree(pinned.path)
    fork = multiprocessing.get_context("fork")
    barrier, made = fork.Barrier(4), fork.Value("i", 0)

    def put(versions: Versions, *told: Any) -> None:
        with made.get_lock():
            made.value += 1
        PUT(versions, *told)

    monkeypatch.setattr(Versions, "_put", put)
    processes = [fork.Process(target=begin_tasks, args=(pinned, barrier), kwargs={"first": n == 0}) for n in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 4
    assert made.value == ROUNDS
    assert list(pinned.versions_dir.iterdir()) == []


def date_back(bundle: PlanBundle, days: float) -> None:
    """Make all that is there look as if it had not been touched for so long."""
    then = time.time() - days * DAY_S
    for path in (*bundle.base_dir.glob("*/*"), *bundle.base_dir.glob("manifests/*")):
        os.utime(path, (then, then))


def there(bundle: PlanBundle) -> tuple[set[str], set[str], int]:
    """Name what is kept: manifests, versions, and how many stored plans."""
    manifests = {path.stem for path in bundle.base_dir.glob("manifests/*.json")}
    return manifests, {path.name for path in bundle.versions_dir.iterdir()}, len(list(bundle.base_dir.glob("plans/*")))


def test_what_was_not_in_use_for_long_is_removed_and_what_a_run_still_uses_is_not(
    make_bundle: MakeBundle, plans: Path, tracking: Path
) -> None:
    bundle = make_bundle()
    first = version(bundle)
    second = edit(bundle, plans, "Second")
    third = edit(bundle, plans, "Third")
    (tracking / "planexe").mkdir(parents=True)
    (tracking / "planexe" / first).touch()
    date_back(bundle, days=401)
    make_bundle(second)  # a task of a run starts on it
    fourth = edit(bundle, plans, "Fourth")
    assert there(bundle) == ({second, fourth}, {second, fourth}, 2)
    assert list((tracking / "planexe").iterdir()) == []  # else Airflow's own cleaning stumbles over it
    assert load(make_bundle(second), "harbour.json.py").dag_display_name == "Second"
    assert third not in there(bundle)[0]


def test_a_version_younger_than_the_setting_stays_and_so_does_the_plan_that_it_was_before(
    make_bundle: MakeBundle, plans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = make_bundle()
    load(bundle, "harbour.json.py")
    first = version(bundle)
    date_back(bundle, days=399)
    broken = edit(bundle, plans, "")
    assert there(bundle) == ({first, broken}, {first, broken}, 2)
    monkeypatch.setenv("AIRFLOW__PLANEXE__VERSIONS_DAYS", "30")
    date_back(bundle, days=31)
    mended = edit(bundle, plans, "Mended")
    assert there(bundle) == ({mended}, {mended}, 2)  # the plan it is, and the one it was when it last was a DAG
    assert load(bundle, "harbour.json.py").dag_display_name == "Mended"


def test_without_a_limit_nothing_is_removed(
    make_bundle: MakeBundle, plans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__PLANEXE__VERSIONS_DAYS", "0")
    bundle = make_bundle()
    first = version(bundle)
    date_back(bundle, days=4000)
    second = edit(bundle, plans, "Second")
    assert there(bundle) == ({first, second}, {first, second}, 2)


def test_no_plan_is_removed_while_a_manifest_cannot_be_read(make_bundle: MakeBundle, plans: Path) -> None:
    bundle = make_bundle()
    first = version(bundle)
    second = edit(bundle, plans, "Second")
    date_back(bundle, days=401)
    cut_off = bundle.base_dir / "manifests" / f"{first}.json"
    cut_off.write_text("{")
    Versions(bundle.base_dir, bundle.versions_dir).use(second)
    third = edit(bundle, plans, "Third")
    assert there(bundle) == ({first, second, third}, {first, second, third}, 3)
    assert load(make_bundle(first), "harbour.json.py").dag_id == "harbour"
