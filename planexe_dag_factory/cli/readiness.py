"""`planexe-dag check`: how ready a plan is, before anything runs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from planexe_agents.networks import Networks
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from planexe_dag_factory.cli import console
from planexe_dag_factory.cli.plans import INVALID, build
from planexe_dag_factory.cli.reaching import access
from planexe_dag_factory.compile.build import Build, problem_json
from planexe_dag_factory.delegation.cards import Health, check_agents
from planexe_dag_factory.delegation.readiness import WEIGHTS, Readiness, Verdict, assess_readiness
from planexe_dag_factory.errors import PeopleError
from planexe_dag_factory.routing.people import load_people
from planexe_dag_factory.stack import lifecycle
from planexe_dag_factory.stack.home import Home

EXITS: dict[Verdict, int] = {"ready": 0, "invalid": INVALID, "conditional": 4, "not ready": 6}
_COLOURS: dict[Verdict, str] = {"ready": "green", "conditional": "yellow", "not ready": "red", "invalid": "red"}
_BAR = 20


def check(
    plan: Path, registry: Path | None, people: Path | None, networks: Networks | None, *, offline: bool, as_json: bool
) -> int:
    home = Home.below(Path.cwd())
    if registry is None and lifecycle.running(home):
        registry = home.registry
    built = build(plan, registry)
    if built is None:
        return INVALID
    try:
        known = load_people(people) if people else None
    except PeopleError as error:
        console.print_problems(error.name, error.problems)
        return INVALID
    found = assess_readiness(built, known, None if offline else _health(built, registry, networks))
    if as_json:
        console.print_json(_document(built, found))
    else:
        _print(plan, built, found)
    return EXITS[found.verdict]


def _health(built: Build, registry: Path | None, networks: Networks | None) -> Collection[Health]:
    """Ask every agent that a step may go to; one without an address cannot be asked."""
    routes = built.routes.values() if built.routes and built.spec else ()
    wanted = {one.agent for route in routes for one in route.candidates}
    agents = [agent for agent in (built.registry.agents if built.registry else ()) if agent.id in wanted]
    addressed = [agent for agent in agents if agent.url]
    conn_ids = [agent.conn_id for agent in addressed]
    reached = access(networks, conn_ids, registry) if registry else None
    homeless = "it has no address: it ships with the package and is not running here"
    return (
        *check_agents(addressed, reached),
        *(Health(agent.id, "unreachable", (homeless,)) for agent in agents if not agent.url),
    )


def _document(built: Build, found: Readiness) -> dict[str, Any]:
    return {
        "plan_id": built.plan.id if built.plan else None,
        "verdict": found.verdict,
        "score": round(found.score, 3) if found.measures else None,
        "parts": [
            {
                "name": name,
                "weight": weight,
                "score": round(found.part(name), 3),
                "measures": [
                    {"what": one.what, "share": round(one.share, 3), "done": one.done, "total": one.total}
                    for one in found.measures
                    if one.part == name
                ],
            }
            for name, weight in WEIGHTS.items()
        ]
        if found.measures
        else [],
        "raise": [{"do": one.remedy, "part": one.part, "gain": round(one.gain, 3)} for one in found.advice],
        "problems": [problem_json(problem) for problem in found.problems],
    }


def _print(plan: Path, built: Build, found: Readiness) -> None:
    console.print_problems(str(plan), found.problems)
    if not found.measures or built.plan is None:
        return
    console.out.print(
        Text.assemble(
            (f"{built.plan.title}: ", "bold"),
            (f"{found.verdict}, {found.score:.2f}", f"bold {_COLOURS[found.verdict]}"),
        )
    )
    console.out.print(_table(found), soft_wrap=False)
    if found.advice:
        console.out.print(Text("What would raise it", style="bold"))
    for one in found.advice:
        console.out.print(f"  +{one.gain:.2f}  {one.remedy} ({one.done} of {one.total} {one.what})")


def _table(found: Readiness) -> Table:
    table = Table("part", "weight", "score", "", "made of", box=None, pad_edge=False)
    for name, weight in WEIGHTS.items():
        score = found.part(name)
        made_of = "\n".join(
            f"{one.done} of {one.total} {one.what}" for one in found.measures if one.part == name and one.total
        )
        table.add_row(
            name,
            f"{weight:.2f}",
            f"{score:.2f}",
            ProgressBar(total=1, completed=score, width=_BAR),
            Text(made_of or "nothing of the kind in this plan"),
        )
    return table
