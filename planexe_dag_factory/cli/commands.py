"""`planexe-dag`: every command parses its words here and does its work in a module of its own.

Modules are imported where they are used, so that `--help` answers at once.
"""

# ruff: noqa: FBT002 -- a flag of a command line is a boolean with a default
# ruff: noqa: PLC0415 -- see the docstring
from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from planexe_dag_factory.cli.agents import NetworksOption, agents_app
from planexe_dag_factory.cli.audit import Root, RunName, audit_app, keys_app
from planexe_dag_factory.cli.lessons import RUN_ROOT, PublicKeys, RunRoot, lessons_app
from planexe_dag_factory.cli.snapshots import snapshots_app
from planexe_dag_factory.cli.ticket_commands import tickets_app

app = typer.Typer(
    name="planexe-dag",
    help="Turn PlanExe plans into Airflow DAGs that agents and people carry out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(agents_app, name="agents")
app.add_typer(lessons_app, name="lessons")
app.add_typer(tickets_app, name="tickets")
policy_app = typer.Typer(
    help="The policy beside a plan, which corrects anything that is derived.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(policy_app, name="policy")
app.add_typer(audit_app, name="audit")
app.add_typer(keys_app, name="keys")

_Plan = Annotated[
    Path,
    typer.Argument(
        metavar="PLAN",
        exists=True,
        help="A plan of our own format, a PlanExe run folder, its zip, or its WBS JSON alone.",
        show_default=False,
    ),
]
_Registry = Annotated[
    Path | None,
    typer.Option(
        "--registry",
        exists=True,
        dir_okay=False,
        help="The registry of agents; without it, the four agents of the package.",
        show_default=False,
    ),
]
_People = Annotated[
    Path | None,
    typer.Option(
        "--people",
        exists=True,
        dir_okay=False,
        help="The people file: who stands behind the roles that plans name.",
        show_default=False,
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout, and nothing else.")]
_Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Where Airflow listens; 0 takes a free port.")]


@app.command()
def validate(plan: _Plan, registry: _Registry = None, people: _People = None, json: _Json = False) -> None:
    """Check a plan and list every problem at once. Exits with 1 where the plan is invalid.

    With a people file, also warns of every role of the plan that it does not know.

    \b
    Examples:
      planexe-dag validate dags/examples/hello.json
      planexe-dag validate 20250720_faraday_enclosure.zip --json
    """
    from planexe_dag_factory.cli import plans

    raise typer.Exit(plans.validate(plan, registry, people, as_json=json))


@app.command()
def explain(
    plan: _Plan,
    registry: _Registry = None,
    people: _People = None,
    *,
    json: _Json = False,
    why: Annotated[bool, typer.Option("--why", help="Also say for each step what would change it.")] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", dir_okay=False, help="Write a page for the plan's owner to read and print.", metavar="FILE"
        ),
    ] = None,
    run_root: RunRoot = RUN_ROOT,
    keys: PublicKeys = None,
) -> None:
    """Say who does each step and why, what must be approved first, and what would change either.

    Where runs lie below the run root, it also says what they have taught: what an agent's confidence is worth by the
    reviews of its work, and how long such work takes against what is planned.

    \b
    Examples:
      planexe-dag explain dags/examples/hello.json
      planexe-dag explain my-plan.zip --why
      planexe-dag explain my-plan.zip --html my-plan.html
      planexe-dag explain my-plan.zip --json | jq '.steps[] | select(.gate != "none")'
    """
    from planexe_dag_factory.cli import plans

    taught = plans.Taught(run_root, keys)
    raise typer.Exit(plans.explain(plan, registry, people, taught, page=html, why=why, as_json=json))


@app.command()
def check(
    plan: _Plan,
    registry: _Registry = None,
    people: _People = None,
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the agents whether they answer.")] = False,
    networks: NetworksOption = None,
    json: _Json = False,
) -> None:
    """Say before a run how ready a plan is, what is missing, and what would make it readier.

    Exits with 0 where it is ready (0.80 and more), 4 where it is so on conditions (0.60 to 0.79), 6 where it is not,
    and 1 where the plan is invalid.

    \b
    Examples:
      planexe-dag check my-plan.zip --people people.json
      planexe-dag check my-plan.zip --offline --json
    """
    from planexe_dag_factory.cli import readiness

    raise typer.Exit(readiness.check(plan, registry, people, networks, offline=offline, as_json=json))


@policy_app.command("init")
def init_policy(
    plan: _Plan,
    registry: _Registry = None,
    people: _People = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", dir_okay=False, metavar="FILE", help="Where; without it, beside the plan.", show_default=False
        ),
    ] = None,
) -> None:
    """Write a policy to start from: every setting explained, and what is worth deciding as rules to turn on.

    It lists the steps whose route is doubtful, every approval, and the roles that nobody is known to stand for. As
    written it changes nothing: take the slashes away from what you mean.

    \b
    Examples:
      planexe-dag policy init my-plan.zip
      planexe-dag policy init my-plan.zip --people people.json --out draft.policy.json
    """
    from planexe_dag_factory.cli import plans

    raise typer.Exit(plans.draft(plan, registry, people, out))


