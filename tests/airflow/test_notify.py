"""People are told through Airflow's own notifiers: received by a mail server and a web server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from planexe_dag_factory.airflow import notify
from planexe_dag_factory.airflow.notify import Notice, load_channels, tell
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.delegation.tickets import Place, build_ticket
from planexe_dag_factory.record.events import read_events
from planexe_dag_factory.routing.people import People
from planexe_dag_factory.stack.embedded import free_port
from tests.delegation.scenes import ITEM, make_scene

HOSTILE = "{{ conn.get('x') }} <script>x</script>\r\nBcc: everybody@example.org \u202eko $link"


class MailBox:
    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 taken"


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailBox]:
    box, port = MailBox(), free_port()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "planexe@example.org"}
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
    yield box
    server.stop()


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    received: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500 if received[-1].get("event") == "escalation" else 200)
            self.end_headers()
            self.wfile.write(b'{"ok": true}' if self.path.endswith("/chat.postMessage") else b"ok")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    connection = {"conn_type": "http", "host": "127.0.0.1", "port": server.server_port}
    monkeypatch.setenv("AIRFLOW_CONN_HTTP_DEFAULT", json.dumps(connection))
    address = f"http://127.0.0.1:{server.server_port}"
    slack = {"conn_type": "slack", "password": "xoxb-1", "extra": {"base_url": f"{address}/api/"}}
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_API_DEFAULT", json.dumps(slack))
    hook = {"conn_type": "slackwebhook", "password": f"{address}/services/T/B/X"}
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", json.dumps(hook))
    yield received
    server.shutdown()
    server.server_close()


def told(folder: Path, monkeypatch: pytest.MonkeyPatch, channels: Any) -> tuple[StepRun, dict[str, Any]]:
    """A ticket with a hostile title, and a notify file with these channels."""
    path = folder / "notify.json"
    path.write_text(channels if isinstance(channels, str) else json.dumps(channels))
    monkeypatch.setattr(notify, "notify_path", lambda: path)
    step = make_scene(folder, item=replace(ITEM, title=HOSTILE)).step
    return step, build_ticket(step, "work", Place("harbour", "run 1", "survey.human"), "nobody else can")


def sent(step: StepRun) -> list[tuple[str, str]]:
    events = read_events(step.execution.run, step.id)
    return [(event["action"], event["details"]["channel"]) for event in events]


def test_a_reminder_arrives_by_mail_as_plain_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mailbox: MailBox
) -> None:
    channels = [{"notifier": "smtp", "kwargs": {"to": "desk@example.org"}}]
    step, ticket = told(tmp_path, monkeypatch, channels)
    tell(step, Notice("opened", ticket, "anna"), {})
    tell(step, Notice("reminder", ticket, "anna"), {})
    [mail] = mailbox.mails
    assert mail["to"] == "desk@example.org"
    assert mail["bcc"] is None
    assert mail["subject"] == (
        "Reminder: PlanExe waits: {{ conn.get('x') }} <script>x</script> Bcc: everybody@example.org ko $link"
    )
    body = mail.get_body(("html",))
    assert body is not None
    assert "{{ conn.get(&#x27;x&#x27;) }} &lt;script&gt;x&lt;/script&gt;" in body.get_content()
    assert "/planexe/tickets/harbour/run%201/survey.human" in body.get_content()
    assert sent(step) == [("notice-sent", "smtp")]


def test_those_who_are_asked_get_a_mail_each_at_the_address_in_the_people_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mailbox: MailBox
) -> None:
    step, ticket = told(tmp_path, monkeypatch, [{"notifier": "smtp", "on": ["opened"]}])
    office = People(emails={"anna": "anna@example.org", "bert": "bert@example.org", "carl": "carl@example.org"})
    tell(step, Notice("opened", ticket, "the group board", office.addresses({"bert", "anna", "dana"})), {})
    tell(step, Notice("opened", ticket, "dana", office.addresses({"dana"})), {})
    assert [mail["to"] for mail in mailbox.mails] == ["anna@example.org, bert@example.org"]
    assert sent(step) == [("notice-sent", "smtp"), ("notice-failed", "smtp")]


@pytest.mark.parametrize("notifier", ["slack", "slack-webhook"])
def test_slack_shows_what_a_plan_says_as_text_and_calls_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, posted: list[Any], notifier: str
) -> None:
    step, ticket = told(tmp_path, monkeypatch, [{"notifier": notifier}])
    title = "<!channel> <https://evil.example|Approve here> & more"
    tell(step, Notice("escalation", {**ticket, "why": title}, "the group board"), {})
    [message] = posted
    assert "&lt;!channel&gt; &lt;https://evil.example|Approve here&gt; &amp; more" in message["text"]
    assert "<" not in message["text"]
    assert message["unfurl_links"] is False
    assert sent(step) == [("notice-sent", notifier)]


def test_a_web_hook_gets_json_and_its_failure_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, posted: list[Any]
) -> None:
    step, ticket = told(tmp_path, monkeypatch, [{"notifier": "http", "on": ["opened", "escalation"]}])
    tell(step, Notice("opened", ticket, "the group board"), {})
    tell(step, Notice("escalation", ticket, "the group board"), {})
    assert [(one["event"], one["asked"], one["task_id"]) for one in posted[:2]] == [
        ("opened", "the group board", "survey.human"),
        ("escalation", "the group board", "survey.human"),
    ]
    assert sent(step) == [("notice-sent", "http"), ("notice-failed", "http")]


@pytest.mark.parametrize(
    "channels", ["{", '[{"notifier": "smtp", "when": "opened"}]', [{"notifier": "no.such.Notifier"}]]
)
def test_a_channel_that_cannot_be_used_is_on_record_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: Any
) -> None:
    step, ticket = told(tmp_path, monkeypatch, channels)
    tell(step, Notice("reminder", ticket, "anna"), {})
    assert [action for action, _ in sent(step)] == ["notice-failed"]


def test_without_a_file_nobody_is_told() -> None:
    assert load_channels(None) == ()
