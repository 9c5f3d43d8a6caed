import json

import httpx
import pytest

from planexe_dag_factory.errors import StackError
from planexe_dag_factory.stack.client import AirflowClient


def client_of(*answers: httpx.Response) -> tuple[AirflowClient, list[str]]:
    """Return a client that gets these answers in turn, and the list of what it asked."""
    asked: list[str] = []
    left = list(answers)

    def serve(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.raw_path.decode()} {request.headers.get('Authorization', '-')}")
        return left.pop(0)

    return AirflowClient("http://airflow", "ann", "secret", transport=httpx.MockTransport(serve)), asked


def login(token: str) -> httpx.Response:
    return httpx.Response(201, json={"access_token": token})


def test_it_logs_in_once_and_again_when_the_token_has_expired() -> None:
    runs = httpx.Response(200, json={"dag_id": "a"})
    client, asked = client_of(login("one"), runs, httpx.Response(401), login("two"), runs)
    assert client.dag("a b/c") == {"dag_id": "a"}
    assert client.dag("a") == {"dag_id": "a"}
    assert asked == [
        "POST /auth/token -",
        "GET /api/v2/dags/a%20b%2Fc/details Bearer one",
        "GET /api/v2/dags/a/details Bearer one",
        "POST /auth/token -",
        "GET /api/v2/dags/a/details Bearer two",
    ]


def test_a_dag_that_is_not_there_is_none_and_any_other_failure_names_the_request() -> None:
    client, _ = client_of(login("t"), httpx.Response(404), httpx.Response(500, text="boom"))
    assert client.dag("a") is None
    with pytest.raises(StackError, match=r"^GET http://airflow/api/v2/dags/a/details: 500 boom$"):
        client.dag("a")


def test_a_run_is_started_once_though_the_server_fails_while_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planexe_dag_factory.stack.client._PAUSE_S", 0)
    asked: list[str] = []
    answers = [login("t"), httpx.Response(500), httpx.Response(409)]

    def serve(request: httpx.Request) -> httpx.Response:
        asked.append(request.content.decode())
        return answers.pop(0)

    client = AirflowClient("http://airflow", "ann", "secret", transport=httpx.MockTransport(serve))
    run_id = client.trigger("a")
    assert [json.loads(body)["dag_run_id"] for body in asked[1:]] == [run_id, run_id]


def test_a_conflict_at_once_is_an_error() -> None:
    client, _ = client_of(login("t"), httpx.Response(409, text="there is such a run"))
    with pytest.raises(StackError, match="there is such a run"):
        client.trigger("a")


def test_an_airflow_that_does_not_answer_is_an_error_that_names_it() -> None:
    with AirflowClient("http://127.0.0.1:9", "ann", "secret") as client, pytest.raises(StackError) as caught:
        client.token()
    assert str(caught.value).startswith("POST http://127.0.0.1:9/auth/token: ")


def test_a_question_is_asked_again_where_the_server_fails_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planexe_dag_factory.stack.client._PAUSE_S", 0)
    token = httpx.Response(201, json={"access_token": "t"})
    client, asked = client_of(token, httpx.Response(500), httpx.Response(200, json={"import_errors": []}))
    assert client.import_errors() == []
    assert len(asked) == 3
