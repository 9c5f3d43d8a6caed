"""The commands about the record of a run and the keys that sign it: they need no Airflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from planexe_agents.signing import fingerprint
from rich.table import Table
from rich.text import Text

from planexe_dag_factory.cli import console
from planexe_dag_factory.errors import RecordError
from planexe_dag_factory.plan.text import spell_out
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.heads import Head, read_heads
from planexe_dag_factory.record.keys import load_ring, public_keys, rotate
from planexe_dag_factory.record.statements import envelope, statements
from planexe_dag_factory.record.verify import Verification, verify_run
from planexe_dag_factory.stack.configuration import Settings
from planexe_dag_factory.stack.home import Home
from planexe_dag_factory.stack.state import read_state

OK, INVALID, NOT_WHOLE = 0, 1, 4
ORDERS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "time": lambda _: 0,
    "step": lambda event: event["about"],
    "actor": lambda event: (event["actor"]["kind"], event["actor"]["id"]),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a record is verified by: public keys, whether it must be sealed, and what was noted of it before."""

    keys: Path | None = None
    sealed: bool = False
    against: tuple[Path, ...] = ()

    def verify(self, run: RunFolder) -> Verification:
        """Verify a record. Raises RecordError where that cannot be done."""
        trusted = public_keys(self.keys) if self.keys else ()
        heads = [head for path in self.against for head in _heads(path)]
        return verify_run(run, trusted, sealed=self.sealed, heads=heads)


def _heads(path: Path) -> tuple[Head, ...]:
    try:
        return read_heads(path.read_text("utf-8"))
    except (OSError, ValueError, RecordError) as error:
        raise RecordError(f"{path} cannot be read as what a record held: {error}") from error


def verify(run: str, runs: str | None, asked: Asked, *, as_json: bool) -> int:
    try:
        found = asked.verify(open_run(run, runs))
    except RecordError as error:
        console.print_error(error)
        return INVALID
    if as_json:
        console.print_json(found.as_json())
    else:
        _print_verdict(found)
    return OK if found.ok else NOT_WHOLE


def show(run: str, runs: str | None, by: str, asked: Asked, *, as_json: bool) -> int:
    try:
        found = asked.verify(open_run(run, runs))
    except RecordError as error:
        console.print_error(error)
        return INVALID
    events = sorted(found.events, key=ORDERS[by])
    if as_json:
        console.print_json(events)
    else:
        _print_summary(found)
        console.out.print(_story(events), soft_wrap=False)
    if found.ok:
        return OK
    console.print_error(f"This record does not hold; see: planexe-dag audit verify {run}")
    return NOT_WHOLE


def export(run: str, runs: str | None, keys: Path | None, out: Path | None, sign: Path | None) -> int:
    try:
        folder = open_run(run, runs)
        found = verify_run(folder, public_keys(keys) if keys else ())
        ring = load_ring(sign) if sign else None
    except RecordError as error:
        console.print_error(error)
        return INVALID
    if not found.ok:
        _print_verdict(found)
        return NOT_WHOLE
    told = (envelope(one, ring.current) if ring else one for one in statements(folder))
    text = "".join(f"{json.dumps(one, sort_keys=True)}\n" for one in told)
    if out:
        out.write_text(text, "utf-8")
        console.note(f"{out}: {text.count(chr(10))} snapshots")
    else:
        typer.echo(text, nl=False)
    return OK


def list_keys(keys: Path | None, *, as_json: bool) -> int:
    try:
        ring = load_ring(_keys(keys))
    except RecordError as error:
        console.print_error(error)
        return INVALID
    rows = [
        (key.public, "signs now" if key is ring.current else "signed before") for key in (ring.current, *ring.retired)
    ]
    if as_json:
        console.print_json([{"public": public, "state": state} for public, state in rows])
    else:
        for public, state in rows:
            console.out.print(f"{public}  {state}, {fingerprint(public)}")
    return OK


def rotate_keys(keys: Path | None, *, ask: bool) -> int:
    folder = _keys(keys)
    try:
        before = load_ring(folder).current
        if ask and not typer.confirm(f"Make a new key in {folder}? Runs under way go on with it", err=True):
            return INVALID
        ring = rotate(folder)
    except RecordError as error:
        console.print_error(error)
        return INVALID
    except OSError as error:
        console.print_error(f"{folder} cannot be written: {error}")
        return INVALID
    console.out.print(f"Signs now   {ring.current.public}")
    console.out.print(f"Before      {before.public}")
    console.note(f"Back up {folder}, and give the new public key to whoever verifies.")
    return OK


def run_root(runs: str | None) -> str:
    """Return where run folders are: as told, else of the stack in this directory."""
    state = read_state(Home.below(Path.cwd()))
    here = Settings.for_folder(Path.cwd(), Home.below(Path.cwd())).run_root
    return runs or (state.run_root if state else str(here))


def open_run(run: str, runs: str | None) -> RunFolder:
    """Find a run by its folder or its name. Raises RecordError where there is none."""
    for folder in (RunFolder(run), RunFolder(run_root(runs)).below(run)):
        if folder is not None and (folder.exists("run.json") or folder.names("audit")):
            return folder
    raise RecordError(f"there is no run {run!r}, neither here nor below {run_root(runs)}")


def _keys(keys: Path | None) -> Path:
    return keys or Home.below(Path.cwd()).keys


def _print_verdict(found: Verification) -> None:
    for problem in found.problems:
        colour = "red" if problem.severity == "error" else "yellow"
        console.out.print(Text(spell_out(f"{problem.code}: {problem.where.file} {problem.message}"), style=colour))
        console.out.print(Text(f"    {problem.hint}", style="dim"))
    _print_summary(found)
    if found.ok:
        seal = f", last seal {found.head.seal}" if found.head.seal else ""
        console.out.print(Text(f"Head: root {found.head.root}{seal}", style="dim"), soft_wrap=True)


def _print_summary(found: Verification) -> None:
    for key in (key for key in found.keys if key.origin == "self-declared"):
        said = (
            f"The orchestrator's key is only what the record itself says ({key.fingerprint}): who could write all "
            "of it could have chosen it. Give the key with --keys."
        )
        console.out.print(Text(said, style="yellow"))
    counted = f"{len(found.events)} events, {found.files} files"
    if not found.ok:
        console.out.print(Text(f"{found.run}: this record does not hold ({counted})", style="bold red"))
    elif found.state == "sealed":
        console.out.print(Text(f"{found.run}: whole, from the beginning to its seal ({counted})", style="bold green"))
    else:
        said = "whole as far as it goes; the run has not ended, or what came after was cut off"
        console.out.print(Text(f"{found.run}: {said} ({counted})", style="bold green"))


def _story(events: list[Mapping[str, Any]]) -> Table:
    table = Table("when (UTC)", "who", "what", "about", "details", box=None, pad_edge=False)
    for event in events:
        cells = (event["at"][:19].replace("T", " "), _who(event["actor"]), event["action"], event["about"])
        table.add_row(*(Text(cell) for cell in cells), Text(_details(event["details"])))
    return table


def _who(actor: Mapping[str, Any]) -> str:
    via = f" ({', '.join(filter(None, (actor.get('via'), actor.get('auth'))))})" if actor.get("via") else ""
    return "PlanExe" if actor["kind"] == "orchestrator" else f"{actor['kind']} {actor.get('name') or actor['id']}{via}"


def _details(details: Mapping[str, Any]) -> str:
    shown = (
        f"{name}: {value}"
        for name, value in details.items()
        if value is not None and not isinstance(value, dict | list)
    )
    return ", ".join(shown)[:200]
