import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from planexe_agents.client import AgentUnavailable
from planexe_agents.protocol import Usage

from planexe_dag_factory.delegation.budget import LEAST, MOST, grant, settle
from planexe_dag_factory.delegation.decision import decide
from planexe_dag_factory.delegation.delegate import delegate
from planexe_dag_factory.delegation.tickets import Place, build_ticket
from planexe_dag_factory.plan.model import Plan
from planexe_dag_factory.record.events import read_events
from planexe_dag_factory.routing.model import Candidate
from planexe_dag_factory.routing.policy import read_policy
from tests.delegation.scenes import ITEM, ROUTE, Scene, make_scene

SPENT = "it worked without a language model, whose budget is spent"


def scene(folder: Path, script: list[Any], budget: int | None) -> Scene:
    """A step with one candidate, in a run whose policy has a budget."""
    one = replace(ITEM, route=replace(ROUTE, candidates=(Candidate("first", "compute", 0.9),)))
    made = make_scene(folder, script, one)
    made.step.execution.run.write_json({} if budget is None else {"model_budget_tokens": budget}, "policy.json")
    return made


def used(tokens: int) -> dict[str, Any]:
    return {"usage": Usage(model="m", requests=1, input_tokens=tokens - 100, output_tokens=100, cost=0.5)}


def run(made: Scene) -> None:
    asyncio.run(delegate(made.again(), made.agents.ask, made.agents.wait, last_try=True))


def told(made: Scene) -> list[Any]:
    return [assignment.context.get("model_budget") for assignment in made.agents.asked]


def test_without_a_budget_nothing_is_said_or_written(tmp_path: Path) -> None:
    made = scene(tmp_path, [{}], None)
    run(made)
    assert told(made) == [None]
    assert not made.step.execution.run.names("model")
    assert "usage" not in made.step.read_json("001", "outcome.json")


def test_usage_is_in_the_record_and_on_the_ticket(tmp_path: Path) -> None:
    made = scene(tmp_path, [used(700) | {"confidence": 0.1}], None)
    run(made)
    (event,) = (one for one in read_events(made.step.execution.run) if one["action"] == "outcome-received")
    usage = {"model": "m", "requests": 1, "input_tokens": 600, "output_tokens": 100, "cost": 0.5, "measured": True}
    assert event["details"]["usage"] == made.step.read_json("001", "outcome.json")["usage"] == usage
    assert decide(made.again()).decision == "review"
    ticket = build_ticket(made.again(), "review", Place("harbour", "run-1", "survey.human"), "why")
    assert ticket["agent_says"]["usage"] == usage


def test_what_outcomes_took_is_added_up_until_the_budget_stops_it(tmp_path: Path) -> None:
    doubtful = {"confidence": 0.1}
    made = scene(tmp_path, [used(12_000) | doubtful, used(14_000) | doubtful, doubtful], 30_000)
    for why in ("0.70 is asked for", "0.70 is asked for", SPENT):
        run(made)
        decision = decide(made.again())
        assert decision.why.endswith(why)
        assert decision.decision == "review"
    assert told(made) == [{"tokens": MOST}, {"tokens": MOST}, {"tokens": 0}]  # 4,000 left are too few for an answer
    ticket = build_ticket(made.again(), "review", Place("harbour", "run-1", "survey.human"), decision.why)
    assert ticket["why"].endswith(SPENT)


def test_money_is_added_up_too_until_its_budget_is_spent(tmp_path: Path) -> None:
    doubtful = {"confidence": 0.1}
    made = scene(tmp_path, [used(700) | doubtful, used(700) | doubtful, doubtful], None)
    made.step.execution.run.write_json({"model_budget_cost": 0.8}, "policy.json")
    for _ in range(3):
        run(made)
        decision = decide(made.again())
    assert told(made) == [None, None, {"tokens": 0}]  # two times 0.5 are more than 0.8
    assert decision.why.endswith(SPENT)


def test_of_two_budgets_the_one_that_is_spent_first_stops(tmp_path: Path) -> None:
    made = scene(tmp_path, [], 10 * MOST)
    made.step.execution.run.write_json({"model_budget_tokens": 10 * MOST, "model_budget_cost": 0.5}, "policy.json")
    step = made.step
    assert grant(step, 1) == MOST
    settle(step, 1, Usage(model="m", requests=1, input_tokens=900, output_tokens=100))  # nobody said what it cost
    assert grant(step, 2) == MOST
    settle(step, 2, Usage(model="m", requests=1, input_tokens=900, output_tokens=100, cost=0.5))
    assert grant(step, 3) == 0


def test_what_is_granted_counts_until_an_outcome_says_otherwise(tmp_path: Path) -> None:
    made = scene(tmp_path, [], MOST + LEAST)
    step, other = made.step, made.step.execution.step("next")
    assert grant(step, 1) == grant(step, 1) == MOST
    assert grant(other, 1) == LEAST
    assert grant(other, 2) == 0
    settle(step, 1, Usage(model="m", requests=1, input_tokens=5000, output_tokens=1000))
    settle(step, 1, None)  # of two accounts the higher one counts
    assert grant(other, 3) == MOST - 6000
    settle(other, 1, None)
    assert grant(other, 4) == LEAST


def test_an_agent_that_never_answered_may_have_spent_what_it_was_granted(tmp_path: Path) -> None:
    made = scene(tmp_path, [AgentUnavailable("gone")], MOST)
    run(made)
    assert grant(made.step.execution.step("next"), 1) == 0


def test_the_policy_names_the_budget_of_money(tmp_path: Path) -> None:
    file = tmp_path / "p.policy.json"
    plan = Plan("harbour", "Harbour", ())
    file.write_text('{"model_budget_cost": 2.5}')
    policy, problems = read_policy(file, plan)
    assert (policy.model_budget_cost, problems) == (2.5, ())
    for wrong in ("-1", '"10"', "true"):
        file.write_text(f'{{"model_budget_cost": {wrong}}}')
        _, problems = read_policy(file, plan)
        assert [problem.where.path for problem in problems] == ["$.model_budget_cost"]


def test_the_policy_names_the_budget(tmp_path: Path) -> None:
    file = tmp_path / "p.policy.json"
    plan = Plan("harbour", "Harbour", ())
    file.write_text('{"model_budget_tokens": 50000}')
    policy, problems = read_policy(file, plan)
    assert (policy.model_budget_tokens, problems) == (50000, ())
    for wrong in ("-1", "1.5", '"10"', "true"):
        file.write_text(f'{{"model_budget_tokens": {wrong}}}')
        _, problems = read_policy(file, plan)
        assert [problem.where.path for problem in problems] == ["$.model_budget_tokens"]
