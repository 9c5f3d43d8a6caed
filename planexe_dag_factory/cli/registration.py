"""The work of `planexe-dag agents`. What agents say of themselves is shown as text, and nothing of it is trusted."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer
from planexe_agents.networks import Networks
from planexe_agents.signing import fingerprint
from rich.table import Table
from rich.text import Text

from planexe_dag_factory.cli import console
from planexe_dag_factory.cli.reaching import access
from planexe_dag_factory.delegation.cards import Health, check_agents, fetch_agents
from planexe_dag_factory.errors import DelegationError, RegistryError
from planexe_dag_factory.plan.text import clean_line, shorten
from planexe_dag_factory.routing.model import Agent, Capability, Registry
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.routing.registry_changes import (
    Amendment,
    Change,
    add_agents,
    prefer_agents,
    remove_agents,
)
from planexe_dag_factory.routing.registry_file import RegistryFile
from planexe_dag_factory.routing.registry_format import EntryFormat, dump_agent
from planexe_dag_factory.routing.registry_key import find_operator, keys_beside
from planexe_dag_factory.stack import lifecycle
from planexe_dag_factory.stack.home import Home

OK, INVALID, SILENT, DRIFTED = 0, 1, 3, 5
LONGEST = 300
_STATES = {"ok": "green", "unreachable": "red", "changed": "red"}


@dataclass(frozen=True, slots=True)
class Consent:
    """What was agreed to on the command line: `yes` to what is new, `change` to what is not as it was."""

    yes: bool
    change: bool


def registry_file(registry: Path | None, keys: Path | None) -> RegistryFile:
    """Find the registry file that is meant, and the key beside it."""
    path = registry or Home.below(Path.cwd()).registry
    return RegistryFile(path, keys or keys_beside(path))


def add(
    file: RegistryFile, urls: Sequence[str], connection: str | None, consent: Consent, networks: Networks | None
) -> int:
    with _problems_shown() as failed:
        if file.path.exists():
            file.operator()  # a lost key is told before anybody reads or agrees to anything
        known = file.read()
        arriving = fetch_agents(urls, access(networks, [connection], file.path), connection)
        amendment = add_agents(known, arriving, connection)
        _show_arrivals(amendment, file.history())
        if not amendment.changes:
            console.note("All of it is registered already; nothing has changed.")
            return OK
        if not _agreed(amendment.changes, consent):
            console.note("Nothing was registered.")
            return INVALID
        home = Home.below(Path.cwd())
        if file.path == home.registry:
            home.prepare()  # what is in it is nobody else's business
        file.write(amendment)
        console.note(f"Registered. {_count(amendment.after)} {file.path}; Airflow takes it at its next look.")
        return OK
    return failed.code


def remove(file: RegistryFile, agents: Sequence[str], *, yes: bool) -> int:
    with _problems_shown() as failed:
        amendment = remove_agents(file.read(), agents)
        if not yes and not _asked(f"Remove {', '.join(agents)}?", "--yes"):
            console.note("Nothing was removed.")
            return INVALID
        file.write(amendment)
        console.note(f"Removed. {_count(amendment.after)} {file.path}.")
        return OK
    return failed.code


def rotate_key(file: RegistryFile, *, yes: bool) -> int:
    with _problems_shown() as failed:
        before = find_operator(file.keys)
        if not yes and not _asked(f"Make a new operator's key in {file.keys}?", "--yes"):
            console.note("The key is as it was.")
            return INVALID
        public = file.rotate_key()
        console.out.print(f"Signs now   {public}")
        console.out.print(f"Before      {before}")
        console.note(
            f"Back up {file.keys}. Copy its operator.pub to every Airflow that has one of its own: until then the old "
            "one is good there, as the old key has handed over to the new one in the registry."
        )
        return OK
    return failed.code


def prefer(file: RegistryFile, agents: Sequence[str]) -> int:
    with _problems_shown() as failed:
        amendment = prefer_agents(file.read(), agents)
        if amendment.changes:
            file.write(amendment)
        console.out.print("Asked in this order: " + ", ".join(agent.id for agent in amendment.after.agents))
        return OK
    return failed.code


def list_(registry: Path | None, keys: Path | None, *, as_json: bool) -> int:
    with _problems_shown() as failed:
        file = _registered(registry, keys)
        known = file.read() if file else load_registry(None)
        if as_json:
            console.print_json([_summary(agent) for agent in known.agents])
        else:
            _print_list(known)
            _note_trust(file)
        return OK
    return failed.code


def show(registry: Path | None, keys: Path | None, agent_id: str, *, as_json: bool) -> int:
    with _problems_shown() as failed:
        file = _registered(registry, keys)
        agent = _find(file.read() if file else load_registry(None), agent_id)
        history = file.history() if file else ()
        if as_json:
            console.print_json(dump_agent(agent, addressed=True) | _evidence(agent, history))
        else:
            _print_agent(agent)
            _print_capabilities(agent)
            _print_history(agent, history)
            _note_trust(file)
        return OK
    return failed.code


def check(file: RegistryFile, agent_id: str | None, networks: Networks | None, *, as_json: bool) -> int:
    with _problems_shown() as failed:
        known = load_registry(file.path, operator=find_operator(file.keys))
        wanted = (_find(known, agent_id),) if agent_id else known.agents
        found = check_agents(wanted, access(networks, [agent.conn_id for agent in wanted], file.path))
        if as_json:
            console.print_json([asdict(one) for one in found])
        else:
            _print_health(found)
            _note_trust(file)
        return OK if all(one.state == "ok" for one in found) else DRIFTED
    return failed.code


@dataclass
class _Failure:
    code: int = INVALID


@contextmanager
def _problems_shown() -> Iterator[_Failure]:
    """Tell what went wrong instead of a traceback; then the block ends, and its `code` is what to exit with."""
    failure = _Failure()
    try:
        yield failure
    except RegistryError as error:
        console.print_problems(error.name, error.problems)
    except DelegationError as error:
        console.print_error(error)
        failure.code = SILENT


def _registered(registry: Path | None, keys: Path | None) -> RegistryFile | None:
    """Find the registry that is given, else that of the stack that runs here; None: neither."""
    if registry is None and lifecycle.running(Home.below(Path.cwd())) is None:
        return None
    return registry_file(registry, keys)


def _find(registry: Registry, agent_id: str) -> Agent:
    remove_agents(registry, [agent_id])  # which says what ids there are, where this is none
    return next(agent for agent in registry.agents if agent.id == agent_id)


def _agreed(changes: Sequence[Change], consent: Consent) -> bool:
    """Ask for what the words of the command did not agree to: new agents and moves first, then each change."""
    plain = [one.agent for one in changes if not one.drift]
    drifted = [one for one in changes if one.drift]
    if plain and not consent.yes and not _asked(f"Register {', '.join(plain)}?", "--yes"):
        return False
    return consent.change or all(map(_change_agreed, drifted))


def _change_agreed(change: Change) -> bool:
    if not change.new_key:
        return _asked(f"Accept what has changed in {change.agent}?", "--accept-change")
    if not sys.stdin.isatty():
        return _asked("", "--accept-change")
    said: str = typer.prompt(f"Type {change.agent} to accept its new key", default="", show_default=False, err=True)
    return said.strip() == change.agent


def _asked(question: str, instead: str) -> bool:
    if sys.stdin.isatty():
        return typer.confirm(question, err=True)
    console.print_error(f"Nobody is here to be asked: read the above, then repeat this with {instead}.")
    return False


def _show_arrivals(amendment: Amendment, history: Sequence[EntryFormat]) -> None:
    changes = {one.agent: one for one in amendment.changes}
    for agent in amendment.after.agents:
        if agent.id in changes:
            _print_agent(agent)
            change = changes[agent.id]
            if change.kind == "added":
                _print_actions(agent)
                _print_history(agent, history)  # of one that was removed, and comes back with another key perhaps
            else:
                _print_change(change)
            console.out.print()


def _print_change(change: Change) -> None:
    if change.new_key:
        warning = (
            "ANOTHER KEY than the one registered: this may be another agent that answers at its address.\n"
            "  Accept it only if the agent's owner tells you this fingerprint by another way."
        )
        console.out.print(Text(f"  {warning}", style="bold red"))
    for line in change.drift:
        console.out.print(Text(f"  changed  {line}", style="yellow"))
    for line in change.moved:
        console.out.print(Text(f"  moved    {line}"))


def _print_agent(agent: Agent) -> None:
    console.out.print(Text(agent.id, style="bold"))
    _print_pairs(
        {
            "type": agent.type,
            "version": agent.version,
            "address": agent.url or "none: it ships with the package",
            "key": fingerprint(agent.public_key) if agent.public_key else "none",
            "connection": agent.conn_id,
        }
    )


def _print_actions(agent: Agent) -> None:
    for one in agent.capabilities:
        console.out.print(f"  action   {one.action}: {_words(one.description)} (side effects: {one.side_effects})")


def _print_capabilities(agent: Agent) -> None:
    for one in agent.capabilities:
        console.out.print()
        console.out.print(Text(f"{agent.id}.{one.action}", style="bold"))
        _print_pairs(
            {
                "does": one.description,
                "such as": "; ".join(one.examples),
                "cannot": "; ".join(one.cannot),
                "effects": one.side_effects,
                "takes": ", ".join(_members(one.input_schema)),
                "gives": ", ".join(_members(one.output_schema)),
            }
        )


def _print_history(agent: Agent, history: Iterable[EntryFormat]) -> None:
    lines = _history(agent, history)
    if lines:
        console.out.print()
        console.out.print(Text("History", style="bold"))
    for line in lines:
        console.out.print(f"  {line['at'][:19]}  {line['change']} by {line['by']}")
        for what in line["what"]:
            console.out.print(f"    {what}")


def _print_pairs(pairs: Mapping[str, str | None]) -> None:
    for name, value in pairs.items():
        if value:
            console.out.print(f"  {name:<11}{_words(value)}")


def _print_list(registry: Registry) -> None:
    table = Table("agent", "type", "version", "address", "actions", box=None, pad_edge=False)
    for agent in registry.agents:
        actions = ", ".join(one.action for one in agent.capabilities)
        table.add_row(agent.id, agent.type, _words(agent.version), agent.url or "-", actions)
    console.out.print(table, soft_wrap=False)


def _print_health(found: Iterable[Health]) -> None:
    for one in found:
        console.out.print(Text.assemble(f"{one.agent}: ", (one.state, _STATES[one.state])))
        for line in one.drift:
            console.out.print(f"  {_words(line)}")


def _note_trust(file: RegistryFile | None) -> None:
    """Say what the list is worth where it is not the operator's word."""
    if file is None:
        console.note("They ship with the package; nothing says that they run. `planexe-dag up` starts them.")
    elif find_operator(file.keys) is None:
        console.note(f"There is no operator.pub in {file.keys}, so nothing says whose registry this is.")