@app.command()
def spec(plan: _Plan, registry: _Registry = None) -> None:
    """Print the DAG that a plan compiles to, as JSON: the same bytes every time.

    \b
    Examples:
      planexe-dag spec dags/examples/hello.json
      planexe-dag spec my-plan.zip > my-plan.dagspec.json
    """
    from planexe_dag_factory.cli import plans

    raise typer.Exit(plans.spec(plan, registry))


@app.command()
def schema(
    of: Annotated[
        Literal["plan", "policy", "people"],
        typer.Argument(metavar="[plan|policy|people]", help="Which file it is of.", show_default=False),
    ] = "plan",
) -> None:
    """Print the JSON Schema of a file: of our own plan format, the policy beside a plan, or the people file.

    \b
    Examples:
      planexe-dag schema > plan.schema.json
      planexe-dag schema people > people.schema.json
    """
    from planexe_dag_factory.cli import plans

    raise typer.Exit(plans.schema(of))


@app.command()
def run(
    plan: _Plan,
    autopilot: Annotated[
        bool, typer.Option("--autopilot", help="Let the demo reviewer answer every ticket, under its own name.")
    ] = False,
    json: _Json = False,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=1, metavar="S", help="Give up after so many seconds.")
    ] = None,
) -> None:
    """Run a plan on an embedded Airflow and follow it to its end. Exits with 3 where the run fails.

    Uses the stack that runs in this directory; where none does, starts one and stops it at the end.

    \b
    Examples:
      planexe-dag run dags/examples/hello.json --autopilot
      planexe-dag run my-plan.zip --timeout 3600 --json
    """
    from planexe_dag_factory.cli import runs

    raise typer.Exit(runs.run(plan, autopilot=autopilot, as_json=json, timeout=timeout))


@app.command()
def report(
    run: RunName,
    milestone: Annotated[
        str | None,
        typer.Option("--milestone", metavar="N", help="The report after a milestone: its number, or its id."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", file_okay=False, help="Where to; without it, a folder of its own, here."),
    ] = None,
    runs: Root = None,
    json: _Json = False,
) -> None:
    """Make a report of a run again, as HTML, PDF and JSON: the same bytes from the same run folder.

    Without a milestone it is the final report, or that of a run under way. The run folder is only read.

    \b
    Examples:
      planexe-dag report run/20260302T080000Z-harbour-0a1b2c3d
      planexe-dag report run/20260302T080000Z-harbour-0a1b2c3d --milestone 1 --to /tmp/first
      planexe-dag report 20260302T080000Z-harbour-0a1b2c3d --runs s3://plans/run
    """
    from planexe_dag_factory.cli import reports

    raise typer.Exit(reports.report(run, runs, milestone=milestone, target=to, as_json=json))


@app.command()
def up(port: _Port = 0) -> None:
    """Start the agents and an Airflow of their own, and leave them running.

    Plans dropped into dags/ become DAGs; what belongs to the stack is kept in .planexe/.

    \b
    Examples:
      planexe-dag up
      planexe-dag up --port 8080
    """
    from planexe_dag_factory.cli import stacks

    raise typer.Exit(stacks.up(port))


@app.command()
def down() -> None:
    """Stop what `up` has started in this directory.

    \b
    Examples:
      planexe-dag down
    """
    from planexe_dag_factory.cli import stacks

    raise typer.Exit(stacks.down())


@app.command()
def status(
    url: Annotated[
        str | None, typer.Option("--url", envvar="PLANEXE_DAG_URL", help="Another Airflow than the stack here.")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option("--user", envvar="PLANEXE_DAG_USER", help="Who you are; PLANEXE_DAG_PASSWORD is your password."),
    ] = None,
    json: _Json = False,
) -> None:
    """Say how everything is, what is wrong and what to do about it. Exit code 3: something is wrong.

    \b
    Examples:
      planexe-dag status
      planexe-dag status --json
      planexe-dag status --url https://airflow.example --user ann
    """
    from planexe_dag_factory.cli import health, stacks

    raise typer.Exit(health.status_at(url, user, as_json=json) if url else stacks.status(as_json=json))


app.registered_commands += snapshots_app.registered_commands
