"""Telling people about tickets through Airflow's notifiers, as one file lists them (`[planexe] notify`).

    [{"notifier": "smtp"},
     {"notifier": "smtp", "on": ["escalation"], "kwargs": {"to": "desk@example.org"}},
     {"notifier": "http", "on": ["opened", "reminder", "escalation"], "kwargs": {"endpoint": "/hooks/planexe"}},
     {"notifier": "my_company.notifiers.Pager", "on": ["escalation"], "kwargs": {"message": "$subject $link"}}]

`$subject`, `$text`, `$html`, `$slack`, `$link`, `$asked`, `$emails`, `$event`, `$dag_id`, `$run_id` and `$task_id` in
the arguments are replaced by plain text, once. `$emails` are the addresses that the people file has of those who are
asked; where it has none, a channel that needs them is left out, and that is on record. A notifier is called without
rendering its fields: what a plan says is never Jinja.
"""

from __future__ import annotations

import html
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from string import Template
from typing import Any, Literal
from urllib.parse import quote

from airflow.configuration import conf
from airflow.sdk import Context
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from planexe_dag_factory.airflow.settings import notify_path
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.plan.text import replace_hidden

log = logging.getLogger(__name__)
Occasion = Literal["opened", "reminder", "escalation", "asked", "commented"]

_NO_PREVIEW = {"unfurl_links": False, "unfurl_media": False}
_SHORT: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "smtp": (
        "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
        {"to": "$emails", "subject": "$subject", "html_content": "$html"},
    ),
    "http": (
        "airflow.providers.http.notifications.http.HttpNotifier",
        {
            "json": {
                name: f"${name}"
                for name in ("event", "subject", "text", "link", "asked", "dag_id", "run_id", "task_id")
            },
            "extra_options": {"timeout": 20},
        },
    ),
    "slack": ("airflow.providers.slack.notifications.slack.SlackNotifier", {"text": "$slack", **_NO_PREVIEW}),
    "slack-webhook": (
        "airflow.providers.slack.notifications.slack_webhook.SlackWebhookNotifier",
        {"text": "$slack", **_NO_PREVIEW},
    ),
}
_SUBJECTS: Mapping[Occasion, str] = {
    "opened": "PlanExe asks",
    "reminder": "Reminder: PlanExe waits",
    "escalation": "Escalated: PlanExe waits",
    "asked": "You are asked for information",
    "commented": "Your question was answered",
}


class Channel(BaseModel):
    """One way to tell people: a short name or an import path, its arguments, and on which occasions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    notifier: str
    on: tuple[Occasion, ...] = ("reminder", "escalation")
    kwargs: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Notice:
    """What to tell: the ticket, whom it asks now, and why now."""

    occasion: Occasion
    ticket: Mapping[str, Any]
    asked: str
    emails: tuple[str, ...] = ()
    said: str = ""
    """What a person wrote, after who it was: it comes first in the text."""

    def words(self) -> dict[str, str]:
        """Return the plain text that stands for each `$word`."""
        ticket = self.ticket
        link = ticket_link(ticket)
        said = f"{_line(self.said)}\n\n" if self.said else ""
        text = f"{said}{_line(ticket['ask'])}\n\n{_line(ticket['why'])}\n\nAsked: {self.asked}\n{link}"
        return {
            "event": self.occasion,
            "subject": f"{_SUBJECTS[self.occasion]}: {_line(ticket['title'])}"[:200],
            "text": text,
            "html": html.escape(text).replace("\n", "<br>\n"),
            "slack": html.escape(text, quote=False),  # else a plan could write links, and call the whole channel
            "link": link,
            "emails": ", ".join(self.emails),
            "asked": self.asked,
            **{name: str(ticket[name]) for name in ("dag_id", "run_id", "task_id")},
        }


def load_channels(path: Path | None) -> tuple[Channel, ...]:
    """Read who is told how; nobody without a file. Raises ValueError, which says what is wrong with it."""
    if path is None:
        return ()
    try:
        return TypeAdapter(tuple[Channel, ...]).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ValueError(f"{path} cannot be used: {error}") from error


def hears(occasion: Occasion) -> bool:
    """Say whether any channel is told of such an occasion. Raises ValueError where the file cannot be used."""
    return any(occasion in channel.on for channel in load_channels(notify_path()))


def tell(step: StepRun, notice: Notice, context: Context) -> None:
    """Tell people on every channel that wants to know, and record how it went. A failure never stops the step."""
    try:
        wanted = [channel for channel in load_channels(notify_path()) if notice.occasion in channel.on]
    except ValueError as error:
        log.warning("Nobody was told: %s", error)
        step.log("notice-failed", occasion=notice.occasion, channel="the notify file", reason=type(error).__name__)
        return
    for channel in wanted:
        _send(step, channel, notice, context)


def _send(step: StepRun, channel: Channel, notice: Notice, context: Context) -> None:
    told = {"task": notice.ticket["task_id"], "n": notice.ticket["n"], "occasion": notice.occasion}
    if not notice.emails and "$emails" in json.dumps(_arguments(channel)):
        step.log("notice-failed", channel=channel.notifier, reason="the people file has no address of them", **told)
        return
    try:
        _notifier(channel, notice.words()).notify(context)
    except Exception as error:
        log.exception("%s could not tell about %s", channel.notifier, notice.ticket["task_id"])
        step.log("notice-failed", channel=channel.notifier, reason=type(error).__name__, **told)
    else:
        step.log("notice-sent", channel=channel.notifier, **told)


def _notifier(channel: Channel, words: Mapping[str, str]) -> Any:
    """Make a notifier whose fields hold what is to be said; it is never asked to render them."""
    path = _SHORT[channel.notifier][0] if channel.notifier in _SHORT else channel.notifier
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)(**_filled(_arguments(channel), words))


def _arguments(channel: Channel) -> dict[str, Any]:
    usual = _SHORT[channel.notifier][1] if channel.notifier in _SHORT else {}
    return {**usual, **channel.kwargs}


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return Template(value).safe_substitute(words)
    if isinstance(value, dict):
        return {name: _filled(one, words) for name, one in value.items()}
    return [_filled(one, words) for one in value] if isinstance(value, list) else value


def ticket_link(ticket: Mapping[str, Any]) -> str:
    """Return the address of a ticket's page."""
    base = (conf.get("api", "base_url", fallback="") or "").rstrip("/")
    place = "/".join(quote(str(ticket[name]), safe="") for name in ("dag_id", "run_id", "task_id"))
    return f"{base}/planexe/tickets/{place}"


def _line(text: Any) -> str:
    """Keep a text in one line, with nothing in it that is not seen."""
    return " ".join(replace_hidden(str(text), " ").split())