def _summary(agent: Agent) -> dict[str, Any]:
    actions = [_action(one) for one in agent.capabilities]
    return {"id": agent.id, "type": agent.type, "version": agent.version, "url": agent.url} | {
        "fingerprint": fingerprint(agent.public_key) if agent.public_key else None,
        "actions": actions,
    }


def _action(one: Capability) -> dict[str, str]:
    return {"name": one.action, "description": one.description, "side_effects": one.side_effects}


def _evidence(agent: Agent, history: Iterable[EntryFormat]) -> dict[str, Any]:
    key = fingerprint(agent.public_key) if agent.public_key else None
    return {"fingerprint": key, "history": _history(agent, history)}


def _history(agent: Agent, history: Iterable[EntryFormat]) -> list[dict[str, Any]]:
    return [
        {"at": entry.at, "by": entry.by, "change": one.change, "what": list(one.what)}
        for entry in history
        for one in entry.changes
        if one.agent == agent.id
    ]


def _members(schema: Mapping[str, Any]) -> Iterator[str]:
    """Name the members of an object; those that may be missing in brackets."""
    required = schema.get("required", ())
    for name in schema.get("properties", ()):
        yield name if name in required else f"[{name}]"


def _count(registry: Registry) -> str:
    count = len(registry.agents)
    return f"{count} agent{' is' if count == 1 else 's are'} in"


def _words(text: str) -> str:
    return shorten(clean_line(text), LONGEST)
