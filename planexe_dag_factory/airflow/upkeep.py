"""A DAG of ours beside the plans': are the registered agents still who they were, and do they answer?

One task an agent, so that its squares in the grid are its history, one for the registry file, and one that closes the
records of runs which ended in Airflow without their last task. Parsing reads the registry file alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from airflow.sdk import DAG, BaseOperator, Context, get_parsing_context
from airflow.sdk.exceptions import AirflowFailException, AirflowRuntimeError, AirflowSkipException
from planexe_agents.signing import fingerprint

from planexe_dag_factory.airflow.callbacks import report_end
from planexe_dag_factory.airflow.render import BEGINNING
from planexe_dag_factory.airflow.settings import (
    keys_folder,
    open_execution,
    registry,
    registry_path,
    run_root,
    upkeep_schedule,
)
from planexe_dag_factory.delegation.ended import end_by_hand, find_mark, is_sealed, was_cut_short
from planexe_dag_factory.delegation.lifecycle import FINAL
from planexe_dag_factory.errors import PlanExeDagError, RecordError, RegistryError
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.routing.model import Agent
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.routing.registry_file import RegistryFile
from planexe_dag_factory.routing.registry_key import trusted_operator

DAG_ID = "planexe_agents_health"
TAG = "planexe-upkeep"
"""Not the tag of plans: their pages do not show this DAG."""

RETRIES = 2
RETRY_DELAY_S = 30.0
"""An agent that is started again just now is no news."""


class AgentUnwellError(PlanExeDagError):
    """An agent that does not answer now."""


class RegistryCheckOperator(BaseOperator):
    """Fails where the registry file is not as its operator signed it, its history included."""

    ui_color = "#e8eef7"

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow passes it
        path = registry_path()
        if path is None:
            raise AirflowSkipException("No registry file is there: plans are compiled for the agents of the package.")
        try:
            known = load_registry(path, operator=trusted_operator(keys_folder()))
        except RegistryError as error:
            raise AirflowFailException(str(error)) from error
        names = ", ".join(agent.id for agent in known.agents) or "nobody"
        self.log.info("%s is as its operator signed it. Registered: %s", path, names)


class AgentCheckOperator(BaseOperator):
    """Fails where an agent does not answer, or shows another key, other actions or other schemas than registered."""

    template_fields: Sequence[str] = ()
    ui_color = "#dff3e4"

    def __init__(self, *, agent: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.agent = agent

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow passes it
        from planexe_dag_factory.airflow.reaching import check_registered  # noqa: PLC0415 - parsing needs no client

        try:
            found = [agent for agent in _registered() if agent.id == self.agent]
        except RegistryError as error:
            raise AirflowFailException(str(error)) from error
        if not found:
            raise AirflowSkipException(f"{self.agent} is not registered any more.")
        (health,) = check_registered(found)
        if health.state == "unreachable":
            raise AgentUnwellError(f"{self.agent} does not answer: {'; '.join(health.drift)}")
        if health.state == "changed":
            raise AirflowFailException(_remedy(self.agent, health.drift))
        self.log.info("%s answers, with the key, the actions and the schemas that are registered", self.agent)


class ClosingOperator(BaseOperator):
    """Ends, seals and reports the runs that Airflow has ended and whose record was not closed: by hand, say."""

    template_fields: Sequence[str] = ()
    ui_color = "#e8eef7"

    def execute(self, context: Context) -> None:
        root = run_root()
        for name in root.names():
            try:
                self._look_at(root.at(name), context["ti"])
            except RecordError as error:
                self.log.warning("%s is left as it is: %s", name, error)

    def _look_at(self, run: RunFolder, ti: Any) -> None:
        state = _state_of(run, ti) if _is_unfinished(run) else None
        if state in ("success", "failed", "deleted"):
            execution = open_execution(run)
            end_by_hand(execution, state)
            report_end(execution)
            self.log.info("%s was over in Airflow (%s), and is closed now", run.name, state)


def _is_unfinished(run: RunFolder) -> bool:
    """Say whether a record has no seal, or no report because the run was cut short."""
    if not run.exists("run.json"):
        return False
    return not is_sealed(run) or (not run.exists(FINAL, "report.html") and was_cut_short(run))


def _state_of(run: RunFolder, ti: Any) -> str | None:
    """Ask Airflow for the state of a run; `deleted` where the record says so of one that Airflow does not know."""
    about = run.read_json("run.json")
    try:
        return str(ti.get_dagrun_state(dag_id=about["dag_id"], run_id=about["run_id"]))
    except AirflowRuntimeError:
        mark = find_mark(run)
        return "deleted" if mark and mark["details"]["state"] == "deleted" else None


def agents_dag() -> DAG:
    """Build the DAG for the agents that are registered now; for the registry alone where that cannot be read."""
    try:
        agents, since = _registered(), _since()
    except RegistryError:
        agents, since = (), BEGINNING  # the task of the registry says why
    dag = DAG(
        dag_id=DAG_ID,
        dag_display_name="PlanExe: are the agents well?",
        description="Asks every registered agent whether it answers, with the same key, actions and schemas.",
        schedule=upkeep_schedule(),
        start_date=since,
        catchup=False,
        max_active_runs=1,
        max_active_tasks=1,  # it is in no hurry
        tags=[TAG],
        doc_md=_doc(agents),
        default_args={"owner": "planexe", "do_xcom_push": False},
    )
    RegistryCheckOperator(task_id="registry", dag=dag)
    ClosingOperator(task_id="runs", dag=dag)
    for agent in _wanted(agents):
        AgentCheckOperator(task_id=f"agent-{agent}", agent=agent, retries=RETRIES, retry_delay=RETRY_DELAY_S, dag=dag)
    return dag


def load_upkeep() -> dict[str, DAG]:
    """Build the DAG by its id, unless it is turned off, or the task of a plan is what starts here."""
    wanted = get_parsing_context().dag_id in (None, DAG_ID)
    return {DAG_ID: agents_dag()} if wanted and upkeep_schedule() else {}


def _registered() -> tuple[Agent, ...]:
    return registry().agents if registry_path() else ()


def _since() -> datetime:
    """Return when the first agent was registered: nothing is due before that, nor as soon as the DAG is new."""
    path = registry_path()
    history = RegistryFile(path, keys_folder()).history() if path else ()
    return datetime.fromisoformat(history[0].at) if history else BEGINNING


def _wanted(agents: Iterable[Agent]) -> list[str]:
    """Name the agents to ask: those of today, and the one whose task starts now though it was removed meanwhile."""
    starting = get_parsing_context().task_id or ""
    return sorted({agent.id for agent in agents} | ({starting[6:]} if starting.startswith("agent-") else set()))


def _remedy(agent: str, drift: Sequence[str]) -> str:
    lines = "\n".join(f"  {line}" for line in drift)
    return (
        f"{agent} is not as it was registered, and gets no work that needs it to be:\n{lines}\n"
        f"Where its owner meant that, take it with `planexe-dag agents add`; else `planexe-dag agents remove {agent}`."
    )


def _doc(agents: Iterable[Agent]) -> str:
    keys = "\n".join(f"| {agent.id} | {fingerprint(agent.public_key or '')} |" for agent in agents)
    return (
        "A red square is an agent that does not answer, or is not any more as its operator registered it; "
        "the log of the task says what has changed.\n\n| agent | key |\n|---|---|\n" + keys
    )
