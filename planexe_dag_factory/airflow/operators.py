"""The operators of a plan's DAG. Each knows its work item's id; all else is in the run folder.

No field of theirs is templated, so that text of a plan is never rendered as Jinja.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.standard.operators.branch import BaseBranchOperator
from airflow.sdk import BaseOperator, Context
from airflow.sdk.bases.hook import BaseHook
from airflow.sdk.exceptions import AirflowFailException, DownstreamTasksSkipped
from planexe_agents.client import AgentClient, AgentUnavailable
from planexe_agents.protocol import Assignment, Outcome

from planexe_dag_factory.airflow.callbacks import report_end
from planexe_dag_factory.airflow.planexe import planexe, tell_reached
from planexe_dag_factory.airflow.settings import (
    agent_networks,
    agent_s,
    auth_manager,
    execution_of,
    keys,
    registry,
    run_folder,
)
from planexe_dag_factory.airflow.starts import begin, name_attempt_in_log, tries_since_begun
from planexe_dag_factory.airflow.triggers import DelegationTrigger, describe
from planexe_dag_factory.delegation.approval import ApprovalMissingError
from planexe_dag_factory.delegation.decision import accept_at_once, decide, is_decided
from planexe_dag_factory.delegation.delegate import delegate
from planexe_dag_factory.delegation.execution import Execution, StepRun
from planexe_dag_factory.delegation.lifecycle import (
    begin_run,
    end_run,
    keep_estimates,
    reach_milestone,
    refusals,
    seal,
)
from planexe_dag_factory.delegation.takeover import is_taken_over
from planexe_dag_factory.errors import DelegationError, RecordError
from planexe_dag_factory.record.events import ORCHESTRATOR, RUN, Actor
from planexe_dag_factory.record.keys import KeyRing, pin_ring, take_over
from planexe_dag_factory.routing.model import Agent
from planexe_dag_factory.spec.codec import load_spec


class StartRunOperator(BaseOperator):
    """Opens the run folder with what will be run: plan, policy, registry and DagSpec."""

    ui_color = "#e8eef7"

    def __init__(self, *, inputs: Mapping[str, bytes], plan_id: str, source: Path | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Not serialised: a worker reads them anew from its own version of the bundle.
        self._inputs = inputs
        self._source = source
        self._plan_id = plan_id

    def execute(self, context: Context) -> str:
        """Return where the run folder is. Nothing begins with a registry that nobody vouches for."""
        dag_run = context["dag_run"]
        registry()
        self._check_version(context)
        run = run_folder(dag_run.dag_id, dag_run.run_id, dag_run.run_after)
        about = {
            "dag_id": dag_run.dag_id,
            "run_id": dag_run.run_id,
            "plan_id": self._plan_id,
            "by": getattr(dag_run, "triggering_user_name", None),
            "auth": auth_manager(),
        }
        ring = keys(make=True)
        pin_ring(run.above, ring)
        begin_run(run, take_over(run, ring), self._inputs, about)
        execution = begin(execution_of(context), context, RUN)
        keep_estimates(execution)
        self.log.info("The record of this run is in %s", run.root)
        if planexe() and self._source:
            self._keep_plan(execution, self._source)
        told = (dag_run.conf or {}).get("rollback")
        if told is not None:
            self._take_over(execution, ring, told, about["by"])
        return run.root

    def _keep_plan(self, execution: Execution, source: Path) -> None:
        """Keep what PlanExe needs to bring its own report up to date."""
        from planexe_dag_factory.pipeline.recording import keep_plan  # noqa: PLC0415 - only with a PlanExe

        why = keep_plan(execution, source)
        if why:
            self.log.warning("PlanExe's own report will not be brought up to date: %s", why)

    def _take_over(self, execution: Execution, ring: KeyRing, told: Any, by: str | None) -> None:
        """Go on from another run's milestone, where this one was triggered so."""
        from planexe_dag_factory.delegation.rollback import Source, take_over_from  # noqa: PLC0415 - seldom needed

        try:
            actor = Actor("person", by, via="Airflow", auth=auth_manager()) if by else ORCHESTRATOR
            source = Source.parse(told)
            old = execution.root.below(source.run)
            if old is not None and old.exists("run.json"):
                take_over(old, ring)  # the old record is told too, by a key that may sign in it
            taken = take_over_from(execution, source, actor)
        except RecordError as error:
            raise AirflowFailException(str(error)) from error
        self.log.info("Taken over and not done again: %s", ", ".join(taken) or "nothing")

    def _check_version(self, context: Context) -> None:
        """Refuse to begin where Airflow made the run's tasks from another version of the plan than it now starts.

        It takes over a changed DAG at most every `[core] min_serialized_dag_update_interval` seconds.
        """
        ti = context["ti"]
        made = ti.get_ti_count(dag_id=ti.dag_id, run_ids=[ti.run_id])
        wanted = len(load_spec(self._inputs["dagspec.json"]).tasks)
        if made != wanted:
            raise AirflowFailException(
                f"Airflow made {made} tasks for this run, from another version of the plan than the present one, "
                f"which has {wanted}. Trigger the plan again in half a minute."
            )


