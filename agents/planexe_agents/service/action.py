"""A typed function as an action: its published schemas, and how it is carried out."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin, get_type_hints

from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from planexe_agents.context import Context
from planexe_agents.protocol import ActionCard, Assignment, Evidence, Usage
from planexe_agents.signing import canonical

log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT", bound=BaseModel)
SideEffects = Literal["none", "reversible", "irreversible"]
ActionFunction = Callable[[Any, "Task"], "Completed[Any]"]


class Reject(Exception):  # noqa: N818 - an author raises it as a verb: `raise Reject("no price list")`
    """The agent decides not to do this task; the orchestrator asks the next candidate. The text is the reason."""


@dataclass(frozen=True, slots=True)
class Completed(Generic[ResultT]):
    """Work that was done. `confidence` (0 to 1) is computed from what was found; `confidence_why` says from what.

    `usage` is what it took of a language model, where one was asked.
    """

    result: ResultT
    confidence: float
    confidence_why: str
    evidence: tuple[Evidence, ...] = ()
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """What surrounds the inputs of an action.

    `digest` is that of the assignment, and the same whenever it is carried out again: pass it on as
    an idempotency key to whatever the action changes outside. `stop` is set when the orchestrator
    gave the work up; long actions look at it.
    """

    assignment: Assignment
    context: Context
    digest: str
    stop: threading.Event

    @property
    def seed(self) -> int:
        """A seed for simulations: 64 bits of the assignment's digest, so that a repeat gives the same numbers."""
        return int(self.digest.removeprefix("sha256:")[:16], 16)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How carrying out an action ended; the parts of an Outcome that the action decides."""

    status: Literal["completed", "rejected", "failed"]
    reason: str | None = None
    result: dict[str, Any] | None = None
    confidence: float = 0.0
    confidence_why: str = ""
    evidence: tuple[Evidence, ...] = ()
    usage: Usage | None = None


class Action:
    """An action of an agent, made from a function `(inputs: Model, task: Task) -> Completed[Model]`.

    Raises TypeError where the function is not annotated so, or has no docstring (it is published).
    """

    def __init__(
        self, function: ActionFunction, examples: tuple[str, ...], cannot: tuple[str, ...], side_effects: SideEffects
    ) -> None:
        self._function = function
        self._inputs, result = _models(function)
        self.card = ActionCard(
            name=function.__name__,
            description=_description(function),
            examples=examples,
            cannot=cannot,
            input_schema=self._inputs.model_json_schema(),
            output_schema=result.model_json_schema(mode="serialization"),
            side_effects=side_effects,
        )
        self._input_validator = Draft202012Validator(self.card.input_schema)
        self._output_validator = Draft202012Validator(self.card.output_schema)

    def carry_out(self, assignment: Assignment, digest: str, stop: threading.Event) -> Verdict:
        """Do the work. Never raises: whatever goes wrong is in the verdict, its traceback in the log alone."""
        try:
            inputs = self._read_inputs(assignment.inputs)
            task = Task(assignment, _read_context(assignment.context), digest, stop)
            return self._verdict(self._function(inputs, task))
        except Reject as refusal:
            return Verdict("rejected", reason=str(refusal))
        except BaseException as error:
            log.exception("action %s failed on assignment %s", self.card.name, digest)
            return Verdict("failed", reason=f"{self.card.name} ended with {type(error).__name__}; see the agent's log")

    def _read_inputs(self, inputs: dict[str, Any]) -> BaseModel:
        problems = schema_problems(self._input_validator, inputs, "$.inputs")
        if problems:
            raise Reject("; ".join(problems))
        try:
            return self._inputs.model_validate(inputs)
        except ValidationError as error:
            raise Reject("; ".join(validation_problems(error, "$.inputs"))) from error

    def _verdict(self, done: Completed[Any]) -> Verdict:
        result = done.result.model_dump(mode="json", by_alias=True)
        problems = schema_problems(self._output_validator, result, "$.result")
        if problems:
            raise ValueError("; ".join(problems))
        canonical(result)  # what cannot be written as JSON cannot be signed either
        if not 0.0 <= done.confidence <= 1.0:
            raise ValueError(f"confidence {done.confidence} is not between 0 and 1")
        evidence = tuple(done.evidence)
        return Verdict("completed", None, result, done.confidence, done.confidence_why, evidence, done.usage)


def schema_problems(validator: Draft202012Validator, document: Any, at: str) -> tuple[str, ...]:
    """Say what in the document does not fit the schema, each with its JSON path below `at`."""
    errors = sorted(validator.iter_errors(document), key=lambda error: error.json_path)
    return tuple(f"{at}{error.json_path[1:]}: {error.message[:300]}" for error in errors[:20])


def validation_problems(error: ValidationError, at: str) -> tuple[str, ...]:
    """The same for what pydantic found."""
    return tuple(f"{at}{_json_path(entry['loc'])}: {entry['msg']}" for entry in error.errors()[:20])


def _json_path(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def _read_context(context: dict[str, Any]) -> Context:
    try:
        return Context.model_validate(context)
    except ValidationError as error:
        raise Reject("; ".join(validation_problems(error, "$.context"))) from error


def _models(function: ActionFunction) -> tuple[type[BaseModel], type[BaseModel]]:
    hints = get_type_hints(function)
    parameters = list(inspect.signature(function).parameters)
    inputs = hints.get(parameters[0]) if len(parameters) == 2 else None  # noqa: PLR2004 - inputs and task
    answer = hints.get("return")
    result = get_args(answer)[0] if get_origin(answer) is Completed else None
    if not _is_model(inputs) or not _is_model(result):
        raise TypeError(f"{function.__name__} must read `(inputs: Model, task: Task) -> Completed[Model]`")
    return inputs, result  # type: ignore[return-value] # just checked


def _is_model(candidate: object) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, BaseModel)


def _description(function: ActionFunction) -> str:
    text = inspect.getdoc(function)
    if not text:
        raise TypeError(f"{function.__name__} needs a docstring: it is published, and work is matched by it")
    return " ".join(text.split())
