"""What runs, as the supervisor writes it down and everybody else reads it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from planexe_dag_factory.stack.files import write_private
from planexe_dag_factory.stack.home import Home
from planexe_dag_factory.stack.processes import ProcessId, stop_all

Condition = Literal["starting", "ready", "failed"]


class Component(BaseModel):
    """One process of the stack, and how often it had to be started again."""

    model_config = ConfigDict(frozen=True)

    process: ProcessId
    restarts: int = 0


class State(BaseModel):
    """A stack, from its supervisor's first breath on; the file goes when the stack has stopped.

    `url` is where Airflow listens, `agents` where the agents do; `model` names the language model that they write
    with (empty: none); `reason` says why it failed.
    """

    model_config = ConfigDict(frozen=True)

    condition: Condition
    supervisor: ProcessId
    plans: tuple[str, ...]
    run_root: str
    url: str | None = None
    agents: dict[str, str] = {}
    components: dict[str, Component] = {}
    model: str = ""
    reason: str | None = None


def write_state(home: Home, state: State) -> None:
    write_private(home.state, state.model_dump_json(indent=2))


def read_state(home: Home) -> State | None:
    """Read the state; None where nothing was started, or what is there makes no sense."""
    try:
        return State.model_validate_json(home.state.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError):
        return None


def stop_leftovers(state: State | None) -> None:
    """End what a supervisor that was killed has left running."""
    ids = [component.process for component in state.components.values()] if state else []
    stop_all([process for one in ids if (process := one.find())], grace=5)
