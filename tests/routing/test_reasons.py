from __future__ import annotations

from dataclasses import replace

import pytest

from planexe_dag_factory.plan.model import Phase, Plan, Step, WorkPackage
from planexe_dag_factory.routing.model import Override, Policy, Registry, Rule
from planexe_dag_factory.routing.reasons import Explainer, Reasons
from planexe_dag_factory.routing.registry import load_registry
from planexe_dag_factory.routing.route import route_plan

REGISTRY = load_registry(None)
STEP = Step("s", "Draft the handbook", "p", "w", "Write the text of the handbook.")
MEETING = replace(STEP, title="Negotiate terms with investors", description="Meet them and agree.")


def explain(step: Step, policy: Policy | None = None, registry: Registry = REGISTRY) -> tuple[str, Reasons]:
    policy = policy or Policy()
    plan = Plan("plan", "Plan", (Phase("p", "P", (WorkPackage("w", "W", "p", (step,)),)),), owner="Dana")
    routes, _ = route_plan(plan, registry, policy)
    return routes["s"].executor, Explainer(plan, registry, policy).explain(step, routes["s"])


def rule(**override: object) -> Policy:
    return Policy(rules=(Rule(Override(**override), step="s"),))  # type: ignore[arg-type]


def test_an_agents_step_says_the_caution_that_would_give_it_to_a_person_and_that_caution_does() -> None:
    executor, reasons = explain(STEP)

    assert (executor, reasons.decided_by) == ("reporting", "matcher")
    above = float(reasons.would_change.split("A caution above ")[1].split()[0])
    assert reasons.would_change.endswith('and so does {"step": "s", "executor": "human"} in the policy.')
    assert explain(STEP, Policy(caution=min(1.0, above + 0.01)))[0] == "human"
    assert explain(STEP, Policy(caution=above - 0.01))[0] == "reporting"


def test_a_persons_step_says_the_caution_that_would_give_it_to_an_agent_and_the_nearest_agents() -> None:
    executor, reasons = explain(MEETING)

    assert (executor, reasons.decided_by) == ("human", "matcher")
    assert reasons.nearest
    below = float(reasons.would_change.split("A caution of ")[1].split()[0])
    assert explain(MEETING, Policy(caution=below))[0] != "human"
    first = reasons.nearest[0]
    action = f"{first.agent}.{first.action}"
    assert f'{{"step": "s", "action": "{action}"}} in the policy gives it to {first.agent}' in reasons.would_change
    assert explain(MEETING, rule(action=action))[0] != "human"


@pytest.mark.parametrize(
    ("step", "policy", "decided_by", "would_change"),
    [
        (
            STEP,
            rule(executor="human"),
            "policy",
            "Without what the policy (step s) says of it, it goes to reporting, by the matcher.",
        ),
        (
            replace(STEP, human_required=True),
            rule(action="reporting.draft_document"),
            "policy",
            "Without what the policy (step s) says of it, it goes to a person, as the plan requires.",
        ),
        (
            replace(STEP, action="assess"),
            rule(executor="human"),
            "policy",
            "Without what the policy (step s) says of it, it goes to assess, as the plan asks.",
        ),
        (
            replace(STEP, action="assess"),
            None,
            "plan",
            (
                '{"step": "s", "executor": "human"} in the policy gives it to a person; '
                "without the action in the plan it goes to reporting, by the matcher."
            ),
        ),
        (
            replace(STEP, human_required=False),
            None,
            "matcher",
            '{"step": "s", "executor": "human"} in the policy gives it to a person.',
        ),
    ],
)
def test_what_somebody_asked_for_says_who_and_what_it_would_be_without(
    step: Step, policy: Policy | None, decided_by: str, would_change: str
) -> None:
    _, reasons = explain(step, policy)

    assert (reasons.decided_by, reasons.would_change) == (decided_by, would_change)


def test_a_step_that_the_plan_keeps_for_a_person_names_the_nearest_agent() -> None:
    _, reasons = explain(replace(STEP, human_required=True))

    assert reasons.decided_by == "plan"
    assert reasons.would_change.endswith("in the policy gives it to reporting, which is the nearest.")


def test_without_agents_only_registering_one_helps() -> None:
    executor, reasons = explain(STEP, registry=Registry())

    assert (executor, reasons.nearest) == ("human", ())
    assert reasons.would_change == "An agent that publishes such work, once it is registered."


def test_words_that_nobody_knows_are_not_said_to_hang_on_caution() -> None:
    _, reasons = explain(replace(STEP, title="Xyzzy plugh", description=""))

    assert reasons.would_change.startswith("An agent that publishes such work, once it is registered; ")


def test_each_kind_of_gate_says_what_takes_it_away() -> None:
    buy = replace(STEP, title="Buy ovens", description="")
    small = replace(STEP, title="Bring EUR 5,000", description="", human_required=True)

    assert [explain(step)[1].gate_would_change for step in (STEP, buy, small)] == [
        '{"step": "s", "gate": "budget"} in the policy asks for an approval first.',
        '{"step": "s", "gate": "none"} in the policy lets it start without an approval.',
        "A higher budget_limit in the policy lets it start without an approval.",
    ]
