"""Following plans on a real Airflow: drop, wait, answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.stack.client import AirflowClient

PATIENCE_S = 240
Answer = dict[str, Any]
T = TypeVar("T")
Person = Callable[[Mapping[str, Any]], Answer | None]


def wait_for(what: str, look: Callable[[], T | None]) -> T:
    """Look every half second until there is something."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError(f"waited {PATIENCE_S} s for {what}")


def drop(folder: Path, plan: Mapping[str, Any]) -> Path:
    """Put a plan into a folder, whole."""
    draft = folder / f".{plan['id']}"
    draft.write_text(json.dumps(plan, indent=1))
    return draft.rename(folder / f"{plan['id']}.json")


def wait_for_title(client: AirflowClient, dag_id: str, title: str) -> None:
    """Wait until Airflow knows a DAG under this title."""
    wait_for(f"the DAG {dag_id}", lambda: (client.dag(dag_id) or {}).get("dag_display_name") == title)


@dataclass
class Followed:
    """A run of a plan, and every ticket that was seen open in it, in order."""

    client: AirflowClient
    dag_id: str
    run_id: str
    seen: list[dict[str, Any]] = field(default_factory=list)
    colleague: AirflowClient | None = None

    def progress(self) -> dict[str, Any]:
        return self.client.progress(self.dag_id, self.run_id)

    def states(self) -> dict[str, str]:
        """Return the state of every step by id."""
        return {step["id"]: step["state"] for phase in self.progress()["phases"] for step in phase["steps"]}

    def task_states(self) -> dict[str, str]:
        """Return the state of every task, as Airflow has it."""
        path = f"/api/v2/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances"
        return {one["task_id"]: one["state"] for one in self.client.get(path, limit=100)["task_instances"]}

    @property
    def record(self) -> RunFolder:
        return RunFolder(self.progress()["run_dir"])

    def to_the_end(self, person: Person) -> str:
        """Answer what is asked until the run ends; return its state."""

        def look() -> str | None:
            for row in self.client.tickets(self.dag_id, self.run_id):
                self._answer(row["task_id"], person)
            state: str = self.progress()["state"]
            return state if state in ("success", "failed") else None

        return wait_for(f"the end of {self.run_id}", look)

    def wait_for_ticket(self, task_id: str) -> dict[str, Any]:
        """Wait until a task asks somebody."""

        def look() -> dict[str, Any] | None:
            rows = [row["task_id"] for row in self.client.tickets(self.dag_id, self.run_id)]
            return self.client.ticket(self.dag_id, self.run_id, task_id) if task_id in rows else None

        return wait_for(f"a ticket of {task_id}", look)

    def _answer(self, task_id: str, person: Person) -> None:
        ticket = self.client.ticket(self.dag_id, self.run_id, task_id)
        if ticket["state"] != "open":
            return
        if ticket not in self.seen:
            self.seen.append(ticket)
        answer = person(ticket)
        if answer:
            who = self.colleague if self.colleague and not ticket["may_answer"] else self.client
            who.answer(self.dag_id, self.run_id, task_id, answer)


def start(client: AirflowClient, plan: Mapping[str, Any], starter: AirflowClient | None = None) -> Followed:
    """Wait for the DAG of a plan and trigger it. `starter` does what `client` has approved."""
    wait_for_title(client, plan["id"], plan["title"])
    return Followed(client, plan["id"], (starter or client).trigger(plan["id"]), colleague=starter)


def agreeable(ticket: Mapping[str, Any]) -> Answer:
    """Answer as somebody who says yes to everything."""
    option = {"work": "Done", "review": "Accept", "approval": "Approve", "senior_review": "Proceed"}[ticket["kind"]]
    fields = {"comment": "fine"} | ({"amount": ticket["amount"]} if ticket.get("amount") is not None else {})
    return {"option": option, "fields": fields}
