"""Sensors that wait for a person: they open a Human-in-the-loop request and park at no cost.

A request is answered on Airflow's own Required Actions page or on ours; either way the answer is
checked here, and one that is not enough opens the request again and says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

from airflow.configuration import conf
from airflow.sdk import BaseSensorOperator, Context, Param
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput
from airflow.sdk.execution_time.hitl import upsert_hitl_detail

from planexe_dag_factory.airflow.notify import Notice, Occasion, tell, ticket_link
from planexe_dag_factory.airflow.settings import auth_manager, execution_of, notify_path, people
from planexe_dag_factory.airflow.starts import begin
from planexe_dag_factory.airflow.text import escape_markdown
from planexe_dag_factory.airflow.triggers import AnswerTrigger, DelegationTrigger
from planexe_dag_factory.delegation.answers import (
    DONE_AGAIN,
    Answer,
    AnswerRefusedError,
    Effect,
    find_last_ticket,
    is_answered,
    last_ticket,
    open_ticket,
    standing_answer,
    take_again,
    take_answer,
)
from planexe_dag_factory.delegation.approval import require_approvals, settle
from planexe_dag_factory.delegation.asking import Kind
from planexe_dag_factory.delegation.attempts import last_decision
from planexe_dag_factory.delegation.decision import decide
from planexe_dag_factory.delegation.desk import Desk, read_desk
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.delegation.reminders import take_nudges, time_until_next
from planexe_dag_factory.delegation.takeover import is_opened, is_taken_over
from planexe_dag_factory.delegation.tickets import Place, build_ticket
from planexe_dag_factory.delegation.told import who_is_told
from planexe_dag_factory.record.events import Actor

DEFAULT_VIA = "Airflow"
TIMEOUT_S = conf.getfloat("sensors", "default_timeout")
"""Airflow's own, read once: it would look for it once a sensor, and a plan has hundreds."""
SETTLED = "This was settled in the run from which this one goes on."
CLEARED_SINCE = "This was asked before, and the task was cleared by hand since. Please answer again."


class TicketSensor(BaseSensorOperator):
    """Asks a person about a work item, and waits parked in `awaiting_input`."""

    template_fields: Sequence[str] = ()
    ui_color = "#fde8d0"

    def __init__(self, *, work_item: str, **kwargs: Any) -> None:
        super().__init__(timeout=TIMEOUT_S, **kwargs)
        self.work_item = work_item
        self.deferrable = True

    def execute(self, context: Context) -> str:
        step = begin(execution_of(context), context, self.work_item).step(self.work_item)
        return SETTLED if self.is_settled(step) else self._begin(context, step)

    def _begin(self, context: Context, step: StepRun) -> str:
        self.before(step)
        if context["ti"].try_number == 1:
            self.ask(context, step)
        return self._go_on(context, step)

    def _go_on(self, context: Context, step: StepRun) -> str:
        """Begin again: with the answer on record, with what Airflow has kept of the request, or by asking anew."""
        ticket = find_last_ticket(step)
        if ticket is None or (ticket["task_id"], ticket["kind"]) != (self.task_id, self.subject(step)[0]):
            self.ask(context, step)
        if not is_answered(step, ticket):
            self.defer(trigger=AnswerTrigger(str(context["ti"].id)), method_name="resume")
        answer = standing_answer(step, ticket)
        if answer is None:
            self.ask(context, step, CLEARED_SINCE)
        return self._take(context, step, ticket, lambda: take_again(step, ticket, answer), answer)

    def is_settled(self, step: StepRun) -> bool:
        """Say whether nobody need be asked, since this run goes on from another."""
        return is_taken_over(step)

    def before(self, step: StepRun) -> None:
        """Refuse to ask where nobody may begin yet."""

    def subject(self, step: StepRun) -> tuple[Kind, str]:
        """Say what kind of ticket to open, and why a person is needed."""
        raise NotImplementedError

    def ask(self, context: Context, step: StepRun, previous: str | None = None, since: str | None = None) -> NoReturn:
        """Record a ticket, open the request and park. `since`: the time that reminders count from."""
        kind, why = self.subject(step)
        ti = context["ti"]
        ticket = build_ticket(step, kind, Place(ti.dag_id, ti.run_id, ti.task_id), why, previous)
        ticket["asked_since"] = since or ticket["opened_at"]
        open_ticket(step, ticket)
        self._request(context, ticket)
        self._tell(context, step, ticket, "opened")
        self._park(step, ticket)

    def resume(self, context: Context, event: Mapping[str, Any]) -> str:
        """Take the answer, or ask again where it is not enough; return the option chosen.

        After a timeout nobody has answered: those who are asked are reminded, or others asked too.
        `open` comes from a look at what was asked before the task died (`AnswerTrigger`).
        """
        execution = execution_of(context)
        execution.finish_writes(self.work_item)
        step = execution.step(self.work_item)
        ticket = last_ticket(step)
        if "open" in event:
            if not event["open"]:
                self._request(context, ticket)
            self._park(step, ticket)
        if event.get("error_type") == "timeout":
            self._nudge(context, step, ticket)
        if "error" in event:
            raise AirflowFailException(f"Nobody answered: {event['error']}")
        answer = _answer(event)
        return self._take(context, step, ticket, lambda: take_answer(step, ticket, answer, people()), answer)

    def _take(
        self,
        context: Context,
        step: StepRun,
        ticket: Mapping[str, Any],
        take: Callable[[], Effect],
        answer: Answer,
    ) -> str:
        """Let an answer take its effect, and go on as it says."""
        try:
            effect = take()
        except AnswerRefusedError as error:
            self.log.warning("The answer of %s is not enough: %s", answer.by.name, error)
            self.ask(context, step, f"The last answer was not enough: {error}", ticket.get("asked_since"))
        if effect.again:
            self.ask(context, step, effect.again, ticket.get("asked_since"))
        if not effect.go_on:
            raise AirflowFailException(f"{answer.by.name or answer.by.id} said {answer.option!r}")
        if answer.option == "Redo":
            trigger = DelegationTrigger(step.execution.run.root, self.work_item, last_try=True)
            self.defer(trigger=trigger, method_name="redone")
        return answer.option

    def _request(self, context: Context, ticket: Mapping[str, Any]) -> None:
        """Open Airflow's request. One that is there loses its answer, if it has any."""
        upsert_hitl_detail(
            ti_id=context["ti"].id,
            options=[option["id"] for option in ticket["options"]],
            subject=ticket["ask"][:500],
            body=_body(ticket),
            params=_params(ticket["form"]),
        )

    def _nudge(self, context: Context, step: StepRun, ticket: Mapping[str, Any]) -> NoReturn:
        """Remind or escalate as far as it is time to, then wait on."""
        for nudge in take_nudges(step, ticket, _desk(step, ticket)):
            self._tell(context, step, ticket, nudge.kind)
        self._park(step, ticket)

    def _tell(self, context: Context, step: StepRun, ticket: Mapping[str, Any], occasion: Occasion) -> None:
        if notify_path():
            office = people()
            told = who_is_told(step, ticket, _desk(step, ticket), office)
            tell(step, Notice(occasion, ticket, str(told), office.addresses(told.members)), context)

    def _park(self, step: StepRun, ticket: Mapping[str, Any]) -> NoReturn:
        timeout = time_until_next(ticket, step.execution.spec.reminders, _desk(step, ticket))
        raise TaskAwaitingInput(method_name="resume", timeout=timeout)

    def redone(self, context: Context, event: Mapping[str, Any]) -> NoReturn:
        """Show the reviewer what the agents brought this time."""
        step = execution_of(context).step(self.work_item)
        decide(step, accept=False)
        self.ask(context, step, event.get("error") or DONE_AGAIN)


