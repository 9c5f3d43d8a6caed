import asyncio
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planexe_agents.client import (
    AgentDistrusted,
    AgentForbidden,
    AgentOverdue,
    AgentProtocolError,
    AgentRefused,
    AgentUnavailable,
)
from planexe_agents.protocol import Assignment, Outcome

from planexe_dag_factory.delegation.answers import Answer, open_ticket, take_answer
from planexe_dag_factory.delegation.approval import ApprovalMissingError, record_approval
from planexe_dag_factory.delegation.attempts import Attempt
from planexe_dag_factory.delegation.decision import decide
from planexe_dag_factory.delegation.delegate import WAITS, NobodyReachableError, delegate
from planexe_dag_factory.delegation.execution import Execution
from planexe_dag_factory.delegation.history import History
from planexe_dag_factory.delegation.standing import Fate
from planexe_dag_factory.delegation.tickets import Place, build_ticket
from planexe_dag_factory.delegation.turns import take_turns
from planexe_dag_factory.errors import Problem, RegistryError
from planexe_dag_factory.record.events import Actor, read_events
from planexe_dag_factory.routing.model import Agent, Candidate, Registry
from tests.delegation.scenes import GATE, ITEM, NEEDS_BUDGET, ROUTE, Scene, make_scene

ANNA = Actor("person", "anna", "Anna")
PLACE = Place("harbour", "run-1", "survey.human")


def run(scene: Scene, *, last_try: bool = False, agent_s: float | None = None) -> Attempt | None:
    told = delegate(scene.again(), scene.agents.ask, scene.agents.wait, last_try=last_try, agent_s=agent_s)
    return asyncio.run(told)


def actions(scene: Scene) -> list[str]:
    return [event["action"] for event in read_events(scene.step.execution.run)]


def rerouted(scene: Scene) -> list[tuple[str, str, str]]:
    told = (event["details"] for event in read_events(scene.step.execution.run) if event["action"] == "re-routed")
    return [(one["before"], one["to"], one["why"]) for one in told]


def test_the_first_candidate_does_it(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [{}])
    attempt = run(scene)
    assert attempt is not None
    assert (attempt.agent, attempt.status, attempt.number) == ("first", "completed", 1)
    (sent,) = scene.agents.asked
    assert sent.inputs == {"title": "Survey the tides", "documents": sent.context["documents"]}
    assert [document["name"] for document in sent.context["documents"]] == ["tides.md", "b.md"]
    assert [(e["id"], e["depends_on"]) for e in sent.context["estimates"]] == [("p1", []), ("p2", ["p1"])]
    assert scene.step.read_json("001", "assignment.json")["id"] == sent.id
    assert actions(scene) == ["candidates-ordered", "assignment-sent", "outcome-received"]


def test_a_rejection_goes_to_the_next(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [{"status": "rejected", "reason": "no tide table", "result": {}}, {}])
    attempt = run(scene)
    assert attempt is not None
    assert (attempt.agent, attempt.status, attempt.number) == ("second", "completed", 2)
    assert [assignment.agent for assignment in scene.agents.asked] == ["first", "second"]
    assert scene.agents.asked[0].id != scene.agents.asked[1].id
    assert rerouted(scene) == [("first.compute", "second.compute", "rejected")]


def test_when_all_reject_the_last_rejection_is_what_is_left(tmp_path: Path) -> None:
    refusal = {"status": "rejected", "reason": "no data", "result": {}}
    attempt = run(make_scene(tmp_path, [refusal, refusal]))
    assert attempt is not None
    assert (attempt.status, attempt.reason) == ("rejected", "no data")


def test_what_no_agent_did_is_re_routed_to_people(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [{"status": "rejected", "reason": "no data", "result": {}}, AgentUnavailable("down")])
    run(scene, last_try=True)
    decide(scene.again())
    assert rerouted(scene)[1:] == [("second.compute", "people", "unavailable")]


