"""Somebody who answers every ticket as soon as it opens, on our page or on Airflow's, and remembers what was taken."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote

from planexe_dag_factory.errors import StackError
from planexe_dag_factory.stack.client import AirflowClient
from tests.airflow.following import agreeable

PAUSE_S = 0.4


@dataclass(frozen=True)
class Taken:
    """An answer that Airflow has said it took; `words` are unique."""

    run_id: str
    task_id: str
    n: int
    words: str


@dataclass
class People:
    """A thread that answers for as long as the block lasts. Half of the answers come in on Airflow's own page."""

    client: AirflowClient
    dag_id: str
    seed: int
    taken: list[Taken] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    run_id: str | None = None
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _count: int = 0

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._thread:
            self._thread.join()

    def _work(self) -> None:
        chance = random.Random(self.seed)
        while not self._end.wait(PAUSE_S):
            if self.run_id:
                try:
                    self._look(self.run_id, chance)
                except StackError:
                    continue  # the API server is down: the ticket is still open

    def _look(self, run_id: str, chance: random.Random) -> None:
        for row in self.client.tickets(self.dag_id, run_id):
            ticket = self.client.ticket(self.dag_id, run_id, row["task_id"])
            if ticket["state"] == "open":
                self._answer(run_id, ticket, on_our_page=chance.random() < 0.5)

    def _answer(self, run_id: str, ticket: dict[str, Any], *, on_our_page: bool) -> None:
        self._count += 1
        words = f"answer {self._count}"
        answer = agreeable(ticket)
        answer["fields"]["comment"] = words
        send = self._on_our_page if on_our_page else self._on_airflows_page
        response = send(run_id, ticket["task_id"], {**answer, "n": ticket["n"]})
        if response.is_success:
            self.taken.append(Taken(run_id, ticket["task_id"], ticket["n"], words))
        elif response.status_code not in (409, 404) and not response.is_server_error:
            self.refused.append(f"{ticket['task_id']}: {response.status_code} {response.text[:300]}")

    def _on_our_page(self, run_id: str, task_id: str, answer: dict[str, Any]) -> Any:
        return self.client.answer(self.dag_id, run_id, task_id, answer)

    def _on_airflows_page(self, run_id: str, task_id: str, answer: dict[str, Any]) -> Any:
        path = f"/api/v2/dags/{self.dag_id}/dagRuns/{quote(run_id)}/taskInstances/{quote(task_id)}/-1/hitlDetails"
        body = {"chosen_options": [answer["option"]], "params_input": answer["fields"]}
        return self.client.request("PATCH", path, json=body)
