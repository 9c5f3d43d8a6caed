"""`planexe-dag agents`: the words of its commands; the work is in `registration`."""

# ruff: noqa: FBT002 -- a flag of a command line is a boolean with a default
# ruff: noqa: PLC0415 -- `--help` answers at once
from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from planexe_agents.networks import Networks

agents_app = typer.Typer(
    help="The agents that carry out steps: who is registered, with which key, for which actions.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_HERE = "The registry file; without it, that of the stack in this directory."
_REGISTRY_SETTING = "AIRFLOW__PLANEXE__REGISTRY"
_New = Annotated[
    Path | None, typer.Option("--registry", envvar=_REGISTRY_SETTING, dir_okay=False, help=_HERE, show_default=False)
]
_Known = Annotated[
    Path | None,
    typer.Option("--registry", envvar=_REGISTRY_SETTING, exists=True, dir_okay=False, help=_HERE, show_default=False),
]
_Keys = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        envvar="AIRFLOW__PLANEXE__KEYS",
        file_okay=False,
        help="The folder of the operator's key; without it, `keys` beside the registry.",
        show_default=False,
    ),
]
NetworksOption = Annotated[
    Networks | None,
    typer.Option(
        "--networks",
        envvar="AIRFLOW__PLANEXE__AGENT_NETWORKS",
        parser=Networks.parse,
        metavar="NETWORKS",
        help="Private networks where agents may be asked: 10.20.0.0/16,fd12::/48, or `private` for all.",
        show_default=False,
    ),
]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for scripts.")]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout, and nothing else.")]
_Id = Annotated[str, typer.Argument(metavar="ID", help="The agent's id.", show_default=False)]
_Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="The agents' ids.", show_default=False)]


@agents_app.command("add")
def add(  # noqa: PLR0917 - each is a word of the command line
    urls: Annotated[list[str], typer.Argument(metavar="URL...", help="Where the agents answer.", show_default=False)],
    connection: Annotated[
        str | None,
        typer.Option("--connection", metavar="ID", help="The Airflow connection whose password is the agents' token."),
    ] = None,
    yes: _Yes = False,
    accept_change: Annotated[
        bool,
        typer.Option("--accept-change", help="Take a known agent's new key, actions or schemas without being asked."),
    ] = False,
    networks: NetworksOption = None,
    registry: _New = None,
    keys: _Keys = None,
) -> None:
    """Register agents by their addresses: shows who they say they are and what they can do, and asks.

    What is registered is signed with the operator's key, which is made at the first use. For a known agent it says
    what has changed, and asks for that apart. Exits with 1 where nothing was registered, 3 where an agent is silent.

    \b
    Examples:
      planexe-dag agents add http://127.0.0.1:8005
      planexe-dag agents add http://translator:8000 --networks 10.20.0.0/16
      planexe-dag agents add http://translator:8000 --yes --registry /srv/planexe/registry.json --keys /srv/planexe/keys
    """
    from planexe_dag_factory.cli import registration

    consent = registration.Consent(yes=yes, change=accept_change)
    file = registration.registry_file(registry, keys)
    raise typer.Exit(registration.add(file, urls, connection, consent, networks))


@agents_app.command("list")
def list_(registry: _Known = None, keys: _Keys = None, json: _Json = False) -> None:
    """List the registered agents; where no stack runs here and no registry is given, those of the package.

    \b
    Examples:
      planexe-dag agents list
      planexe-dag agents list --json
    """
    from planexe_dag_factory.cli import registration

    raise typer.Exit(registration.list_(registry, keys, as_json=json))


@agents_app.command("show")
def show(agent: _Id, registry: _Known = None, keys: _Keys = None, json: _Json = False) -> None:
    """Show an agent: its key, what each of its actions does, takes and gives, and how it came to be registered.

    \b
    Examples:
      planexe-dag agents show analysis
      planexe-dag agents show analysis --json
    """
    from planexe_dag_factory.cli import registration

    raise typer.Exit(registration.show(registry, keys, agent, as_json=json))


@agents_app.command("check")
def check(
    agent: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One agent; without it, all.", show_default=False)
    ] = None,
    networks: NetworksOption = None,
    registry: _Known = None,
    keys: _Keys = None,
    json: _Json = False,
) -> None:
    """Ask agents whether they are still who they were: reachable, the same key, the same actions and schemas.

    Exits with 0 where all is well, with 5 where it is not.

    \b
    Examples:
      planexe-dag agents check
      planexe-dag agents check analysis --json
    """
    from planexe_dag_factory.cli import registration

    raise typer.Exit(registration.check(registration.registry_file(registry, keys), agent, networks, as_json=json))


@agents_app.command("remove")
def remove(agents: _Ids, yes: _Yes = False, registry: _Known = None, keys: _Keys = None) -> None:
    """Take agents out of the registry. No step goes to them any more, not even in runs under way.

    \b
    Examples:
      planexe-dag agents remove translator
    """
    from planexe_dag_factory.cli import registration

    raise typer.Exit(registration.remove(registration.registry_file(registry, keys), agents, yes=yes))


@agents_app.command("rotate-key")
def rotate_key(yes: _Yes = False, registry: _Known = None, keys: _Keys = None) -> None:
    """Give the operator a new key. The old public key stays good for the registry until you replace it.

    So there is no moment at which an Airflow that has the old operator.pub, or the new one, trusts nobody.

    \b
    Examples:
      planexe-dag agents rotate-key
      planexe-dag agents rotate-key --registry /srv/planexe/registry.json --keys /root/operator --yes
    """
    from planexe_dag_factory.cli import registration

    raise typer.Exit(registration.rotate_key(registration.registry_file(registry, keys), yes=yes))


@agents_app.command("prefer")
def prefer(agents: _Ids, registry: _Known = None, keys: _Keys = None) -> None:
    """Put agents first: of those that can do a step equally well, the first is asked first.

    \b
    Examples:
      planexe-dag agents prefer translator analysis
    """
    from planexe_dag_factory.cli import registration

    raise typer.Exit(registration.prefer(registration.registry_file(registry, keys), agents))
