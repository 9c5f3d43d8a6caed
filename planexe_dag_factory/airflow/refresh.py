"""A DAG of ours beside the plans': after each milestone it brings PlanExe's own report up to date.

A milestone says so as an asset event and goes on: nothing here can undo or delay it. While PlanExe
works no worker is held. See docs/adr/0015.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from airflow.sdk import DAG, BaseOperator, Connection, Context, Param
from airflow.sdk.bases.hook import BaseHook
from airflow.sdk.exceptions import AirflowFailException

from planexe_dag_factory.airflow.planexe import DAG_ID, MILESTONES, PlanExe, planexe
from planexe_dag_factory.airflow.refreshing import RefreshTrigger
from planexe_dag_factory.airflow.settings import open_execution, run_root
from planexe_dag_factory.airflow.upkeep import TAG
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.errors import PipelineError, PlanExeDagError, RecordError
from planexe_dag_factory.pipeline.recording import Attempt, record_failure, record_success
from planexe_dag_factory.pipeline.refresh import logs_of, prepare, take_in
from planexe_dag_factory.pipeline.state import read_freshness
from planexe_dag_factory.record.folder import RunFolder

RETRIES = 2
RETRY_DELAY_S = 60.0


class RefreshError(PlanExeDagError):
    """At least one report could not be brought up to date."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A milestone of a run (the name of its folder) whose report PlanExe is to make again."""

    run: str
    milestone: str

    @property
    def name(self) -> str:
        """Name the workplace of the refresh."""
        return f"{self.run}-{self.milestone}"


class RefreshOperator(BaseOperator):
    """Brings PlanExe's reports of the milestones up to date that were reached since it last ran, one by one."""

    template_fields: Sequence[str] = ()
    ui_color = "#e8eef7"

    def execute(self, context: Context) -> None:
        """Make the copies that PlanExe is to work in, and leave the rest to the triggerer."""
        configured = _configured()
        wanted = [one for one in _wanted(context) if self._is_due(one, context)]
        prepared = [one for one in wanted if self._prepare(one, configured, context)]
        if prepared:
            jobs = [{**asdict(one), "path": str(_find(one).root)} for one in prepared]
            failed = [asdict(one) for one in wanted if one not in prepared]
            self.defer(trigger=RefreshTrigger(jobs), method_name="made", kwargs={"failed": failed})
        self._end([one.milestone for one in wanted])

    def made(self, context: Context, event: Mapping[str, Any], failed: Sequence[Mapping[str, str]]) -> None:
        """Take in what PlanExe made. Raises RefreshError where any of it failed, which leads to a retry."""
        configured = _configured()
        lost = [one["milestone"] for one in failed]
        for told in event["ended"]:
            one = Wanted(told["run"], told["milestone"])
            if not self._take_in(one, told["error"], configured, context):
                lost.append(one.milestone)
        self._end(lost)

    def _is_due(self, one: Wanted, context: Context) -> bool:
        """Say whether a refresh is still to be made: a retry makes only what failed before."""
        known = read_freshness(_find(one), one.milestone)
        first = context["ti"].try_number == 1
        due = known is None or known.state == "failed" or (known.state == "fresh" and first)
        if not due:
            self.log.info("%s of %s: nothing to do. %s.", one.milestone, one.run, known)
        return due

    def _prepare(self, one: Wanted, configured: PlanExe, context: Context) -> bool:
        execution = open_execution(_find(one))
        try:
            _require_seal(execution.run, one.milestone)
            place = configured.place(one.name, _connection(configured))
            prepare(execution.run, one.milestone, place)
            self.log.info("PlanExe makes its report of %s again in %s", one.milestone, place.plan.path)
        except (PlanExeDagError, OSError) as error:
            self._failed(execution, one, str(error), {}, context)
            return False
        return True

    def _take_in(self, one: Wanted, error: str | None, configured: PlanExe, context: Context) -> bool:
        execution = open_execution(_find(one))
        place = configured.place(one.name, _connection(configured))
        try:
            if error:
                raise PipelineError(error)
            files = take_in(one.milestone, place)
            record_success(execution, one.milestone, files, _attempt(self, context))
        except (PlanExeDagError, OSError) as found:
            self._failed(execution, one, str(found), logs_of(one.milestone, place), context)
            return False
        finally:
            place.clear()
        self.log.info("PlanExe's report of %s holds the actual dates: %s", one.milestone, execution.run.root)
        return True

    def _failed(self, execution: Execution, one: Wanted, why: str, logs: Mapping[str, bytes], context: Context) -> None:
        self.log.warning("PlanExe's report of %s in %s: %s", one.milestone, one.run, why)
        record_failure(execution, one.milestone, why, logs, _attempt(self, context))

    def _end(self, lost: Sequence[str]) -> None:
        if lost:
            raise RefreshError(
                f"PlanExe's report could not be brought up to date at: {', '.join(lost)}; the log says why"
            )


