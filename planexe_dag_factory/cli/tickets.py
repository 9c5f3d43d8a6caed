"""What `planexe-dag tickets` does: the API of the inbox, asked as somebody, shown in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
from rich.table import Column, Table
from rich.text import Text

from planexe_dag_factory.cli import console
from planexe_dag_factory.cli.login import log_in
from planexe_dag_factory.cli.stacks import FAILED, INVALID, OK
from planexe_dag_factory.errors import StackError
from planexe_dag_factory.plan.text import replace_hidden
from planexe_dag_factory.stack.client import AirflowClient

VIA = "planexe-dag"
SHORT_NAME = 40
Wanted = Mapping[str, Any]


class TicketRefusedError(Exception):
    """What was asked for cannot be done, for a reason that the person can act on."""


def show_list(url: str | None, user: str | None, wanted: Wanted, *, as_json: bool) -> int:
    def work(client: AirflowClient) -> None:
        page = client.inbox(**{name: value for name, value in wanted.items() if value not in (None, "")})
        if as_json:
            console.print_json(page)
        else:
            _print_list(page)

    return _as_somebody(url, user, work)


def show_one(url: str | None, user: str | None, ticket: str, *, as_json: bool) -> int:
    def work(client: AirflowClient) -> None:
        found = client.ticket(*_place(client, ticket))
        if as_json:
            console.print_json(found)
        else:
            _print_ticket(found)

    return _as_somebody(url, user, work)


def take(action: str, url: str | None, user: str | None, ticket: str) -> int:
    def work(client: AirflowClient) -> None:
        place = _place(client, ticket)
        done = client.claim(*place) if action == "claim" else client.release(*place)
        if not done["ok"]:
            raise TicketRefusedError(done["problem"])
        console.note("It is yours." if action == "claim" else "It is free again.")

    return _as_somebody(url, user, work)


def comment(url: str | None, user: str | None, ticket: str, text: str) -> int:
    def work(client: AirflowClient) -> None:
        _accepted(client.comment(*_place(client, ticket), text))
        console.note("Your comment is on record.")

    return _as_somebody(url, user, work)


def remind(url: str | None, user: str | None, ticket: str) -> int:
    def work(client: AirflowClient) -> None:
        reminded = _accepted(client.remind(*_place(client, ticket))).json()
        console.note(f"{reminded['told']} is reminded now.")

    return _as_somebody(url, user, work)


def ask(url: str | None, user: str | None, ticket: str, question: Mapping[str, Any]) -> int:
    def work(client: AirflowClient) -> None:
        _accepted(client.ask(_place(client, ticket), question))
        console.note("Your question is on record, and the ticket stays open.")

    return _as_somebody(url, user, work)


def add_approver(url: str | None, user: str | None, ticket: str, approver: Mapping[str, Any]) -> int:
    def work(client: AirflowClient) -> None:
        place = _place(client, ticket)
        _accepted(client.add_approver(place, approver))
        needed = client.ticket(*place)["votes"]["needed"]
        console.note(f"It is on record: {needed} different people must approve now.")

    return _as_somebody(url, user, work)


def answer(url: str | None, user: str | None, ticket: str, body: Mapping[str, Any]) -> int:
    def work(client: AirflowClient) -> None:
        place = _place(client, ticket)
        read = client.ticket(*place)
        taken = _accepted(client.answer(*place, {**body, "via": VIA, "n": read["n"]}))
        console.note(taken.json()["next"])

    return _as_somebody(url, user, work)


def leave(url: str | None, user: str | None, absence: Mapping[str, Any], of: str | None) -> int:
    def work(client: AirflowClient) -> None:
        _accepted(client.leave({name: value for name, value in absence.items() if value}, of))
        console.note(f"{absence['deputy']} answers for {of or 'you'} until {absence['until']}.")

    return _as_somebody(url, user, work)


def come_back(url: str | None, user: str | None, of: str | None) -> int:
    def work(client: AirflowClient) -> None:
        _accepted(client.come_back(of))
        console.note(f"Nobody answers for {of or 'you'} any more.")

    return _as_somebody(url, user, work)


def show_absence(url: str | None, user: str | None) -> int:
    def work(client: AirflowClient) -> None:
        found = client.absence()
        own = found["absence"]
        away = f"away from {own['since']} until {own['until']}: {own['deputy']} answers" if own else "not away"
        console.out.print(_shown(f"You are {away}."))
        for one in found["answers_for"]:
            console.out.print(_shown(f"You answer for {one['user']} until {one['until']}."))

    return _as_somebody(url, user, work)


def _as_somebody(url: str | None, user: str | None, work: Callable[[AirflowClient], None]) -> int:
    try:
        with log_in(url, user) as client:
            work(client)
    except TicketRefusedError as error:
        console.print_error(error)
        return INVALID
    except StackError as error:
        console.print_error(error)
        return FAILED
    return OK


def _place(client: AirflowClient, ticket: str) -> tuple[str, str, str]:
    """Find which ticket is meant."""
    parts = ticket.split("/")
    if len(parts) == 3:  # noqa: PLR2004 - dag, run and task
        return parts[0], parts[1], parts[2]
    rows = client.inbox_rows(**({"dag_id": parts[0]} if len(parts) > 1 else {}))
    fitting = [row for row in rows if row["task_id"] == parts[-1]]
    if len(fitting) == 1:
        return fitting[0]["dag_id"], fitting[0]["run_id"], fitting[0]["task_id"]
    if not fitting:
        raise TicketRefusedError(f"no open ticket is called {ticket!r}; `planexe-dag tickets list` shows all")
    places = "\n  ".join(_name(row) for row in fitting)
    raise TicketRefusedError(f"{len(fitting)} open tickets are called {ticket!r}; name one of\n  {places}")


def _accepted(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    if response.is_server_error:
        raise StackError(
            f"{response.request.method} {response.request.url}: {response.status_code} {response.text[:500]}"
        )
    detail = response.json().get("detail", response.text)
    raise TicketRefusedError("\n".join(map(_problem, detail)) if isinstance(detail, list) else str(detail))


def _problem(problem: Any) -> str:
    return f"{'.'.join(map(str, problem['loc'][1:]))}: {problem['msg']}" if isinstance(problem, dict) else str(problem)


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['dag_id']}/{row['run_id']}/{row['task_id']}"


def _print_list(page: Mapping[str, Any]) -> None:
    if not page["tickets"]:
        console.note("Nobody is asked anything." if page["counts"]["all"] == 0 else "No ticket fits.")
        return
    often = Counter(row["task_id"] for row in page["tickets"])
    names = [row["task_id"] if often[row["task_id"]] == 1 else _name(row) for row in page["tickets"]]
    ticket = Column("ticket", overflow="fold", no_wrap=max(map(len, names)) <= SHORT_NAME)
    table = Table(ticket, "kind", "title", "asked", "claimed by", "waits", "due", box=None, pad_edge=False)
    for name, row in zip(names, page["tickets"], strict=True):
        asked = ", ".join((*row["users"], *row["groups"])) or row["assignee"]
        if row["answers_for"]:
            asked = f"you for {row['answers_for']['user']}"
        cells = (name, row["kind"], row["title"], asked, row["claimed_by"] or "", _age(row["opened_at"]))
        table.add_row(*(_shown(cell) for cell in cells), _shown((row["due_at"] or "")[:10]))
    console.out.print(table, soft_wrap=False)
    counts = page["counts"]
    console.note(
        f"{len(page['tickets'])} of {page['total']}; {counts['mine']} are yours, {counts['groups']} your groups'"
    )


def _print_ticket(ticket: Mapping[str, Any]) -> None:
    out = console.out.print
    out(_shown(f"{ticket['title']}\n{ticket['ask']}", style="bold"))
    out(_shown(ticket["why"]))
    for fact in ticket["facts"]:
        out(_shown(f"  {fact['label']}: {fact['value']}"))
    if ticket["plan_says"]["description"]:
        out(_shown(f"The plan says:\n{_quoted(ticket['plan_says']['description'])}"))
    said = ticket["agent_says"]
    if said:
        out(_shown(f"{said['agent']} wrote (not checked):\n{_quoted(str(said['result'] or said['reason']))}"))
    _print_talk(ticket)
    if ticket["previous"]:
        out(_shown(ticket["previous"]))
    if ticket["answers_for"]:
        out(_shown(f"You answer for {ticket['answers_for']['user']}, away until {ticket['answers_for']['until']}."))
    if not ticket["may_answer"]:
        out(_shown(ticket["why_not"]))
        return
    out("You can answer:")
    for option in ticket["options"]:
        needs = f" (needs {', '.join(option['requires'])})" if option["requires"] else ""
        out(_shown(f"  {option['id']}: {option['label']}{needs}"))


def _print_talk(ticket: Mapping[str, Any]) -> None:
    """Print what people have said about a ticket to each other."""
    out = console.out.print
    for one in ticket["questions"]:
        asked = f"{one['who']} asks {one['to']} at {one['at'][:16]}{'' if one['open'] else ' (closed)'}"
        out(_shown(f"{asked}:\n{_quoted(one['text'])}"))
    for one in ticket["added"]:
        stands = "has approved" if one["met"] else "has still to approve"
        out(_shown(f"{one['who']} added {one['to']}, who {stands}:\n{_quoted(one['reason'])}"))
    for one in ticket["comments"]:
        out(_shown(f"{one['who']} at {one['at'][:16]}:\n{_quoted(one['text'])}"))


def _quoted(text: str) -> str:
    return "\n".join(f"  | {line}" for line in text.splitlines())


def _age(opened_at: str) -> str:
    hours = (datetime.now(UTC) - datetime.fromisoformat(opened_at)).total_seconds() / 3600
    return f"{hours / 24:.0f} d" if hours >= 48 else f"{hours:.0f} h" if hours >= 1 else f"{hours * 60:.0f} min"  # noqa: PLR2004


def _shown(text: str, style: str = "") -> Text:
    """Return text of a plan, an agent or a person so that it cannot steer the terminal."""
    return Text(replace_hidden(text, "\N{REPLACEMENT CHARACTER}"), style=style)
