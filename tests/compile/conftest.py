"""Plans written by hand: `{"phase": {"package": "a b c"}}` and pairs of ids, before and after."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from planexe_dag_factory.plan.model import Dependency, Phase, Plan, Step, WorkPackage

Outline = Mapping[str, Mapping[str, str]]
MakePlan = Callable[..., Plan]


def make_plan(outline: Outline, dependencies: Iterable[tuple[str, str]] = (), **fields: Any) -> Plan:
    phases = tuple(
        Phase(
            phase,
            phase.title(),
            tuple(
                WorkPackage(
                    package,
                    package.title(),
                    phase,
                    tuple(Step(step, step.title(), phase, package, source_id=f"uuid-{step}") for step in steps.split()),
                )
                for package, steps in packages.items()
            ),
        )
        for phase, packages in outline.items()
    )
    stated = tuple(Dependency(before, after) for before, after in dependencies)
    return Plan("harbour", "Harbour", phases, dependencies=stated, **fields)


@pytest.fixture(scope="session")
def plan_of() -> MakePlan:
    return make_plan
