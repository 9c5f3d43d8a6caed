"""`planexe-dag tickets`: the inbox in a terminal, through the API that the pages use."""

# ruff: noqa: FBT002 -- a flag of a command line is a boolean with a default
# ruff: noqa: PLC0415 -- a command's work is imported where it is done, so that `--help` answers at once
from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

tickets_app = typer.Typer(
    help="What waits for people: list it, take it, answer it.", no_args_is_help=True, rich_markup_mode=None
)


class Scope(StrEnum):
    """Whose tickets."""

    me = "me"
    mine = "mine"
    groups = "groups"
    all = "all"


class Kind(StrEnum):
    """What a ticket asks for."""

    work = "work"
    review = "review"
    approval = "approval"
    senior_review = "senior_review"


_Ticket = Annotated[
    str,
    typer.Argument(
        metavar="TICKET",
        help="DAG/RUN/TASK as `list` shows it; TASK alone, or DAG/TASK, where only one open ticket fits.",
        show_default=False,
    ),
]
_Url = Annotated[
    str | None,
    typer.Option("--url", envvar="PLANEXE_DAG_URL", help="The address of Airflow; without it, the stack here."),
]
_User = Annotated[
    str | None,
    typer.Option(
        "--user", envvar="PLANEXE_DAG_USER", help="Who you are; with --url, the password is PLANEXE_DAG_PASSWORD."
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout, and nothing else.")]


@tickets_app.command("list")
def list_tickets(  # noqa: PLR0917 - typer reads each as an option
    scope: Annotated[Scope, typer.Option("--scope", help="Whose tickets.")] = Scope.all,
    kind: Annotated[Kind | None, typer.Option("--kind", help="Only tickets of this kind.")] = None,
    dag: Annotated[str | None, typer.Option("--dag", help="Only tickets of this DAG.")] = None,
    search: Annotated[str, typer.Option("--search", help="Words that a ticket must hold.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="How many to show.")] = 25,
    url: _Url = None,
    user: _User = None,
    json: _Json = False,
) -> None:
    """List the open tickets, the longest waiting first.

    \b
    Examples:
      planexe-dag tickets list
      planexe-dag tickets list --scope mine --kind approval
    """
    from planexe_dag_factory.cli import tickets

    wanted = {"scope": scope, "kind": kind, "dag_id": dag, "q": search, "limit": limit}
    raise typer.Exit(tickets.show_list(url, user, wanted, as_json=json))


@tickets_app.command("show")
def show(ticket: _Ticket, url: _Url = None, user: _User = None, json: _Json = False) -> None:
    """Show what a ticket asks, on which facts, and how it can be answered.

    \b
    Examples:
      planexe-dag tickets show ask-the-neighbours.human
    """
    from planexe_dag_factory.cli import tickets

    raise typer.Exit(tickets.show_one(url, user, ticket, as_json=json))


@tickets_app.command("claim")
def claim(ticket: _Ticket, url: _Url = None, user: _User = None) -> None:
    """Take a ticket, so that nobody else answers it.

    \b
    Examples:
      planexe-dag tickets claim ask-the-neighbours.human
    """
    from planexe_dag_factory.cli import tickets

    raise typer.Exit(tickets.take("claim", url, user, ticket))


@tickets_app.command("release")
def release(ticket: _Ticket, url: _Url = None, user: _User = None) -> None:
    """Give a ticket back that you have claimed.

    \b
    Examples:
      planexe-dag tickets release ask-the-neighbours.human
    """
    from planexe_dag_factory.cli import tickets

    raise typer.Exit(tickets.take("release", url, user, ticket))


@tickets_app.command("comment")
def comment(
    ticket: _Ticket,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to say.", show_default=False)],
    url: _Url = None,
    user: _User = None,
) -> None:
    """Say something to everybody who deals with a ticket.

    \b
    Examples:
      planexe-dag tickets comment ask-the-neighbours.human "Mrs Olsen is back on Monday."
    """
    from planexe_dag_factory.cli import tickets

    raise typer.Exit(tickets.comment(url, user, ticket, text))


@tickets_app.command("remind")
def remind(ticket: _Ticket, url: _Url = None, user: _User = None) -> None:
    """Remind those who have still to answer a ticket, once in 4 hours.

    \b
    Examples:
      planexe-dag tickets remind ask-the-neighbours.human
    """
    from planexe_dag_factory.cli import tickets

    raise typer.Exit(tickets.remind(url, user, ticket))


@tickets_app.command("ask")
def ask(  # noqa: PLR0917 - typer reads each as an option
    ticket: _Ticket,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What to ask.", show_default=False)],
    of: Annotated[str | None, typer.Option("--of", help="The user who is asked.")] = None,
    of_group: Annotated[str | None, typer.Option("--of-group", help="The group that is asked.")] = None,
    url: _Url = None,
    user: _User = None,
) -> None:
    """Ask somebody for information before you answer. The ticket stays open.

    \b
    Examples:
      planexe-dag tickets ask buy-timber.gate "Does that include transport?" --of anna
    """
    from planexe_dag_factory.cli import tickets

    if (of is None) == (of_group is None):
        raise typer.BadParameter("say whom you ask: --of a user, or --of-group")
    to = {"user": of} if of else {"group": of_group}
    raise typer.Exit(tickets.ask(url, user, ticket, {"to": to, "question": question}))


@tickets_app.command("add-approver")
def add_approver(  # noqa: PLR0917 - typer reads each as an option
    ticket: _Ticket,
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why; they read it.", show_default=False)],
    who: Annotated[str | None, typer.Option("--who", help="The user whose approval is needed too.")] = None,
    group: Annotated[str | None, typer.Option("--group", help="The group of which one must approve too.")] = None,
    url: _Url = None,
    user: _User = None,
) -> None:
    """Make somebody else's approval necessary too, beside those that the policy asks for.

    \b
    Examples:
      planexe-dag tickets add-approver buy-timber.gate "It touches her budget." --who anna
    """
    from planexe_dag_factory.cli import tickets

    if (who is None) == (group is None):
        raise typer.BadParameter("say whose approval: --who a user, or --group")
    to = {"user": who} if who else {"group": group}
    raise typer.Exit(tickets.add_approver(url, user, ticket, {"to": to, "reason": reason}))


@tickets_app.command("answer")
def answer(  # noqa: PLR0917 - typer reads each as an option
    ticket: _Ticket,
    option: Annotated[str, typer.Argument(metavar="ANSWER", help="As `show` lists them.", show_default=False)],
    comment: Annotated[str | None, typer.Option("--comment", help="A reason, a report, or instructions.")] = None,
    amount: Annotated[float | None, typer.Option("--amount", help="The amount, to confirm it.")] = None,
    result: Annotated[
        Path | None, typer.Option("--result", exists=True, dir_okay=False, help="A file with the result as JSON.")
    ] = None,
    url: _Url = None,
    user: _User = None,
) -> None:
    """Answer a ticket. Exits with 1 where the answer is refused, and says why.

    \b
    Examples:
      planexe-dag tickets answer ask-the-neighbours.human Done --comment "All agree."
      planexe-dag tickets answer buy-timber.gate Approve --amount 250 --user demo-reviewer
    """
    from planexe_dag_factory.cli import tickets

    text = result.read_text(encoding="utf-8") if result else None
    given = {"comment": comment, "amount": amount, "result": text}
    fields = {name: value for name, value in given.items() if value is not None}
    raise typer.Exit(tickets.answer(url, user, ticket, {"option": option, "fields": fields}))


_Of = Annotated[str | None, typer.Option("--for", help="Say it of this user instead, as an operator of Airflow.")]


@tickets_app.command("away")
def away(  # noqa: PLR0917 - typer reads each as an option
    until: Annotated[
        datetime | None, typer.Option("--until", help="When you are back; a day alone means its beginning.")
    ] = None,
    deputy: Annotated[
        str | None, typer.Option("--deputy", help="Who answers for you, as the people file has it.")
    ] = None,
    since: Annotated[datetime | None, typer.Option("--from", help="When you leave; now, unless given.")] = None,
    kind: Annotated[
        list[Kind] | None, typer.Option("--kind", help="Only tickets of this kind; may be repeated.")
    ] = None,
    of: _Of = None,
    url: _Url = None,
    user: _User = None,
) -> None:
    """Let somebody answer for you while you are away; without options, show who does.

    \b
    Examples:
      planexe-dag tickets away
      planexe-dag tickets away --until 2026-12-27 --deputy bert
    """
    from planexe_dag_factory.cli import tickets

    if until is None and deputy is None:
        raise typer.Exit(tickets.show_absence(url, user))
    if until is None or deputy is None:
        raise typer.BadParameter("say both --until and --deputy")
    absence = {"until": _zoned(until), "deputy": deputy, "since": since and _zoned(since), "kinds": kind}
    raise typer.Exit(tickets.leave(url, user, absence, of))


@tickets_app.command("back")
def back(of: _Of = None, url: _Url = None, user: _User = None) -> None:
    """Be back: nobody answers for you any more.

    \b
    Examples:
      planexe-dag tickets back
    """
    from planexe_dag_factory.cli import tickets

    raise typer.Exit(tickets.come_back(url, user, of))


def _zoned(moment: datetime) -> str:
    """Write a time of this machine's clock with its offset."""
    return moment.astimezone().isoformat(timespec="seconds")
