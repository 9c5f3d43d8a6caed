import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from planexe_dag_factory.delegation.tickets import OPTIONS, check_answer, form_for, options_for
from planexe_dag_factory.errors import StackError
from planexe_dag_factory.routing.model import Gate, Route
from planexe_dag_factory.spec.model import WorkItem
from planexe_dag_factory.stack.autopilot import Autopilot, answer_to
from planexe_dag_factory.stack.client import AirflowClient


def ticket(kind: Any, amount: float | None = None, previous: str | None = None) -> dict[str, Any]:
    gate = Gate("budget", "buys", "treasurer", amount, "EUR") if kind == "approval" else None
    item = WorkItem("buy", "Buy", "", "phase", None, Route("buy", "human", "", 1.0, "clerk", gate=gate))
    options = [{"id": option.id, "requires": list(option.requires)} for option in options_for(kind, item)]
    return {
        "kind": kind,
        "n": 1,
        "title": "Buy",
        "options": options,
        "form": form_for(kind, item),
        "amount": gate.amount if gate else None,
        "previous": previous,
    }


@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize("amount", [None, 1234.5])
def test_its_answers_are_enough_for_every_kind_of_ticket(kind: str, amount: float | None) -> None:
    asked = ticket(kind, amount)
    answer = answer_to(asked)
    assert check_answer(asked, answer["option"], answer["fields"]) == ()
    assert answer["via"] == "demo-reviewer"


OLD = {"task_id": "buy.gate", "opened_at": "2025-01-01T00:00:00Z"}
NEW = {"task_id": "too-new-to-be-read.gate", "opened_at": "2999-01-01T00:00:00Z"}


def client_of(answer: Callable[[httpx.Request], httpx.Response], user: str = "demo-reviewer") -> AirflowClient:
    """Return a client of a server that gives out one ticket and takes answers as told."""

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            return httpx.Response(201, json={"access_token": "t"})
        if request.method == "POST":
            return answer(request)
        if request.url.path.endswith("/tickets"):
            return httpx.Response(200, json={"tickets": [OLD, NEW], "total": 2})
        return httpx.Response(200, json=ticket("approval", 10.0, previous="comment: needed"))

    return AirflowClient("http://airflow", user, "p", transport=httpx.MockTransport(serve))


def test_it_answers_through_the_api_that_people_use() -> None:
    sent: list[tuple[str, Any]] = []

    def take(request: httpx.Request) -> httpx.Response:
        sent.append((request.url.raw_path.decode(), json.loads(request.content)))
        return httpx.Response(200, json={})

    said: list[str] = []
    pilot = Autopilot(client_of(take), on_answer=said.append)
    assert pilot.answer_open("fete", "manual__2025-01-01T00:00:00+00:00") == 1
    path = "/planexe/api/v1/tickets/fete/manual__2025-01-01T00%3A00%3A00%2B00%3A00/buy.gate/answer"
    fields = {"comment": "Approved for the demonstration.", "amount": 10.0}
    assert sent == [(path, {"option": "Approve", "fields": fields, "via": "demo-reviewer", "n": 1})]
    assert said == ["demo-reviewer: Approve: Buy"]


def test_it_steps_back_where_a_person_was_faster() -> None:
    said: list[str] = []
    Autopilot(client_of(lambda _: httpx.Response(409)), on_answer=said.append).answer_open("fete", "run")
    assert said == []


@pytest.mark.parametrize("may_answer", [True, False])
def test_a_colleague_does_the_work_so_that_the_reviewer_may_decide_about_it(may_answer: bool) -> None:
    def serve(request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and not request.url.path.startswith("/auth"):
            raise AssertionError("the reviewer may not")
        if request.url.path == "/auth/token":
            return httpx.Response(201, json={"access_token": "t"})
        if request.url.path.endswith("/tickets"):
            return httpx.Response(200, json={"tickets": [OLD], "total": 1})
        return httpx.Response(200, json={**ticket("work"), "state": "open", "may_answer": may_answer})

    said: list[str] = []
    reviewer = AirflowClient("http://airflow", "demo-reviewer", "p", transport=httpx.MockTransport(serve))
    colleague = client_of(lambda _: httpx.Response(200, json={}), "demo-colleague")
    Autopilot(reviewer, said.append, colleague).answer_open("fete", "run")
    assert said == ["demo-colleague: Done: Buy"]


def test_a_refused_answer_ends_the_demonstration() -> None:
    pilot = Autopilot(client_of(lambda _: httpx.Response(422, json={"detail": ["amount: needed"]})))
    with pytest.raises(StackError, match=r"answer of demo-reviewer to 'buy.gate' was refused: .*amount: needed"):
        pilot.answer_open("fete", "run")


def test_a_ticket_that_opens_again_and_again_ends_the_demonstration() -> None:
    pilot = Autopilot(client_of(lambda _: httpx.Response(200, json={})))
    for _ in range(3):
        pilot.answer_open("fete", "run")
    with pytest.raises(StackError, match=r"'buy.gate' opens again after every answer: comment: needed"):
        pilot.answer_open("fete", "run")


def test_it_answers_again_where_the_server_failed_and_gives_up_after_a_while() -> None:
    answers = iter([httpx.Response(500), httpx.Response(200, json={})])
    said: list[str] = []
    pilot = Autopilot(client_of(lambda _: next(answers)), on_answer=said.append)
    pilot.answer_open("fete", "run")
    assert said == []
    pilot.answer_open("fete", "run")
    assert said == ["demo-reviewer: Approve: Buy"]

    hopeless = Autopilot(client_of(lambda _: httpx.Response(500, text="broken")))
    for _ in range(3):
        hopeless.answer_open("fete", "run")
    with pytest.raises(StackError, match="was refused: broken"):
        hopeless.answer_open("fete", "run")