def test_an_agent_out_of_reach_is_worth_another_try_while_there_is_one(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [AgentUnavailable("refused"), AgentUnavailable("refused"), {}])
    with pytest.raises(NobodyReachableError, match="first: refused; second: refused"):
        run(scene)
    attempt = run(scene, last_try=True)
    assert attempt is not None
    assert (attempt.agent, attempt.status) == ("first", "completed")
    assert scene.agents.asked[0].id == scene.agents.asked[2].id  # the same key: never twice
    assert decide(scene.again()).decision == "accept"  # though the second was asked after it, in vain


def test_on_the_last_try_it_goes_on_without_an_outcome(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [AgentUnavailable("refused"), AgentUnavailable("refused")])
    attempt = run(scene, last_try=True)
    assert attempt is not None
    assert attempt.status == "unavailable"
    assert decide(scene.again()).decision == "ticket"


def test_an_outcome_that_is_not_the_agents_own_is_never_taken_and_the_ticket_says_so(tmp_path: Path) -> None:
    error = AgentDistrusted("http://127.0.0.1:1/ answered with an outcome that is not signed with the registered key")
    scene = make_scene(tmp_path, [error, error])
    attempt = run(scene)
    assert attempt is not None
    assert attempt.status == "untrusted"
    decision = decide(scene.again())
    assert decision.decision == "ticket"
    assert "second sent an outcome that is not trusted (http://127.0.0.1:1/ answered with an outcome that is" in (
        decision.why
    )


def test_an_agent_that_is_where_no_agent_may_be_is_not_asked_and_the_next_is(tmp_path: Path) -> None:
    scene = make_scene(
        tmp_path, [AgentForbidden("http://first/run is not asked: 10.0.0.1 is not a public address"), {}]
    )
    attempt = run(scene)
    assert attempt is not None
    assert (attempt.agent, attempt.status) == ("second", "completed")
    first, _ = decide(scene.again()).tried
    assert (first.agent, first.status) == ("first", "unavailable")
    assert first.reason.endswith("10.0.0.1 is not a public address")


@pytest.mark.parametrize("error", [AgentProtocolError("not JSON"), AgentRefused("no such action", 422)])
def test_nonsense_goes_to_the_next(tmp_path: Path, error: Exception) -> None:
    attempt = run(make_scene(tmp_path, [error, {}]))
    assert attempt is not None
    assert (attempt.agent, attempt.status) == ("second", "completed")


def test_a_result_that_does_not_fit_is_a_rejection(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [{"result": {"answer": "many"}}, {}])
    attempt = run(scene)
    assert attempt is not None
    assert attempt.agent == "second"
    assert scene.step.read_json("001", "failure.json")["reason"] == (
        "its result is wrong: $.answer: 'many' is not of type 'integer'"
    )


def test_a_step_whose_inputs_cannot_be_built_is_not_sent(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, inputs=NEEDS_BUDGET)
    attempt = run(scene)
    assert attempt is not None
    assert scene.agents.asked == []
    assert (attempt.status, attempt.reason) == (
        "unfit",
        "$.budget: missing, neither the plan nor its policy gives it",
    )
    assert decide(scene.again()).why == (
        "no agent did this step: first could not be asked ($.budget: missing, neither the plan nor its policy gives it)"
        "; second could not be asked ($.budget: missing, neither the plan nor its policy gives it)"
    )


def test_an_input_of_the_wrong_kind_is_named_by_its_path(tmp_path: Path) -> None:
    item = replace(ITEM, route=replace(ROUTE, inputs={"budget": "much"}))
    attempt = run(make_scene(tmp_path, item=item, inputs=NEEDS_BUDGET))
    assert attempt is not None
    assert (attempt.status, attempt.reason) == ("unfit", "$.budget: 'much' is not of type 'number'")


def test_inputs_of_the_plan_or_policy_fill_what_is_missing(tmp_path: Path) -> None:
    item = replace(ITEM, route=replace(ROUTE, inputs={"budget": 5}))
    scene = make_scene(tmp_path, [{}], item, inputs=NEEDS_BUDGET)
    run(scene)
    assert scene.agents.asked[0].inputs["budget"] == 5


