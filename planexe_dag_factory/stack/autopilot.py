"""The demo reviewer and a colleague: they answer as people would, through people's API and under their own names."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from planexe_dag_factory.errors import StackError
from planexe_dag_factory.stack.client import AirflowClient

VIA = "demo-reviewer"
_YES = {"work": "Done", "review": "Accept", "approval": "Approve", "senior_review": "Proceed"}
_NOTES = {
    "work": "Done for the demonstration; nothing was checked in the real world.",
    "review": "Read by the demo reviewer and accepted as it is.",
    "approval": "Approved for the demonstration.",
    "senior_review": "Seen by the demo reviewer: the demonstration may go on.",
}
_PATIENCE = 3
_READING_S = 4
"""It takes a moment, as a person does: Airflow fails a task that goes on before its executor has said
that the task is parked."""
_log = logging.getLogger(__name__)


@dataclass
class Autopilot:
    """Says yes to every ticket of a run. `client` is logged in as the demo reviewer.

    `colleague` is logged in as somebody else, who does the work: whoever decides about it must not have done it.
    """

    client: AirflowClient
    on_answer: Callable[[str], None] = _log.info
    colleague: AirflowClient | None = None
    _answers: Counter[str] = field(default_factory=Counter)

    def answer_open(self, dag_id: str, run_id: str) -> int:
        """Answer every ticket that has been open long enough to be read. Returns how many.

        Raises StackError where an answer is refused, or not enough three times.
        """
        rows = [row for row in self.client.tickets(dag_id, run_id) if _is_read(row)]
        for row in rows:
            self._answer(dag_id, run_id, row["task_id"])
        return len(rows)

    def _answer(self, dag_id: str, run_id: str, task_id: str) -> None:
        ticket = self.client.ticket(dag_id, run_id, task_id)
        refused = ticket.get("may_answer") is False and ticket.get("state") == "open"
        person = self.colleague if self.colleague and (refused or ticket["kind"] == "work") else self.client
        response = person.answer(dag_id, run_id, task_id, answer_to(ticket))
        if response.status_code == httpx.codes.CONFLICT:
            return  # a person was faster
        self._answers[task_id] += 1
        if response.is_server_error and self._answers[task_id] <= _PATIENCE:
            return  # the ticket is still open, and is answered again
        if response.is_error:
            raise StackError(f"the answer of {person.user} to {task_id!r} was refused: {response.text[:500]}")
        if self._answers[task_id] > _PATIENCE:
            raise StackError(f"{task_id!r} opens again after every answer: {ticket.get('previous')}")
        self.on_answer(f"{person.user}: {_YES[ticket['kind']]}: {ticket['title']}")


def answer_to(ticket: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer of somebody who agrees: the body of a POST to `/answer`."""
    kind = ticket["kind"]
    return {"option": _YES[kind], "fields": _fields(ticket, _NOTES[kind]), "via": VIA, "n": ticket["n"]}


def _is_read(row: Mapping[str, Any]) -> bool:
    return (datetime.now(UTC) - datetime.fromisoformat(row["opened_at"])).total_seconds() >= _READING_S


def _fields(ticket: Mapping[str, Any], note: str) -> dict[str, Any]:
    """Fill the comment, and type in the amount that an approval asks for."""
    amount = ticket.get("amount")
    return {"comment": note} if amount is None else {"comment": note, "amount": amount}