REACH_TRIES = 3
"""How often a step whose agents cannot be reached is tried before people are asked. What dies beside it costs tries
too, so Airflow gives it more (`render.RETRIES`)."""


class StillWorkingError(Exception):
    """An agent needs more time than a worker should wait for it."""


async def leave(seconds: float) -> None:
    """Wait elsewhere: no worker is held. Raises StillWorkingError."""
    raise StillWorkingError(f"nobody else can do it, so it waits {seconds:.0f} s for an agent that is on hold")


async def ask_agent(agent: Agent, assignment: Assignment) -> Outcome:
    """Send an assignment to an agent that may answer at once. Raises StillWorkingError where it does not.

    Raises AgentUnavailable where it asks for time: another agent may have some.
    """
    token = BaseHook.get_connection(agent.conn_id).password if agent.conn_id else None
    networks = agent_networks()
    async with AgentClient(agent.url, token=token, public_key=agent.public_key, networks=networks) as client:
        try:
            told = await client.submit(assignment)
        except AgentUnavailable as error:
            if error.retry_after is not None:
                raise
            raise StillWorkingError(f"{agent.id} cannot be reached now: {error}") from error
    if isinstance(told, Outcome):
        return told
    raise StillWorkingError(f"{agent.id} is working on it")


class AgentOperator(HttpOperator):
    """Hands a step to its agents over HTTP, in order, until one brings an outcome.

    An agent that answers at once is done with in the worker. One that needs longer, or cannot be
    reached now, is followed from the triggerer: no worker is held.
    """

    template_fields: Sequence[str] = ()
    template_fields_renderers: ClassVar[dict[str, str]] = {}
    ui_color = "#dff3e4"

    def __init__(self, *, work_item: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.work_item = work_item

    def execute(self, context: Context) -> None:
        step = begin(execution_of(context), context, self.work_item).step(self.work_item)
        if is_taken_over(step):
            self._skip_check()
        if is_decided(step):
            self._end(step)
            return
        last_try = tries_since_begun(context) >= REACH_TRIES
        try:
            attempt = asyncio.run(delegate(step, ask_agent, leave, last_try=last_try, agent_s=agent_s()))
        except StillWorkingError as error:
            self.log.info("%s: the triggerer follows it from here", error)
            trigger = DelegationTrigger(step.execution.run.root, self.work_item, last_try=last_try)
            self.defer(trigger=trigger, method_name="followed")
        except ApprovalMissingError as error:
            raise AirflowFailException(str(error)) from error
        name_attempt_in_log(attempt)
        self.log.info("%s", describe(attempt))
        self._end(step)

    def followed(self, context: Context, event: Mapping[str, Any]) -> None:
        """End the task as the triggerer says; an error leads to Airflow's retries."""
        if "error" in event:
            raise DelegationError(str(event["error"]))
        self.log.info("%s", event["done"])
        self._end(execution_of(context).step(self.work_item))

    def _end(self, step: StepRun) -> None:
        """End the step here where its outcome is beyond doubt: a second look costs another worker."""
        if accept_at_once(step):
            self._skip_check()

    def _skip_check(self) -> NoReturn:
        raise DownstreamTasksSkipped(tasks=[f"{self.work_item}.check", f"{self.work_item}.human"])


class ConfidenceBranchOperator(BaseBranchOperator):
    """Looks again at an outcome that was not accepted at once, records what is doubtful, and goes on to a person."""

    template_fields: Sequence[str] = ()
    ui_color = "#f3f0df"

    def __init__(self, *, work_item: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.work_item = work_item

    def choose_branch(self, context: Context) -> str:
        decision = decide(begin(execution_of(context), context, self.work_item).step(self.work_item))
        self.log.info("%s: %s", decision.decision, decision.why)
        return f"{self.work_item}.{'done' if decision.decision == 'accept' else 'human'}"


class MilestoneOperator(BaseOperator):
    """Stands at the end of a phase and seals the record; its success callback renders the report."""

    template_fields: Sequence[str] = ()
    ui_color = "#f7e8f3"

    def __init__(self, *, milestone: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.milestone = milestone

    def execute(self, context: Context) -> str:
        execution = begin(execution_of(context), context, self.milestone)
        reach_milestone(execution, self.milestone)
        seal(execution, self.milestone)
        tell_reached(context, execution.run, self.milestone)
        return self.milestone


class FinishRunOperator(BaseOperator):
    """Ends the run whatever happened: seals the record, reports, and fails if anything failed."""

    template_fields: Sequence[str] = ()
    ui_color = "#e8eef7"

    def execute(self, context: Context) -> None:
        problems = self._problems(context)
        execution = begin(execution_of(context), context, RUN)
        said = [*refusals(execution), *problems]
        if not execution.last_of(RUN, "run-sealed") or not execution.run.exists("final", "seal.json"):
            execution.finish_all_writes()
            end_run(execution, said if problems else [])
            report_end(execution)
        if problems:
            raise AirflowFailException("; ".join(said))

    def _problems(self, context: Context) -> list[str]:
        """Name the tasks that failed; those that could not run because of them are left out."""
        ti = context["ti"]
        states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
        return [f"{task_id} failed" for task_id, state in sorted(states.items()) if state == "failed"]