def test_an_agent_that_has_gone_is_passed_over(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [{}])
    second = Registry(scene.step.execution.registry.agents[1:])
    attempt = asyncio.run(delegate(scene.again(registry=second), scene.agents.ask, scene.agents.wait, last_try=False))
    assert attempt is not None
    assert attempt.agent == "second"


@pytest.mark.parametrize("change", ["public_key", "capabilities"])
def test_an_agent_that_was_registered_anew_in_the_meantime_is_passed_over(tmp_path: Path, change: str) -> None:
    scene = make_scene(tmp_path, [{}])
    first, second = scene.step.execution.registry.agents
    lax = replace(first.capabilities[0], input_schema={})
    other: dict[str, Any] = {"public_key": second.public_key, "capabilities": (lax,)}
    today = Registry((replace(first, **{change: other[change]}), second))
    attempt = asyncio.run(delegate(scene.again(registry=today), scene.agents.ask, scene.agents.wait, last_try=False))
    assert attempt is not None
    assert attempt.agent == "second"
    assert "than when this run began" in scene.step.read_json("001", "failure.json")["reason"]


def test_a_registry_that_nobody_vouches_for_stops_agents_and_nobody_else(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [{}])

    def refuse() -> Registry:
        raise RegistryError("registry.json", [Problem("error", "bad-signature", "changed after it was signed")])

    execution = scene.step.execution
    step = Execution(execution.run, refuse, execution.key).step("survey")
    with pytest.raises(RegistryError, match="changed after it was signed"):
        asyncio.run(delegate(step, scene.agents.ask, scene.agents.wait, last_try=False))
    assert scene.agents.asked == []
    assert build_ticket(step, "work", Place("harbour", "run-1", "survey.human"), "nobody else can")["kind"] == "work"


def test_a_step_that_was_done_is_not_tried_again_for_an_agent_that_was_out_of_reach(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [AgentUnavailable("gone"), {}])
    attempt = run(scene, last_try=False)
    assert attempt is not None
    assert (attempt.agent, attempt.status) == ("second", "completed")
    assert len(scene.agents.asked) == 2


def test_nobody_repeats_what_an_agent_that_has_gone_may_have_done(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [KeyboardInterrupt()], side_effects="irreversible")
    with pytest.raises(KeyboardInterrupt):
        run(scene)
    second = Registry(scene.step.execution.registry.agents[1:])
    attempt = asyncio.run(delegate(scene.again(registry=second), scene.agents.ask, scene.agents.wait, last_try=False))
    assert attempt is not None
    assert (attempt.agent, attempt.status) == ("first", "failed")
    assert "please look first" in decide(scene.again(registry=second)).why


def test_after_a_crash_an_outcome_on_record_is_not_asked_for_again(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [{}])
    first, second = run(scene), run(scene)
    assert first == second
    assert len(scene.agents.asked) == 1


def test_after_a_crash_before_the_outcome_the_same_assignment_is_sent(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [RuntimeError("killed"), {}])
    with pytest.raises(RuntimeError, match="killed"):
        run(scene)
    run(scene)
    assert scene.agents.asked[0] == scene.agents.asked[1]


def test_who_was_asked_once_more_when_the_task_died_is_followed_before_anybody_else_is_asked(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [AgentUnavailable("gone"), AgentUnavailable("gone")])
    with pytest.raises(NobodyReachableError):
        run(scene, last_try=False)
    scene.agents.script[:] = [AgentUnavailable("gone"), RuntimeError("killed"), {}]
    with pytest.raises(RuntimeError, match="killed"):
        run(scene, last_try=False)
    run(scene)
    assert [one.agent for one in scene.agents.asked[-2:]] == ["second", "second"]


def test_a_redo_is_a_new_round_with_the_reviewers_words(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [{"confidence": 0.1}, {}])
    run(scene)
    assert decide(scene.again()).decision == "review"
    step = scene.again()
    ticket = build_ticket(step, "review", PLACE, "why")
    open_ticket(step, ticket)
    assert take_answer(step, ticket, Answer("Redo", {"comment": "use the new table"}, ANNA))
    attempt = run(scene)
    assert attempt is not None
    assert attempt.number == 11
    assert scene.agents.asked[1].instructions == "use the new table"
    assert scene.agents.asked[1].id != scene.agents.asked[0].id


