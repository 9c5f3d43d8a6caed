"""What a sensor does between two legs: an answer is never lost, and nobody is asked twice for one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput, TaskDeferred

from planexe_dag_factory.airflow import sensors
from planexe_dag_factory.airflow.sensors import ApprovalGateSensor, HumanTicketSensor
from planexe_dag_factory.airflow.triggers import AnswerTrigger
from planexe_dag_factory.delegation import answers
from planexe_dag_factory.delegation.desk import CLAIMED
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.record.events import Actor, read_events
from planexe_dag_factory.routing.model import Reminders
from planexe_dag_factory.routing.people import Assigned, People
from planexe_dag_factory.spec.codec import dump_spec
from tests.delegation.scenes import GATE, ITEM, ROUTE, make_scene

ANSWER = {"params_input": {"comment": "done"}, "responded_by_user": {"id": "anna", "name": "Anna"}}


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The requests that were opened in Airflow."""
    opened: list[dict[str, Any]] = []
    monkeypatch.setattr(sensors, "upsert_hitl_detail", lambda **request: opened.append(request))
    monkeypatch.setattr(sensors, "people", People)
    monkeypatch.setattr(sensors, "notify_path", lambda: None)
    return opened


def at_work(monkeypatch: pytest.MonkeyPatch, step: StepRun) -> StepRun:
    """Let every leg open this step anew, as another process does."""
    monkeypatch.setattr(sensors, "execution_of", lambda _: replace(step.execution))
    return step


class Death(BaseException):
    """The process ends here, as if it were killed."""


def dies(*_: Any, **__: Any) -> None:
    raise Death


def leg(task_id: str, number: int) -> Any:
    ti = SimpleNamespace(id=uuid4(), dag_id="harbour", run_id="run", task_id=task_id, try_number=number, max_tries=2)
    return {"ti": ti, "task": SimpleNamespace(retries=2)}


def parked(act: Any, *words: Any, **named: Any) -> TaskAwaitingInput:
    with pytest.raises(TaskAwaitingInput) as caught:
        act(*words, **named)
    return caught.value


def looks_what_was_kept(act: Any, *words: Any) -> None:
    with pytest.raises(TaskDeferred) as caught:
        act(*words)
    assert isinstance(caught.value.trigger, AnswerTrigger)
    assert caught.value.method_name == "resume"


def test_a_task_that_starts_again_takes_the_answer_that_airflow_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requests: list[dict[str, Any]]
) -> None:
    step = at_work(monkeypatch, make_scene(tmp_path).step)
    sensor = HumanTicketSensor(task_id="survey.human", work_item="survey")
    parked(sensor.execute, leg("survey.human", 1))
    looks_what_was_kept(sensor.execute, leg("survey.human", 2))
    assert (len(requests), step.names("tickets")) == (1, ["001"])  # to open it again would discard the answer
    said = sensor.resume(leg("survey.human", 2), {"chosen_options": ["Done"], **ANSWER})
    assert (said, step.read_json("result.json")["by"]["id"]) == ("Done", "anna")


@pytest.mark.parametrize(("kept", "opened"), [(True, 1), (False, 2)])
def test_a_task_that_starts_again_without_an_answer_waits_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requests: list[dict[str, Any]], kept: bool, opened: int
) -> None:
    step = at_work(monkeypatch, make_scene(tmp_path).step)
    sensor = HumanTicketSensor(task_id="survey.human", work_item="survey")
    parked(sensor.execute, leg("survey.human", 1))
    looks_what_was_kept(sensor.execute, leg("survey.human", 2))
    waiting = parked(sensor.resume, leg("survey.human", 2), {"open": kept})
    assert (waiting.timeout, len(requests), step.names("tickets")) == (None, opened, ["001"])


def test_an_answer_on_record_takes_its_effect_though_its_task_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requests: list[dict[str, Any]]
) -> None:
    step = at_work(monkeypatch, make_scene(tmp_path).step)
    sensor = HumanTicketSensor(task_id="survey.human", work_item="survey")
    parked(sensor.execute, leg("survey.human", 1))
    with monkeypatch.context() as death:
        death.setattr(answers, "write_result", dies)
        with pytest.raises(Death):
            sensor.resume(leg("survey.human", 1), {"chosen_options": ["Done"], **ANSWER})
    assert step.find_json("result.json") is None
    for _ in range(2):  # the second time all of it is there already
        assert sensor.execute(leg("survey.human", 2)) == "Done"
    assert (len(requests), step.names("tickets")) == (1, ["001"])
    assert [event["action"] for event in read_events(step.execution.run, "survey")] == [
        "ticket-opened",
        "ticket-answered",
        "task-retried",
        "step-done",
        "task-retried",
    ]