def refresh_dag() -> DAG:
    """Build the DAG."""
    dag = DAG(
        dag_id=DAG_ID,
        dag_display_name="PlanExe: bring its own report up to date",
        description="After each milestone, PlanExe makes its charts and its report again with what really happened.",
        schedule=[MILESTONES],
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags=[TAG],
        params={
            "run": Param("", type="string", description="By hand: the name of a run folder"),
            "milestone": Param("", type="string", description="By hand: the id of a milestone that it has reached"),
        },
        doc_md=(
            "Runs by itself when a milestone is reached. To try one again, trigger it with the name of the run's "
            "folder and the id of the milestone. A red square is a report that is not up to date: nothing else fails."
        ),
        default_args={"owner": "planexe", "do_xcom_push": False},
    )
    RefreshOperator(task_id="refresh", retries=RETRIES, retry_delay=RETRY_DELAY_S, dag=dag)
    return dag


def _wanted(context: Context) -> list[Wanted]:
    """Return what is asked for, each once. Raises AirflowFailException where it names no milestone of a run."""
    asked = list(dict.fromkeys(_asked(context)))
    for one in asked:
        try:
            known = {each.id for each in open_execution(_find(one)).spec.milestones}
        except RecordError as error:
            raise AirflowFailException(str(error)) from error
        if one.milestone not in known:
            raise AirflowFailException(f"The run {one.run} has no milestone {one.milestone!r}.")
    return asked


def _asked(context: Context) -> Iterator[Wanted]:
    params = context["params"]
    if params.get("run") or params.get("milestone"):
        yield Wanted(str(params["run"]), str(params["milestone"]))
        return
    for event in context["triggering_asset_events"].get(MILESTONES, ()):
        yield Wanted(str(event.extra.get("run")), str(event.extra.get("milestone")))


def _find(one: Wanted) -> RunFolder:
    """Find a run below the run root. Raises AirflowFailException: a name from outside leads nowhere else."""
    run = run_root().below(one.run)
    if run is None or not run.exists("run.json"):
        raise AirflowFailException(f"There is no run of this name: {one.run!r}.")
    return run


def _configured() -> PlanExe:
    configured = planexe()
    if configured is None:
        raise AirflowFailException("No PlanExe is configured: see [planexe] planexe_home in docs/operators.md.")
    return configured


def _connection(configured: PlanExe) -> Connection | None:
    return BaseHook.get_connection(configured.conn_id) if configured.conn_id else None


def _require_seal(run: RunFolder, milestone: str) -> None:
    """Refuse a milestone that was not reached: one that was is sealed before it tells of itself."""
    if not run.exists("milestones", milestone, "manifest.json"):
        raise PipelineError(f"the milestone {milestone} was not sealed yet")


def _attempt(operator: BaseOperator, context: Context) -> Attempt:
    tries = (operator.retries or 0) + 1
    return Attempt((context["ti"].try_number - 1) % tries + 1, tries)
