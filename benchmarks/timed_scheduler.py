"""Child process of the benchmarks: Airflow's scheduler, which also writes down how long each loop takes.

    python -m benchmarks.timed_scheduler LOG

Writes a line of seconds for each time that it looks through the runs.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from airflow.__main__ import main
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner


def write_times(log: Path) -> None:
    look = SchedulerJobRunner._do_scheduling  # noqa: SLF001 - Airflow tells it to a metrics server alone

    def timed(self: SchedulerJobRunner, session: Any) -> int:
        start = time.perf_counter()
        found = look(self, session)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{time.perf_counter() - start:.6f}\n")
        return found

    SchedulerJobRunner._do_scheduling = timed  # type: ignore[method-assign]  # noqa: SLF001


if __name__ == "__main__":
    write_times(Path(sys.argv[1]))
    sys.argv = ["airflow", "scheduler", "--skip-serve-logs"]
    main()  # type: ignore[no-untyped-call]
