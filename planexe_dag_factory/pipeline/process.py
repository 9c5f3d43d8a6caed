"""PlanExe's pipeline as a process of its own, which outlives whoever started it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from planexe_dag_factory.errors import PipelineError
from planexe_dag_factory.pipeline import supervise
from planexe_dag_factory.pipeline.job import Ended, Stage, Workplace

MODULE = "worker_plan_internal.plan.run_plan_pipeline"
PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""All that PlanExe gets of the environment: no setting and no secret of Airflow is among it."""
LOG_BYTES = 1024 * 1024
FILE_BYTES = 256 * 1024 * 1024
FOLDER_BYTES = 1024 * 1024 * 1024
INTERPRETERS = ("worker_plan/.venv/bin/python", ".venv/bin/python")


@dataclass
class ProcessPipeline:
    """Runs `run_plan_pipeline` of the PlanExe in `home`, with that PlanExe's own interpreter.

    `model` is a model of PlanExe's own configuration, for what a plan lacks; without one none is asked.
    After `quiet` looks without a sign of life its machine is taken to have gone away. `grace_s` is the
    time that it gets to end when it is told to.
    """

    home: Path
    python: Path
    limit_s: float
    model: str | None = None
    quiet: int = 60
    grace_s: float = 5.0
    _pulses: dict[Path, tuple[object, int]] = field(default_factory=dict, init=False, repr=False)

    async def start(self, place: Workplace, stage: Stage) -> None:
        folder = place.stage(stage)
        where = self.home / "worker_plan"
        if not (where / "worker_plan_internal").is_dir():
            raise PipelineError(f"there is no PlanExe in {self.home}: it has no worker_plan/worker_plan_internal")
        folder.write(
            "job.json",
            {
                "command": [str(self.python), "-m", MODULE],
                "cwd": str(where),
                "env": self._environment(place),
                "folder": str(place.plan.path),
                "limit_s": self.limit_s,
                "grace_s": self.grace_s,
                "log_bytes": LOG_BYTES,
                "file_bytes": FILE_BYTES,
                "folder_bytes": FOLDER_BYTES,
            },
        )
        await asyncio.to_thread(_detach, folder.path)

    async def look(self, place: Workplace, stage: Stage) -> Ended | None:
        folder = place.stage(stage)
        ended = folder.read("ended.json")
        if ended is not None:
            return Ended(ended["code"], ended["why"])
        pulse = folder.read("pulse.json")
        known, silent = self._pulses.get(folder.path, (None, 0))
        self._pulses[folder.path] = (pulse, silent + 1 if pulse == known else 0)
        if silent >= self.quiet:
            await asyncio.to_thread(self._bury, place, stage)
            raise PipelineError("PlanExe's process is gone, and so is what watched it: were they killed?")
        return None

    async def stop(self, place: Workplace, stage: Stage) -> None:
        await asyncio.to_thread(self._bury, place, stage)

    def _bury(self, place: Workplace, stage: Stage) -> None:
        """End what is left of a stage on this machine: first who watches, who ends the rest; then the rest."""
        known = place.stage(stage).read("process.json") or {}
        if known.get("host") != os.uname().nodename:
            return
        for process in filter(None, (_find(**one) for one in known["processes"])):
            process.terminate()
            psutil.wait_procs([process], timeout=3 * self.grace_s)
            if process.is_running():
                process.kill()

    def _environment(self, place: Workplace) -> Mapping[str, str]:
        chosen = {"RUN_ID_DIR": str(place.plan.path), "PLANEXE_CONFIG_PATH": str(self.home), "PYTHONUNBUFFERED": "1"}
        return _passed() | chosen | ({"LLM_MODEL": self.model} if self.model else {})


def interpreter_of(home: Path, named: str) -> Path:
    """Return PlanExe's interpreter: the one that was named, else where its own manual puts it."""
    if named:
        return Path(named)
    found = (home / place for place in INTERPRETERS if (home / place).exists())
    return next(found, home / INTERPRETERS[0])


def _detach(folder: Path) -> None:
    """Start who watches a job, as nobody's child: no end of ours is its end."""
    command = [sys.executable, "-I", supervise.__file__, str(folder)]
    nothing = subprocess.DEVNULL
    subprocess.run(command, stdin=nothing, stdout=nothing, stderr=nothing, env=_passed(), check=True, timeout=60)


def _passed() -> dict[str, str]:
    return {name: os.environ[name] for name in PASSED if name in os.environ}


def _find(pid: int, started: float) -> psutil.Process | None:
    """Find a process by its id *and* its start, for ids are used again."""
    try:
        process = psutil.Process(pid)
        return process if abs(process.create_time() - started) < 1 else None
    except psutil.Error:
        return None
