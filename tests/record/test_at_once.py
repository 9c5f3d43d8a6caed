"""Many who write at once, and one who is killed while it writes."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from planexe_agents.signing import canonical

from planexe_dag_factory.record.events import list_events
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.verify import verify_run
from tests.record.writer import begin

CHECKOUT = Path(__file__).parents[2]


def writer(run: RunFolder, seed: int, count: int, *more: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "tests.record.writer", run.root, str(seed), str(count), *more]
    paths = os.pathsep.join((str(CHECKOUT), str(CHECKOUT / "agents")))
    return subprocess.Popen(words, cwd=CHECKOUT, env={**os.environ, "PYTHONPATH": paths})


def test_ten_processes_write_ten_thousand_events_at_once(tmp_path: Path) -> None:
    run = begin(tmp_path / "run")
    writers = [writer(run, seed, 1000) for seed in range(10)]
    assert [one.wait() for one in writers] == [0] * 10
    found = verify_run(run)
    assert (found.problems, len(found.events)) == ((), 10_001)
    gone = list_events(run, "step-7")[123]
    run.remove(*gone.segments)
    assert not verify_run(run).ok


def test_a_writer_that_is_killed_leaves_whole_files_and_what_is_missing_is_named(tmp_path: Path) -> None:
    run, dice = begin(tmp_path / "run"), random.Random(7)
    root = Path(run.root)
    for seed in range(6):
        before = len(list_events(run))
        process = writer(run, seed, 100_000, "files")
        while len(list_events(run)) < before + 5:
            time.sleep(0.01)
        time.sleep(dice.random() / 5)
        process.send_signal(signal.SIGKILL)
        process.wait()
        files = {path: content for path, content in run.contents() if not Path(path).name.startswith(".")}
        assert all(canonical(json.loads(content)) == content for content in files.values())
        spoken = {path for file in list_events(run) for path in json.loads(files[file.path])["digests"]}
        missing = {path for path in spoken if not (root / path).exists()}
        problems = verify_run(run).problems
        assert {str(one.where.file) for one in problems if one.severity == "error"} == missing
        assert {one.code for one in problems if one.severity == "warning"} <= {"unfinished"}