def test_results_of_earlier_steps_come_along(tmp_path: Path) -> None:
    later = replace(ITEM, id="later", upstream=("survey",))
    scene = make_scene(tmp_path, [{}, {}], later, others=(ITEM,))
    survey = scene.step.execution.step("survey")
    asyncio.run(delegate(survey, scene.agents.ask, scene.agents.wait, last_try=True))
    decide(survey)
    run(scene)
    assert scene.agents.asked[1].context["results"] == [
        {
            "step": "survey",
            "title": "Survey the tides",
            "by": "first",
            "status": "done",
            "confidence": 0.9,
            "result": {"answer": 42},
        }
    ]


class TestHolds:
    """An agent that is set aside after faults, or asked for time, is passed over."""

    def note(self, scene: Scene, fate: Fate, *steps: str, agent: str = "first", pause_s: float = 0) -> None:
        for name in steps:
            other = replace(scene.step, item=replace(ITEM, id=name))
            History.beside(scene.step.execution.run).add(other, Candidate(agent, "compute", 1), fate, "", pause_s)

    def test_its_steps_go_elsewhere_and_the_record_says_why(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, [{}])
        self.note(scene, "unavailable", "a", "b", "c")
        attempt = run(scene)
        assert attempt is not None
        assert (attempt.agent, attempt.number) == ("second", 1)
        second, first = scene.step.read_json("001", "order.json")["order"]
        assert (second["agent"], second["why"]) == ("second", "fits 0.50")
        assert first["agent"] == "first"
        assert re.fullmatch(
            r"fits 0.90, set aside until \d\d:\d\d:\d\d UTC after 3 faults in a row, the last: unavailable",
            first["why"],
        )
        assert read_events(scene.step.execution.run)[0]["details"]["order"] == [second, first]
        assert decide(scene.again()).decision == "accept"

    def test_it_is_waited_for_where_nobody_else_can_and_tried_again_after_its_pause(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, [{"status": "rejected", "reason": "no", "result": {}}, {}])
        self.note(scene, "failed", "a", "b", "c")
        attempt = run(scene)
        assert attempt is not None
        assert (attempt.agent, attempt.status) == ("first", "completed")
        assert [assignment.agent for assignment in scene.agents.asked] == ["second", "first"]
        assert [round(seconds) for seconds in scene.agents.waited] == [60]
        assert decide(scene.again()).decision == "accept"

    def test_when_it_stays_away_people_are_asked_and_told(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, [])
        for agent in ("first", "second"):
            self.note(scene, "invalid", "a", "b", "c", agent=agent)

        async def frozen(seconds: float) -> None:
            scene.agents.waited.append(seconds)

        attempt = asyncio.run(delegate(scene.again(), scene.agents.ask, frozen, last_try=False))
        assert attempt is not None
        assert (attempt.status, len(scene.agents.waited), scene.agents.asked) == ("set-aside", WAITS, [])
        decision = decide(scene.again())
        assert decision.decision == "ticket"
        assert "first was not asked (set aside until" in decision.why
        assert "second was not asked (set aside until" in decision.why

    def test_one_that_asks_for_time_gets_it_and_the_next_gets_the_step(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, [AgentUnavailable("429", retry_after=7), {}])
        attempt = run(scene)
        assert attempt is not None
        assert (attempt.agent, scene.agents.waited) == ("second", [])
        assert [one.status for one in decide(scene.again()).tried] == ["busy", "completed"]
        later = replace(scene.step, item=replace(ITEM, id="later"))
        assert [turn.candidate.agent for turn in take_turns(later)] == ["second", "first"]

    def test_one_that_asks_for_time_is_asked_again_where_nobody_else_can(self, tmp_path: Path) -> None:
        alone = replace(ITEM, route=replace(ROUTE, candidates=ROUTE.candidates[:1]))
        scene = make_scene(tmp_path, [AgentUnavailable("429", retry_after=7), {}], alone)
        attempt = run(scene)
        assert attempt is not None
        assert (attempt.status, [round(seconds) for seconds in scene.agents.waited]) == ("completed", [7])
        assert scene.agents.asked[0].id == scene.agents.asked[1].id

    def test_one_that_has_no_time_for_hours_is_waited_for_by_the_clock_and_no_person_is_asked(
        self, tmp_path: Path
    ) -> None:
        alone = replace(ITEM, route=replace(ROUTE, candidates=ROUTE.candidates[:1]))
        scene = make_scene(tmp_path, [*[AgentUnavailable("429", retry_after=600)] * 30, {}], alone)
        attempt = run(scene)
        assert attempt is not None
        assert (attempt.status, round(sum(scene.agents.waited))) == ("completed", 30 * 600)
        assert decide(scene.again()).decision == "accept"
        assert actions(scene).count("candidate-failed") == 1  # that it has no time is said once

    def test_after_a_step_has_waited_its_time_people_are_asked(self, tmp_path: Path) -> None:
        alone = replace(ITEM, route=replace(ROUTE, candidates=ROUTE.candidates[:1]))
        scene = make_scene(tmp_path, [AgentUnavailable("429: no time", retry_after=600)] * 9, alone)
        attempt = run(scene, agent_s=3300)
        assert attempt is not None
        assert (attempt.status, [round(seconds) for seconds in scene.agents.waited]) == ("busy", [600] * 6)
        assert decide(scene.again()).decision == "ticket"

    def test_that_others_keep_an_agent_busy_uses_up_no_wait(self, tmp_path: Path) -> None:
        alone = replace(ITEM, route=replace(ROUTE, candidates=ROUTE.candidates[:1]))
        scene = make_scene(tmp_path, [{}], alone)
        self.note(scene, "busy", "another", pause_s=5)

        async def kept_busy(seconds: float) -> None:
            await scene.agents.wait(seconds)
            if len(scene.agents.waited) < 20:
                self.note(scene, "busy", "another", pause_s=5)

        attempt = asyncio.run(delegate(scene.again(), scene.agents.ask, kept_busy, last_try=False))
        assert attempt is not None
        assert (attempt.status, len(scene.agents.waited)) == ("completed", 20)
        assert [round(seconds) for seconds in scene.agents.waited] == [5] * 3 + [8, 16] + [30] * 15

    def test_one_that_has_had_all_its_time_is_not_waited_for_again(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, [AgentOverdue("no outcome after 86400 s"), {}])
        attempt = run(scene)
        assert attempt is not None
        assert (attempt.agent, attempt.status) == ("second", "completed")
        first, _ = decide(scene.again()).tried
        assert (first.agent, first.status, first.reason) == ("first", "failed", "no outcome after 86400 s")

    def test_the_agent_is_told_how_long_it_may_take(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, [{}])
        run(scene, agent_s=7200)
        assert scene.agents.asked[0].deadline_s == 7200

    def test_what_was_sent_is_followed_whatever_became_of_the_agent_since(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, [RuntimeError("deferred"), {}])
        with pytest.raises(RuntimeError, match="deferred"):
            run(scene)
        self.note(scene, "failed", "a", "b", "c")
        attempt = run(scene)
        assert attempt is not None
        assert (attempt.agent, attempt.status) == ("first", "completed")

    def test_the_order_of_a_round_is_kept_after_a_crash(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, [RuntimeError("killed"), {"status": "rejected", "result": {}}, {}])
        self.note(scene, "rejected", *"abcdefgh")
        with pytest.raises(RuntimeError, match="killed"):
            run(scene)
        self.note(scene, "rejected", *"abcdefghijklmnop", agent="second")
        run(scene)
        assert [assignment.agent for assignment in scene.agents.asked] == ["second", "second", "first"]

    def test_what_became_of_each_is_noted(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, [{"status": "rejected", "result": {}}, AgentProtocolError("not JSON")])
        run(scene)
        history = History.beside(scene.step.execution.run)
        assert [entry.fate for entry in history.read("first")] == ["asked", "rejected"]
        assert [entry.fate for entry in history.read("second")] == ["asked", "invalid"]


