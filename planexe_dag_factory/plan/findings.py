"""What a reader finds wrong in one document, with the place of each thing.

Pydantic's errors are put into our words here, so that every reader speaks of a file in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from planexe_dag_factory.errors import Problem, Severity
from planexe_dag_factory.plan.jsontext import JsonText, Path
from planexe_dag_factory.plan.text import MAX_TITLE, clean, clean_line, hides_something, quote, shorten

MAX_GUESSES = 25
MAX_GUESSED = 200

ModelT = TypeVar("ModelT", bound=BaseModel)

_KINDS = {
    "string_type": "text",
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
}


@dataclass
class Findings:
    """Collects the problems of one document; guesses ("did you mean") are limited, for they cost time."""

    source: JsonText
    problems: list[Problem] = field(default_factory=list)
    guesses: int = 0

    def add(
        self,
        severity: Severity,
        code: str,
        message: str,
        path: Path,
        *,
        hint: str | None = None,
        source_id: str | None = None,
    ) -> None:
        self.problems.append(Problem(severity, code, message, self.source.where(path), hint, source_id))

    def guess(self, wrong: str, known: Iterable[str]) -> str | None:
        """Return what was probably meant, among the first few wrong words of a document."""
        self.guesses += 1
        if self.guesses > MAX_GUESSES or len(wrong) > MAX_GUESSED:
            return None
        return next(iter(get_close_matches(wrong, list(known), n=1, cutoff=0.7)), None)

    def clean(self, value: Any, path: Path, verbatim: frozenset[str] = frozenset()) -> Any:
        """Return a JSON value with every text `clean`, and tell where something was taken out.

        What stands under a name in `verbatim` is left as it is.
        """
        if isinstance(value, str):
            if hides_something(value):
                self.add("info", "hidden-characters", "control or invisible characters were taken out", path)
            return clean(value)
        if isinstance(value, list):
            return [self.clean(item, (*path, index), verbatim) for index, item in enumerate(value)]
        if isinstance(value, dict):
            return {
                name: item if name in verbatim else self.clean(item, (*path, name), verbatim)
                for name, item in value.items()
            }
        return value

    def title(self, value: str, path: Path, severity: Severity, kept: str = "") -> tuple[str, str]:
        """Return a title of at most 200 characters, and the whole of it where it was longer (else nothing).

        `severity` is that of an empty title, which is returned as it is; `kept` says what will hold the whole.
        """
        whole = clean_line(value)
        if not whole:
            self.add(severity, "empty-title", "the title is empty", path, hint="name what is to be done")
        if len(whole) <= MAX_TITLE:
            return whole, ""
        message = f"the title has {len(whole)} characters and is cut to {MAX_TITLE}"
        message += f"; {kept} keeps all of it" if kept else ""
        self.add("warning", "long-title", message, path)
        return shorten(whole, MAX_TITLE), whole

    def validate(self, model: type[ModelT], value: Any, path: Path, severity: Severity) -> ModelT | None:
        """Read a value as a model of pydantic; None, and a problem for each fault, where it does not fit."""
        try:
            return model.model_validate(value)
        except ValidationError as error:
            self.add_details(error, model, path, severity)
            return None

    def add_details(self, error: ValidationError, model: type[BaseModel], path: Path, severity: Severity) -> None:
        """Add a problem for each fault that pydantic found."""
        for detail in error.errors(include_url=False):
            self._add_detail(detail, model, path, severity)

    def _add_detail(self, detail: ErrorDetails, model: type[BaseModel], path: Path, severity: Severity) -> None:
        place = (*path, *detail["loc"])
        if detail["type"] == "extra_forbidden":
            name = str(detail["loc"][-1])
            hint = did_you_mean(self.guess(name, _names_beside(model, detail["loc"])))
            self.add(severity, "unknown-field", f"{quote(name)} is not a field here", place, hint=hint)
        elif detail["type"] == "missing":
            message = f"{quote(str(detail['loc'][-1]))} is missing"
            self.add(severity, "missing-field", message, place)
        elif detail["type"] in _KINDS:
            message = f"{_KINDS[detail['type']]} is expected here, not {describe(detail['input'])}"
            self.add(severity, "wrong-type", message, place)
        else:
            self.add(severity, "wrong-value", _wrong_value(detail), place)


def did_you_mean(guess: str | None) -> str | None:
    """Phrase a guess as a hint."""
    return f"did you mean {quote(guess)}?" if guess else None


def describe(value: Any) -> str:
    """Name a JSON value in a few words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the text {quote(value)}"
    if isinstance(value, int | float):
        return f"the number {value}"
    return "an object" if isinstance(value, Mapping) else "a list"


def _wrong_value(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if detail["type"] == "literal_error":
        expected = str(context["expected"])
        several = "one of " if " or " in expected else ""
        return f"{describe(detail['input'])} is not {several}{expected.replace(' or ', ', ')}"
    return detail["msg"][0].lower() + detail["msg"][1:]


def _names_beside(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    for part in loc[:-1]:
        annotation = (
            model.model_fields[part].annotation if isinstance(part, str) and part in model.model_fields else None
        )
        inner = _model_in(annotation)
        model = inner or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in getattr(annotation, "__args__", ()) if (found := _model_in(part))), None)
