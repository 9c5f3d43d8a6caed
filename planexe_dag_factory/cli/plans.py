"""The commands about a plan: they start nothing and touch nothing."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from planexe_dag_factory.cli import console
from planexe_dag_factory.cli.explanation import explanation_tree
from planexe_dag_factory.compile.build import Build, build_plan, validation
from planexe_dag_factory.compile.explain import explain as explain_build
from planexe_dag_factory.errors import PeopleError, RecordError, RegistryError
from planexe_dag_factory.learning.experience import Experience, with_experience
from planexe_dag_factory.plan import native
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.record.keys import public_keys
from planexe_dag_factory.report.explanation import explanation_page
from planexe_dag_factory.routing.people import load_people, people_schema, unmapped_roles
from planexe_dag_factory.routing.policy import policy_schema
from planexe_dag_factory.routing.policy_draft import draft_policy
from planexe_dag_factory.routing.policy_file import policy_path
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.spec.codec import dump_spec
from planexe_dag_factory.stack.home import Home

OK, INVALID = 0, 1


def build(plan: Path, registry: Path | None, people: Path | None = None) -> Build | None:
    """Build a plan with a registry; where the registry or the people file is unusable, say so and return None."""
    try:
        return _with_people(build_plan(plan, load_registry(registry)), people)
    except (RegistryError, PeopleError) as error:
        console.print_problems(error.name, error.problems)
        return None


def _with_people(built: Build, people: Path | None) -> Build:
    """Add a warning for every role that the people file does not know. Raises PeopleError."""
    if people is None or built.routes is None:
        return built
    return replace(built, problems=(*built.problems, *unmapped_roles(built.routes, load_people(people))))


def validate(plan: Path, registry: Path | None, people: Path | None = None, *, as_json: bool) -> int:
    built = build(plan, registry, people)
    if built is None:
        return INVALID
    if as_json:
        console.print_json(validation(built))
    else:
        console.print_problems(str(plan), built.problems)
        if built.plan and built.spec:
            console.out.print(f"{plan}: a valid plan of {len(built.plan.steps)} steps, DAG {built.spec.dag_id}")
    return OK if built.spec else INVALID


@dataclass(frozen=True, slots=True)
class Taught:
    """Where what earlier runs have taught lies, and the public keys that vouch for it (None: the stack's here)."""

    root: str
    keys: Path | None = None

    def open(self) -> Experience | None:
        """Return what is there; None where no key vouches for anything. Raises RecordError for what is no key."""
        keys = self.keys or Home.below(Path.cwd()).keys
        if self.keys is None and not any(keys.glob("*.pub")):
            return None
        return Experience.below(RunFolder(self.root), public_keys(keys))


def explain(
    plan: Path,
    registry: Path | None,
    people: Path | None,
    taught: Taught,
    *,
    page: Path | None = None,
    why: bool = False,
    as_json: bool,
) -> int:
    built = build(plan, registry, people)
    if built is None:
        return INVALID
    explained = explain_build(built)
    try:
        experience = taught.open()
    except RecordError as error:
        console.print_error(error)
        return INVALID
    if experience and built.spec and built.routes is not None and built.policy:
        explained = with_experience(explained, built.routes, built.policy, experience)
    if page:
        page.write_text(explanation_page(explained), encoding="utf-8")
        console.note(f"Written: {page}")
    if as_json:
        console.print_json(explained)
    elif not page or not built.spec:
        console.print_problems(str(plan), built.problems)
        if built.spec:
            console.out.print(explanation_tree(explained, why=why), soft_wrap=False)
    return OK if built.spec else INVALID


def spec(plan: Path, registry: Path | None) -> int:
    built = build(plan, registry)
    if built is None or built.spec is None:
        console.print_problems(str(plan), built.problems if built else ())
        return INVALID
    sys.stdout.buffer.write(dump_spec(built.spec))
    return OK


def draft(plan: Path, registry: Path | None, people: Path | None, target: Path | None) -> int:
    target = target or policy_path(plan)
    if target.exists():
        console.print_error(f"{target} is there already: write another with --out, or take it away first.")
        return INVALID
    try:
        known = load_people(people) if people else None
        built = build(plan, registry)
    except PeopleError as error:
        console.print_problems(error.name, error.problems)
        return INVALID
    if built is None:
        return INVALID
    if built.plan is None or built.spec is None or built.routes is None or built.registry is None:
        console.print_problems(str(plan), built.problems)
        return INVALID
    document = draft_policy(built.plan, built.routes, built.registry, known)
    target.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    console.out.print(f"{target}: {len(document['rules'])} rules to turn on; as written it changes nothing")
    return OK


def schema(of: Literal["plan", "policy", "people"]) -> int:
    schemas = {"plan": native.schema, "policy": policy_schema, "people": people_schema}
    console.print_json(schemas[of]())
    return OK