@pytest.mark.parametrize(
    "said", [{"status": "failed", "result": {}}, AgentUnavailable("gone"), AgentProtocolError("nonsense")]
)
def test_what_cannot_be_undone_is_never_given_to_a_second_agent_where_the_first_may_have_done_it(
    tmp_path: Path, said: object
) -> None:
    scene = make_scene(tmp_path, [said], side_effects="irreversible")
    attempt = run(scene, last_try=True)
    assert attempt is not None
    assert [assignment.agent for assignment in scene.agents.asked] == ["first"]
    decision = decide(scene.again())
    assert decision.decision == "ticket"
    assert decision.why.endswith("It may have done what cannot be undone, so no other was asked: please look first")


def test_what_cannot_be_undone_goes_to_the_next_after_a_rejection(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [{"status": "rejected", "result": {}}, {}], side_effects="irreversible")
    attempt = run(scene)
    assert attempt is not None
    assert (attempt.agent, attempt.status) == ("second", "completed")


def test_a_step_that_was_completed_is_never_asked_for_again_though_another_was_out_of_reach(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [AgentUnavailable("gone"), {}])
    first, second = run(scene), run(scene)
    assert first is not None
    assert (first.agent, first.status) == ("second", "completed")
    assert second == first
    assert len(scene.agents.asked) == 2


