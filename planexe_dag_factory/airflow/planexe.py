"""Which PlanExe brings its own reports up to date, from Airflow's configuration, and how it hears of a milestone.

Every task of a plan imports this: what only a refresh needs is imported where it is needed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.configuration import conf
from airflow.sdk import DAG, Asset, AssetAlias, Connection, Context, get_parsing_context

from planexe_dag_factory.airflow.settings import SECTION, airflow_home
from planexe_dag_factory.errors import PipelineError
from planexe_dag_factory.record.folder import RunFolder

if TYPE_CHECKING:
    from planexe_dag_factory.pipeline.job import Pipeline, Workplace

DAG_ID = "planexe_own_report"
MILESTONES = Asset("planexe-milestone", uri="planexe://milestone")
REACHED = AssetAlias("planexe-milestone-reached")
"""Through it a milestone tells `MILESTONES` only where PlanExe has a plan to go on with."""
PACKED = ("planexe", "plan.zip")
MINUTES = 60.0
RUN_DIR = "run_dir"
"""The name, in the extra of the connection, of the worker service's run folder as our machines see it."""


@dataclass(frozen=True, slots=True)
class PlanExe:
    """A PlanExe that is configured: in the folder `home`, or behind the Airflow connection `conn_id`."""

    home: str
    conn_id: str
    python: str
    work: Path
    limit_s: float
    model: str | None

    def pipeline(self, connection: Connection | None) -> Pipeline:
        """Return what runs it. Raises PipelineError where the connection does not say where it is."""
        if connection is None:
            from planexe_dag_factory.pipeline.process import ProcessPipeline, interpreter_of  # noqa: PLC0415 - see above

            home = Path(self.home).expanduser()
            return ProcessPipeline(home, interpreter_of(home, self.python), self.limit_s, self.model)
        from planexe_dag_factory.pipeline.service import ServicePipeline  # noqa: PLC0415 - see above

        if not connection.host:
            raise PipelineError(f"the Airflow connection {self.conn_id!r} names no host")
        return ServicePipeline(_url(connection), self.limit_s, connection.password or None, self.model)

    def place(self, name: str, connection: Connection | None) -> Workplace:
        """Return where a refresh is made. Raises PipelineError where the service shares no folder."""
        from planexe_dag_factory.pipeline.job import Workplace  # noqa: PLC0415 - see above

        if connection is None:
            return Workplace.of(name, self.work, None)
        shared = connection.extra_dejson.get(RUN_DIR)
        if not shared:
            raise PipelineError(
                f"the extra of the Airflow connection {self.conn_id!r} has no {RUN_DIR!r}: "
                "the run folder of PlanExe's worker service, as this machine sees it"
            )
        return Workplace.of(name, self.work, Path(shared))


def planexe() -> PlanExe | None:
    """Return the PlanExe that is configured; None where none is."""
    home = _setting("home", os.environ.get("PLANEXE_HOME", ""))
    conn_id = _setting("conn_id", "")
    if not home and not conn_id:
        return None
    return PlanExe(
        home=home,
        conn_id=conn_id,
        python=_setting("python", os.environ.get("PLANEXE_PYTHON", "")),
        work=Path(_setting("work", str(airflow_home() / "planexe-work"))),
        limit_s=60 * conf.getfloat(SECTION, "planexe_minutes", fallback=MINUTES),
        model=_setting("model", "") or None,
    )


def tell_reached(context: Context, run: RunFolder, milestone: str) -> None:
    """Tell that a milestone was reached, where PlanExe has a plan to go on with."""
    if planexe() and run.exists(*PACKED):
        context["outlet_events"][REACHED].add(MILESTONES, extra={"run": run.name, "milestone": milestone})


def load_refresh() -> dict[str, DAG]:
    """Build the DAG of the refreshes by its id where a PlanExe is configured and no other DAG's task starts here."""
    if get_parsing_context().dag_id not in (None, DAG_ID) or planexe() is None:
        return {}
    from planexe_dag_factory.airflow.refresh import refresh_dag  # noqa: PLC0415 - see above

    return {DAG_ID: refresh_dag()}


def _setting(name: str, fallback: str) -> str:
    value: str = conf.get(SECTION, f"planexe_{name}", fallback=fallback)
    return value.strip()


def _url(connection: Connection) -> str:
    host = connection.host or ""
    if "://" in host:
        return host
    port = f":{connection.port}" if connection.port else ""
    return f"{connection.schema or 'http'}://{host}{port}"
