import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from planexe_agents.client import AgentProtocolError, AgentRefused, AgentUnavailable

from planexe_dag_factory.delegation.answers import Answer, open_ticket, take_answer
from planexe_dag_factory.delegation.approval import ApprovalMissingError, record_approval
from planexe_dag_factory.delegation.attempts import Attempt
from planexe_dag_factory.delegation.decision import decide
from planexe_dag_factory.delegation.delegate import NobodyReachableError, delegate
from planexe_dag_factory.delegation.tickets import Place, build_ticket
from planexe_dag_factory.record.events import Actor, read_events
from planexe_dag_factory.routing.model import Registry
from tests.delegation.scenes import GATE, ITEM, NEEDS_BUDGET, ROUTE, Scene, make_scene

ANNA = Actor("person", "anna", "Anna")
PLACE = Place("harbour", "run-1", "survey.human")


def run(scene: Scene, *, last_try: bool = False) -> Attempt | None:
    return asyncio.run(delegate(scene.again(), scene.agents.ask, last_try=last_try))


def actions(scene: Scene) -> list[str]:
    return [event["action"] for event in read_events(scene.step.execution.run)]


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
    assert actions(scene) == ["assignment-sent", "outcome-received"]


def test_a_rejection_goes_to_the_next(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [{"status": "rejected", "reason": "no tide table", "result": {}}, {}])
    attempt = run(scene)
    assert attempt is not None
    assert (attempt.agent, attempt.status, attempt.number) == ("second", "completed", 2)
    assert [assignment.agent for assignment in scene.agents.asked] == ["first", "second"]
    assert scene.agents.asked[0].id != scene.agents.asked[1].id


def test_when_all_reject_the_last_rejection_is_what_is_left(tmp_path: Path) -> None:
    refusal = {"status": "rejected", "reason": "no data", "result": {}}
    attempt = run(make_scene(tmp_path, [refusal, refusal]))
    assert attempt is not None
    assert (attempt.status, attempt.reason) == ("rejected", "no data")


def test_an_agent_out_of_reach_is_worth_another_try_while_there_is_one(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [AgentUnavailable("refused"), AgentUnavailable("refused"), {}])
    with pytest.raises(NobodyReachableError, match="first: refused; second: refused"):
        run(scene)
    attempt = run(scene, last_try=True)
    assert attempt is not None
    assert (attempt.agent, attempt.status) == ("first", "completed")
    assert scene.agents.asked[0].id == scene.agents.asked[2].id  # the same key: never twice


def test_on_the_last_try_it_goes_on_without_an_outcome(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [AgentUnavailable("refused"), AgentUnavailable("refused")])
    attempt = run(scene, last_try=True)
    assert attempt is not None
    assert attempt.status == "unavailable"
    assert decide(scene.again()).decision == "ticket"


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
        "its inputs cannot be built: $: 'budget' is a required property",
    )


def test_inputs_of_the_plan_or_policy_fill_what_is_missing(tmp_path: Path) -> None:
    item = replace(ITEM, route=replace(ROUTE, inputs={"budget": 5}))
    scene = make_scene(tmp_path, [{}], item, inputs=NEEDS_BUDGET)
    run(scene)
    assert scene.agents.asked[0].inputs["budget"] == 5


def test_an_agent_that_has_gone_is_passed_over(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, [{}])
    second = Registry(scene.step.execution.registry.agents[1:])
    attempt = asyncio.run(delegate(scene.again(registry=second), scene.agents.ask, last_try=False))
    assert attempt is not None
    assert attempt.agent == "second"


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
    asyncio.run(delegate(survey, scene.agents.ask, last_try=True))
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
        assert actions(scene) == ["gate-opened", "assignment-sent", "outcome-received"]

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
            ("key", "AAAA", "another key"),
        ],
    )
    def test_a_changed_approval_does_not_hold(self, tmp_path: Path, name: str, value: object, says: str) -> None:
        scene = make_scene(tmp_path, [{}], self.ITEM)
        self.approve(scene)
        scene.step.write_json({**scene.step.read_json("approval.json"), name: value}, "approval.json")
        with pytest.raises(ApprovalMissingError, match=says):
            run(scene)
        assert scene.agents.asked == []

    def test_an_approval_is_void_when_the_work_changes(self, tmp_path: Path) -> None:
        scene = make_scene(tmp_path, [{}], self.ITEM)
        self.approve(scene)
        other = make_scene(tmp_path, [{}], replace(self.ITEM, description="Blow up the pier"))
        step = replace(other.step, execution=replace(other.step.execution, key=scene.step.execution.key))
        with pytest.raises(ApprovalMissingError, match="another payload digest"):
            asyncio.run(delegate(step, other.agents.ask, last_try=False))

    def test_a_plan_that_was_refused_needs_its_own_approval_first(self, tmp_path: Path) -> None:
        whole = replace(ITEM, id="plan", title="The whole plan", route=replace(ROUTE, gate=GATE))
        scene = make_scene(tmp_path, [{}], senior_approval="harmful", others=(whole,))
        with pytest.raises(ApprovalMissingError, match="nobody has approved 'The whole plan'"):
            run(scene)
        record_approval(scene.step.execution.step("plan"), ANNA, approved=True, reason="", amount=None)
        assert run(scene) is not None