def test_whoever_is_at_work_is_asked_first_though_another_that_was_busy_is_free_again(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [AgentUnavailable("429", retry_after=0), RuntimeError("deferred"), {}])
    with pytest.raises(RuntimeError, match="deferred"):
        run(scene)
    attempt = run(scene)
    assert attempt is not None
    assert [assignment.agent for assignment in scene.agents.asked] == ["first", "second", "second"]


GOOD: dict[str, Any] = {}
COMPLETED: tuple[dict[str, Any], ...] = (GOOD, {"confidence": 0.1})
ANSWERS = (
    *COMPLETED,
    {"status": "rejected", "result": {}},
    {"status": "failed", "result": {}},
    {"result": {"answer": "many"}},
    AgentUnavailable("gone"),
    AgentUnavailable("429", retry_after=5),
    AgentDistrusted("another key"),
    AgentForbidden("link-local"),
    AgentProtocolError("nonsense"),
)


KILLED = RuntimeError("killed")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from((*ANSWERS, KILLED)), min_size=20, max_size=20), st.booleans())
def test_whatever_agents_answer_only_what_fits_is_taken_and_nobody_does_it_twice(
    script: list[Any], irreversible: bool
) -> None:
    with TemporaryDirectory() as folder:
        side_effects = "irreversible" if irreversible else "none"
        scene = make_scene(Path(folder), list(script), side_effects=side_effects)
        tries = iter((False, False, True))
        last_try = next(tries)
        while scene.agents.script:
            try:
                run(scene, last_try=last_try, agent_s=10)  # so that the script is longer than the patience
                break
            except NobodyReachableError:
                last_try = next(tries)
            except RuntimeError:
                continue
        decision = decide(scene.again())
    asked = [assignment.agent for assignment in scene.agents.asked]
    told = list(zip(asked, script, strict=False))
    acted = False
    for (agent, answer), (following, _) in pairwise(told):
        assert answer not in COMPLETED  # whoever completes it is the last to be asked
        assert following == agent or answer != KILLED  # whoever is at work is asked for the outcome first
        acted = _may_have_acted(answer, acted=acted)
        assert following == agent or not (irreversible and acted)
    if told[-1][1] != KILLED:
        expected = {True: "accept" if told[-1][1] == GOOD else "review", False: "ticket"}[told[-1][1] in COMPLETED]
        assert decision.decision == expected
    final = [
        agent
        for agent, answer in told
        if answer != KILLED and not isinstance(answer, AgentUnavailable | AgentForbidden)
    ]
    assert len(set(final)) == len(final)  # who has answered for good is not asked again


def _may_have_acted(answer: Any, *, acted: bool) -> bool:
    """Say whether it may be done already after this answer: one that asks for time says nothing about before."""
    if isinstance(answer, AgentUnavailable):
        return acted or answer.retry_after is None
    return bool(answer != {"status": "rejected", "result": {}})