class ApprovalGateSensor(TicketSensor):
    """Holds a high-impact step until a person has approved it. A rejection fails it, and what depends on it."""

    ui_color = "#fbd5d5"

    def is_settled(self, step: StepRun) -> bool:
        return is_taken_over(step) or is_opened(step)

    def execute(self, context: Context) -> str:
        if settle(execution_of(context).step(self.work_item)):
            return "Approve"  # the task was interrupted after the last vote
        return super().execute(context)

    def subject(self, step: StepRun) -> tuple[Kind, str]:
        gate = step.item.route.gate
        return "approval", gate.why if gate else (step.execution.spec.senior_approval or "")


class HumanTicketSensor(TicketSensor):
    """Has a person do a step, or review what an agent brought."""

    def before(self, step: StepRun) -> None:
        require_approvals(step)

    def subject(self, step: StepRun) -> tuple[Kind, str]:
        decision = last_decision(step)
        if decision is None:
            return "work", step.item.route.why
        if step.item.milestone:
            return "senior_review", decision["why"]
        return ("review" if decision["decision"] == "review" else "work"), decision["why"]


def _desk(step: StepRun, ticket: Mapping[str, Any]) -> Desk:
    return read_desk(step.execution.run, step.execution.ours, ticket)


def _answer(event: Mapping[str, Any]) -> Answer:
    """Read an answer as Airflow brings it, from its own page or from ours."""
    fields = {name: value for name, value in (event.get("params_input") or {}).items() if value not in (None, "")}
    via = str(fields.pop("via", DEFAULT_VIA))[:80]
    user = event.get("responded_by_user") or {}
    by = Actor("person", str(user.get("id", "unknown")), str(user.get("name", "")), via, auth_manager())
    return Answer(str(event["chosen_options"][0]), fields, by, _time(event.get("responded_at")))


def _time(said: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(said) if isinstance(said, str) else said


def _params(form: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the form as Airflow's own page wants it; nothing is required there, the sensor checks."""
    params = {}
    for name, schema in form["properties"].items():
        shown = {key: value for key, value in schema.items() if key in ("title", "maxLength")}
        kinds = [schema.get("type", "string"), "null"]
        params[name] = Param(None, type=kinds, **shown).serialize()
    return params


def _body(ticket: Mapping[str, Any]) -> str:
    """Write the request for Airflow's own page: our words first, then the plan's and the agent's, as quotes.

    Airflow keeps the first text of a request when it opens again: the end says where to read on.
    """
    lines = [escape_markdown(ticket["why"]), ""]
    lines += [f"- {fact['label']}: {escape_markdown(fact['value'])}" for fact in ticket["facts"]]
    if ticket["plan_says"]["description"]:
        lines += ["", "The plan says:", "", f"> {escape_markdown(ticket['plan_says']['description'])}"]
    said = ticket["agent_says"]
    if said:
        lines += [
            "",
            f"{said['agent']} wrote (not checked):",
            "",
            f"> {escape_markdown(str(said['result'] or said['reason']))[:4000]}",
        ]
    if ticket["previous"]:
        lines += ["", escape_markdown(ticket["previous"])]
    lines += ["", f"[Everything about it]({ticket_link(ticket)}): where this opens again, that page says why."]
    return "\n".join(lines)