@pytest.mark.parametrize("as_text", [True, False])
def test_an_answer_counts_as_of_when_airflow_took_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requests: list[dict[str, Any]], as_text: bool
) -> None:
    """Its worker may start long after, and somebody may have claimed the ticket in between."""
    step = at_work(monkeypatch, make_scene(tmp_path).step)
    sensor = HumanTicketSensor(task_id="survey.human", work_item="survey")
    parked(sensor.execute, leg("survey.human", 1))
    given = datetime.now(UTC)
    step.log(CLAIMED, Actor("person", "bert", "Bert"), task="survey.human", n=1)
    event = {"chosen_options": ["Done"], **ANSWER, "responded_at": given.isoformat() if as_text else given}
    assert sensor.resume(leg("survey.human", 1), event) == "Done"
    assert len(requests) == 1


def test_a_refusal_on_record_stays_one_though_its_task_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requests: list[dict[str, Any]]
) -> None:
    gate = replace(GATE, amount=None)
    step = at_work(monkeypatch, make_scene(tmp_path, item=replace(ITEM, route=replace(ROUTE, gate=gate))).step)
    sensor = ApprovalGateSensor(task_id="survey.gate", work_item="survey")
    parked(sensor.execute, leg("survey.gate", 1))
    no = {"chosen_options": ["Reject"], "params_input": {"comment": "no"}, "responded_by_user": {"id": "anna"}}
    with monkeypatch.context() as death:
        death.setattr(answers, "write_result", dies)
        with pytest.raises(Death):
            sensor.resume(leg("survey.gate", 1), no)
    assert step.read_json("approval.json")["decision"] == "rejected"
    with pytest.raises(AirflowFailException, match="anna said 'Reject'"):
        sensor.execute(leg("survey.gate", 2))
    assert (step.read_json("result.json")["status"], len(requests)) == ("refused", 1)


def test_a_task_that_was_answered_and_cleared_by_hand_asks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requests: list[dict[str, Any]]
) -> None:
    step = at_work(monkeypatch, make_scene(tmp_path).step)
    sensor = HumanTicketSensor(task_id="survey.human", work_item="survey")
    parked(sensor.execute, leg("survey.human", 1))
    sensor.resume(leg("survey.human", 1), {"chosen_options": ["Done"], **ANSWER})
    cleared = leg("survey.human", 2)
    cleared["ti"].max_tries = 3
    parked(sensor.execute, cleared)
    assert (len(requests), step.names("tickets")) == (2, ["001", "002"])
    assert step.read_json("tickets", "002", "ticket.json")["previous"].startswith("This was asked before")


def test_a_timeout_reminds_and_waits_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requests: list[dict[str, Any]]
) -> None:
    step = make_scene(tmp_path).step
    reminders = Reminders(after_hours=(0.0, 1.0))
    step.execution.run.write_bytes(dump_spec(replace(step.execution.spec, reminders=reminders)), "dagspec.json")
    at_work(monkeypatch, step)
    sensor = HumanTicketSensor(task_id="survey.human", work_item="survey")
    assert parked(sensor.execute, leg("survey.human", 1)).timeout == timedelta(0)
    waiting = parked(sensor.resume, leg("survey.human", 1), {"error": "x", "error_type": "timeout"})
    assert waiting.timeout is not None
    assert timedelta(minutes=59) < waiting.timeout <= timedelta(hours=1)
    actions = [event["action"] for event in read_events(step.execution.run, "survey")]
    assert actions == ["ticket-opened", "ticket-reminded"]
    assert len(requests) == 1


def test_a_gate_asks_again_until_enough_have_approved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requests: list[dict[str, Any]]
) -> None:
    gate = replace(GATE, amount=None, approvals_needed=2)
    step = at_work(monkeypatch, make_scene(tmp_path, item=replace(ITEM, route=replace(ROUTE, gate=gate))).step)
    sensor = ApprovalGateSensor(task_id="survey.gate", work_item="survey")
    told: list[str] = []
    office = People(roles={"Treasurer": Assigned(users=("anna", "bert"))})
    monkeypatch.setattr(sensors, "notify_path", lambda: tmp_path)
    monkeypatch.setattr(sensors, "people", lambda: office)
    monkeypatch.setattr(sensors, "tell", lambda _, notice, __: told.append(notice.asked))
    parked(sensor.execute, leg("survey.gate", 1))
    yes = {"chosen_options": ["Approve"], "params_input": {}}
    parked(sensor.resume, leg("survey.gate", 1), {**yes, "responded_by_user": {"id": "anna", "name": "Anna"}})
    second = step.read_json("tickets", "002", "ticket.json")
    assert second["previous"] == "1 of 2 have approved: Anna."
    assert second["asked_since"] == step.read_json("tickets", "001", "ticket.json")["asked_since"]
    assert told == ["anna or bert", "bert"]  # who has approved is not asked again
    said = sensor.resume(leg("survey.gate", 1), {**yes, "responded_by_user": {"id": "bert", "name": "Bert"}})
    assert said == "Approve"
    assert len(requests) == 2
