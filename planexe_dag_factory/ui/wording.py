"""What a signed event says, as a sentence that goes on after who did it; what people and agents wrote stays apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from planexe_dag_factory.delegation.attempts import BECAME
from planexe_dag_factory.report.words import moment

_Details = Mapping[str, Any]
_BECAME = {**{str(status): said for status, said in BECAME.items()}, "rejected": "said that the work is not for it"}
_DECIDED = {
    "accept": "accepted the outcome",
    "review": "asked for a person to look at the outcome",
    "ticket": "gave the work to people",
}
_WORDS: Mapping[str, Callable[[_Details], str]] = {
    "plan-read": lambda told: f"read the plan, of {told.get('steps')} steps",
    "plan-routed": lambda _: "decided who does each step",
    "estimates-learned": lambda _: "kept the durations that earlier runs teach",
    "run-started": lambda _: "started the run",
    "run-ended": lambda told: (
        "ended the run"
        + (" before it came to its end" if told.get("cut_short") else "")
        + (", which failed" if told.get("state") == "failed" else "")
    ),
    "run-sealed": lambda _: "sealed the record",
    "candidates-ordered": lambda _: "decided which agent to ask first",
    "assignment-sent": lambda told: f"sent the work to {told.get('to') or 'an agent'}",
    "outcome-received": lambda told: f"brought an outcome: {told.get('status') or 'completed'}",
    "outcome-judged": lambda told: _DECIDED.get(str(told.get("decision")), "judged the outcome"),
    "candidate-failed": lambda told: _failed(told.get("candidate") or {}),
    "re-routed": lambda told: f"gave the work of {told.get('before')} to {told.get('to')}",
    "ticket-opened": lambda told: "opened the ticket" if told.get("n", 1) == 1 else "opened the ticket again",
    "ticket-answered": lambda told: (
        f"answered {told.get('option')}{_instead(told)}" + ("" if told.get("accepted") else ", which was not enough")
    ),
    "ticket-claimed": lambda _: "claimed the ticket",
    "ticket-released": lambda _: "released the ticket",
    "ticket-reassigned": lambda told: f"reassigned the ticket to {_to(told)}",
    "ticket-delegated": lambda told: f"asked {_to(told)} as well, until {_time(told.get('until'))}",
    "ticket-asked": lambda told: f"asked {_to(told)} for information",
    "ticket-question-withdrawn": lambda told: f"withdrew the question to {_to(told)}",
    "ticket-put-off": lambda told: (
        f"put the ticket off until {_time(told['until'])}" if told.get("until") else "took the ticket up again"
    ),
    "ticket-ranked": lambda told: f"set the priority to {told.get('priority')}",
    "ticket-approver-added": lambda told: f"asked for the approval of {_to(told)} as well",
    "ticket-approver-taken-back": lambda told: f"took back that {_to(told)} must approve too",
    "ticket-commented": lambda told: "replied" if told.get("replies_to") else "commented",
    "ticket-attached": lambda told: f"attached {'a link' if told.get('url') else 'a file'}",
    "ticket-voted": lambda told: f"approved{_instead(told)}, as one of several",
    "ticket-reminded": lambda _: "sent a reminder",
    "ticket-escalated": lambda told: f"escalated the ticket to {_to(told)}",
    "notice-sent": lambda told: f"told people by {told.get('channel')}",
    "notice-failed": lambda told: f"could not tell people by {told.get('channel')}",
    "model-granted": lambda told: f"set {told.get('tokens')} tokens of the language model aside",
    "model-taken": lambda told: f"noted that {told.get('tokens')} tokens of the language model were taken",
    "gate-opened": lambda _: "opened the gate",
    "gate-refused": lambda _: "closed the gate",
    "gate-held": lambda _: "held the step back, as its approval does not hold",
    "step-done": lambda _: "ended the step",
    "step-refused": lambda _: "ended the step as refused",
    "step-taken-over": lambda _: "took the step over from another run",
    "milestone-reached": lambda _: "reached the milestone",
    "snapshot": lambda _: "took a signed snapshot of the record",
    "report-written": lambda _: "wrote the report",
    "report-failed": lambda _: "could not write the report",
    "planexe-plan-kept": lambda _: "kept with the run what PlanExe makes its own report from",
    "planexe-plan-not-kept": lambda _: "could not keep what PlanExe makes its own report from",
    "planexe-report-refreshed": lambda _: "had PlanExe bring its own report up to date",
    "planexe-report-failed": lambda _: "could not have PlanExe bring its own report up to date",
    "task-retried": lambda _: "tried the task again",
    "marked-in-airflow": lambda told: (
        f"marked {told.get('task') or 'the whole run'} as {told.get('state')} by hand, in Airflow"
    ),
    "cleared-in-airflow": lambda told: f"cleared tasks by hand, in Airflow: {_names(told.get('tasks'))}",
    "task-cleared": lambda _: "did the task again, which was cleared by hand",
    "rollback": lambda told: f"went on from {told.get('milestone') or 'a milestone'} of another run",
    "rolled-back": lambda told: f"went on in another run: {told.get('into')}",
    "approval-taken-over": lambda _: "took an approval over from another run",
    "approval-void": lambda _: "did not take an approval over, as it does not hold here",
    "key-rotated": lambda _: "signed with another key from here on",
}
_TEXTS = ("text", "reason", "why", "title")


def what_happened(event: Mapping[str, Any]) -> str:
    """Say in our words what an event is about."""
    say = _WORDS.get(event["action"])
    return say(event["details"]) if say else str(event["action"]).replace("-", " ")


def what_was_said(event: Mapping[str, Any]) -> str:
    """Return what somebody wrote, or why something was decided; empty where there is nothing to add."""
    return next((str(event["details"][name]) for name in _TEXTS if event["details"].get(name)), "")


def _failed(candidate: Mapping[str, Any]) -> str:
    status = str(candidate.get("status"))
    return f"had no outcome from {candidate.get('agent') or 'an agent'}, which {_BECAME.get(status, status)}"


def _names(tasks: Any) -> str:
    return ", ".join(map(str, tasks)) if isinstance(tasks, list) else str(tasks)


def _instead(details: _Details) -> str:
    """Say for whom somebody answered."""
    away = details.get("instead_of")
    return f" for {away['user']}, who is away until {_time(away['until'])}, by standing instruction" if away else ""


def _time(said: Any) -> str:
    """Say a time as people do; what is none stays as it is."""
    try:
        return moment(datetime.fromisoformat(said))
    except (TypeError, ValueError):
        return str(said)


def _to(details: _Details) -> str:
    to = details.get("to") or {}
    return f"the group {to.get('name')}" if to.get("kind") == "group" else str(to.get("name"))
