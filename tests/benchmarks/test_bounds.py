"""No benchmark waits for ever, and one that is cut off has kept what it found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from benchmarks import __main__ as command
from benchmarks import inbox, runs, waiting, workers
from benchmarks.figures import Figure
from benchmarks.scale import Scale


def test_an_index_that_is_never_full_ends_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "FILL_S", 0)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"unread": 7}))
    client = httpx.Client(base_url="http://airflow", transport=transport)
    with client, pytest.raises(SystemExit, match="7 tickets were not in the index after 0 s"):
        inbox.fill(client)


def test_a_scheduler_that_does_not_go_round_ends_the_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "loops.txt"
    process: Any = SimpleNamespace(poll=lambda: None)
    monkeypatch.setattr(waiting, "LOOP_S", 0)
    log.write_text("1.5\n0.2")
    assert waiting._loops(log) == (1.5,), "a line that is cut off is none"
    waiting._await_loops(process, log, 1)
    with pytest.raises(SystemExit, match="did not go round 2 times within 0 s"):
        waiting._await_loops(process, log, 2)


def test_runs_in_which_nobody_was_asked_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def measured(*_: object) -> Iterator[None]:
        yield

    monkeypatch.setattr(runs, "measured", measured)
    monkeypatch.setattr(runs, "RUN_S", 0)
    client = SimpleNamespace(trigger=lambda dag_id: f"run of {dag_id}")
    bench: Any = SimpleNamespace(client=client, await_dags=lambda _: None, processes={}, slots=dict)
    side: Any = SimpleNamespace(dag_ids=("one", "two"), answer=lambda *_: {}, after="last")
    with pytest.raises(SystemExit, match=r"nobody was asked for 0 s in 2 of 2 runs: .'one run of one'"):
        runs._run(bench, side, 1)


def test_what_was_found_is_kept_after_each_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def with_workers(_: Path, count: int, *__: int) -> Figure:
        if count > 1:
            raise KeyboardInterrupt
        return Figure(f"{count} workers", "", ((1.0,),))

    monkeypatch.setattr(workers, "_with_workers", with_workers)
    monkeypatch.setattr(workers, "drop", lambda *_: None)
    monkeypatch.setattr("sys.argv", ["benchmarks", "workers", "--results", str(tmp_path)])
    with pytest.raises(KeyboardInterrupt):
        command.main()
    assert [figure["name"] for figure in json.loads((tmp_path / "workers.json").read_text())["figures"]] == [
        "1 workers"
    ]


def test_by_default_nothing_is_kept() -> None:
    Scale().keep([])
