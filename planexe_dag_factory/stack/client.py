"""Airflow's REST API and the plugin's, as the command line uses them: over HTTP, logged in as somebody."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from planexe_dag_factory.errors import StackError

_TIMEOUT_S = 30
_ASK_AGAIN, _PAUSE_S = 3, 0.5
_PLUGIN = "/planexe/api/v1"
_PAGE = 100


class AirflowClient:
    """One user's session with an Airflow; logs in at the first request, and again when the token has expired.

    Every method raises StackError, which names the request, where the answer is not the wanted one.
    """

    def __init__(self, url: str, user: str, password: str, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url
        self.user = user
        self._password = password
        self._http = httpx.Client(base_url=url, timeout=_TIMEOUT_S, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def token(self) -> str:
        """Log in. Returns the bearer token."""
        answer = self._send("POST", "/auth/token", json={"username": self.user, "password": self._password})
        token: str = _checked(answer)["access_token"]
        return token

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request as this user; any status is an answer. Options are those of httpx."""
        if "Authorization" not in self._http.headers:
            self._login()
        answer = self._send(method, path, **options)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._login()
            answer = self._send(method, path, **options)
        return answer

    def get(self, path: str, **params: Any) -> Any:
        """Ask for JSON; again, a few times, where the server fails for a moment."""
        for _ in range(_ASK_AGAIN):
            answer = self.request("GET", path, params=params)
            if not answer.is_server_error:
                break
            time.sleep(_PAUSE_S)
        return _checked(answer)

    def post(self, path: str, body: Any) -> Any:
        return _checked(self.request("POST", path, json=body))

    def dag(self, dag_id: str) -> dict[str, Any] | None:
        """Return Airflow's details of a DAG; None while it knows none of that id."""
        answer = self.request("GET", f"/api/v2/dags/{_word(dag_id)}/details")
        return None if answer.status_code == httpx.codes.NOT_FOUND else _checked(answer)

    def import_errors(self) -> list[dict[str, Any]]:
        """Return the DAG files that could not be parsed: `filename`, `stack_trace`, `timestamp`."""
        errors: list[dict[str, Any]] = self.get("/api/v2/importErrors", limit=100)["import_errors"]
        return errors

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run now, with a configuration. Returns its id.

        The id is ours, so that it is asked for again where the server fails, and starts no second run.
        """
        run_id = f"manual__{datetime.now(UTC).isoformat()}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf or {})}
        for asked in range(_ASK_AGAIN):
            answer = self.request("POST", f"/api/v2/dags/{_word(dag_id)}/dagRuns", json=body)
            if asked and answer.status_code == httpx.codes.CONFLICT:
                return run_id  # it was made, and the server failed after that
            if not answer.is_server_error:
                break
            time.sleep(_PAUSE_S)
        return str(_checked(answer)["dag_run_id"])

    def cancel(self, dag_id: str, run_id: str) -> None:
        """Mark a run as failed, which ends what is still to do."""
        path = f"/api/v2/dags/{_word(dag_id)}/dagRuns/{_word(run_id)}"
        _checked(self.request("PATCH", path, json={"state": "failed"}))

    def health(self) -> dict[str, Any]:
        """Return what is wrong with this Airflow and what runs in it: the plugin's Installation."""
        found: dict[str, Any] = self.get(f"{_PLUGIN}/health")
        return found

    def progress(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return the plugin's Progress of a run (see docs/architecture.md)."""
        found: dict[str, Any] = self.get(f"{_PLUGIN}/runs/{_word(dag_id)}/{_word(run_id)}")
        return found

    def tickets(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the rows of a run's open tickets."""
        rows: list[dict[str, Any]] = self.get(f"{_PLUGIN}/tickets", dag_id=dag_id, run_id=run_id)["tickets"]
        return rows

    def inbox(self, **wanted: Any) -> dict[str, Any]:
        """Return a page of the inbox; the arguments are those of `GET /tickets`."""
        page: dict[str, Any] = self.get(f"{_PLUGIN}/tickets", **wanted)
        return page

    def inbox_rows(self, **wanted: Any) -> Iterator[dict[str, Any]]:
        """Go through every page of the inbox."""
        offset, total = 0, 1
        while offset < total:
            page = self.inbox(**wanted, limit=_PAGE, offset=offset)
            yield from page["tickets"]
            offset, total = offset + _PAGE, page["total"]

    def claim(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Take a ticket: `ok`, or the `problem`."""
        return self._each("claim", dag_id, run_id, task_id)

    def release(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Give a ticket back: `ok`, or the `problem`."""
        return self._each("release", dag_id, run_id, task_id)

    def comment(self, dag_id: str, run_id: str, task_id: str, text: str) -> httpx.Response:
        """Say something about a ticket: 204, or why not."""
        return self.request("POST", f"{_ticket_path(dag_id, run_id, task_id)}/comments", json={"text": text})

    def remind(self, dag_id: str, run_id: str, task_id: str) -> httpx.Response:
        """Remind those who have still to answer: 200, or why not."""
        return self.request("POST", f"{_ticket_path(dag_id, run_id, task_id)}/remind")

    def ask(self, place: tuple[str, str, str], question: Mapping[str, Any]) -> httpx.Response:
        """Ask somebody for information about a ticket: 204, or why not."""
        return self.request("POST", f"{_ticket_path(*place)}/questions", json=dict(question))

    def add_approver(self, place: tuple[str, str, str], approver: Mapping[str, Any]) -> httpx.Response:
        """Make somebody's approval necessary as well: 204, or why not."""
        return self.request("POST", f"{_ticket_path(*place)}/approvers", json=dict(approver))

    def ticket(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return everything about one ticket."""
        found: dict[str, Any] = self.get(_ticket_path(dag_id, run_id, task_id))
        return found

    def answer(self, dag_id: str, run_id: str, task_id: str, answer: dict[str, Any]) -> httpx.Response:
        """Answer a ticket: 200, or 403, 409 (somebody was first), 422 (`detail` lists what is wrong)."""
        return self.request("POST", f"{_ticket_path(dag_id, run_id, task_id)}/answer", json=answer)

    def absence(self) -> dict[str, Any]:
        """Return whether this user is away, and for whom they answer."""
        found: dict[str, Any] = self.get(f"{_PLUGIN}/me/absence")
        return found

    def leave(self, absence: Mapping[str, Any], user: str | None = None) -> httpx.Response:
        """Be away, or say it of another user: 204, or why not."""
        return self.request("PUT", _absence_path(user), json=dict(absence))

    def come_back(self, user: str | None = None) -> httpx.Response:
        """Be back, or say it of another user: 204, or why not."""
        return self.request("DELETE", _absence_path(user))

    def _each(self, action: str, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        place = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id}
        [done] = self.post(f"{_PLUGIN}/tickets/{action}", {"tickets": [place]})["tickets"]
        return dict(done)

    def _login(self) -> None:
        self._http.headers.pop("Authorization", None)
        self._http.headers["Authorization"] = f"Bearer {self.token()}"

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise StackError(f"{method} {self.url}{path}: {error or type(error).__name__}") from error


def _checked(answer: httpx.Response) -> Any:
    if answer.is_error:
        request = answer.request
        raise StackError(f"{request.method} {request.url}: {answer.status_code} {answer.text[:500]}")
    return answer.json()


def _ticket_path(dag_id: str, run_id: str, task_id: str) -> str:
    return f"{_PLUGIN}/tickets/{_word(dag_id)}/{_word(run_id)}/{_word(task_id)}"


def _absence_path(user: str | None) -> str:
    return f"{_PLUGIN}/people/{_word(user)}/absence" if user else f"{_PLUGIN}/me/absence"


def _word(text: str) -> str:
    return quote(text, safe="")