class TestGates:
    ITEM = replace(ITEM, route=replace(ROUTE, gate=GATE))

    def approve(self, scene: Scene, *, approved: bool = True) -> None:
        record_approval(scene.again(), ANNA, approved=approved, reason="", amount=1000)

    def test_without_an_approval_nothing_is_sent(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, [{}], self.ITEM)
        with pytest.raises(ApprovalMissingError, match="nobody has approved 'Survey the tides'"):
            run(scene)
        assert scene.agents.asked == []
        assert actions(scene) == ["gate-held"]

    def test_with_one_it_goes_on(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, [{}], self.ITEM)
        self.approve(scene)
        attempt = run(scene)
        assert attempt is not None
        assert attempt.status == "completed"
        assert actions(scene) == ["gate-opened", "candidates-ordered", "assignment-sent", "outcome-received"]

    def test_a_rejection_holds(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, [{}], self.ITEM)
        self.approve(scene, approved=False)
        with pytest.raises(ApprovalMissingError, match="another decision: it was 'rejected'"):
            run(scene)

    @pytest.mark.parametrize(
        ("name", "value", "says"),
        [
            ("reason", "changed later", "the signature of its approval is wrong"),
            ("by", {"kind": "person", "id": "mallory"}, "the signature of its approval is wrong"),
            ("signature", "", "the signature of its approval is wrong"),
            ("payload_digest", "sha256:0", "another payload digest"),
            ("plan_digest", "sha256:0", "another plan digest"),
            ("work_item", "other", "another work item"),
            ("key", "AAAA", "the signature of its approval is wrong"),
        ],
    )
    def test_a_changed_approval_does_not_hold(self, tmp_path: Path, name: str, value: object, says: str) -> None:
        scene = make_scene(tmp_path, [{}], self.ITEM)
        self.approve(scene)
        changed = {**scene.step.read_json("approval.json"), name: value}
        scene.step.execution.run.write_json(changed, "steps", "survey", "approval.json")
        with pytest.raises(ApprovalMissingError, match=says):
            run(scene)
        assert scene.agents.asked == []

    def test_an_approval_is_void_when_the_work_changes(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, [{}], self.ITEM)
        self.approve(scene)
        other = make_scene(tmp_path, [{}], replace(self.ITEM, description="Blow up the pier"))
        step = replace(other.step, execution=replace(other.step.execution, key=scene.step.execution.key))
        with pytest.raises(ApprovalMissingError, match="another payload digest"):
            asyncio.run(delegate(step, other.agents.ask, other.agents.wait, last_try=False))

    def test_a_plan_that_was_refused_needs_its_own_approval_first(self, tmp_path: Path) -> None:
        whole = replace(ITEM, id="plan", title="The whole plan", route=replace(ROUTE, gate=GATE))
        scene = make_scene(tmp_path, [{}], senior_approval="harmful", others=(whole,))
        with pytest.raises(ApprovalMissingError, match="nobody has approved 'The whole plan'"):
            run(scene)
        record_approval(scene.step.execution.step("plan"), ANNA, approved=True, reason="", amount=None)
        assert run(scene) is not None


def test_no_further_candidate_is_asked_once_the_gate_is_closed(tmp_path: Path) -> None:
    """It was cleared and refused while the first candidate was at work."""
    scene = make_scene(
        tmp_path,
        [{"status": "rejected", "reason": "no ship", "result": {}}],
        replace(ITEM, route=replace(ROUTE, gate=GATE)),
    )
    record_approval(scene.step, ANNA, approved=True, reason="", amount=None)

    async def ask_and_refuse(agent: Agent, assignment: Assignment) -> Outcome:
        record_approval(scene.step, ANNA, approved=False, reason="storm", amount=None)
        return await scene.agents.ask(agent, assignment)

    with pytest.raises(ApprovalMissingError, match="another decision"):
        asyncio.run(delegate(scene.again(), ask_and_refuse, scene.agents.wait, last_try=True))
    assert [one.agent for one in scene.agents.asked] == ["first"]
